#include "exercise.h"

#include "base/utf8.h"
#include "record/reader.h"
#include "record/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROMISE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

void append_frame(struct pyr_buf *file, uint16_t kind, uint16_t flags, const uint8_t *raw, size_t size)
{
    size_t at = file->size;
    uint8_t bytes[PYR_FRAME_HEADER_SIZE];
    struct pyr_frame_header header = {
        .kind = kind, .flags = flags, .stored_size = (uint32_t)size, .raw_size = (uint32_t)size};
    pyr_frame_header_put(bytes, &header);
    pyr_buf_append(file, bytes, sizeof bytes);
    pyr_buf_append(file, raw, size);
    header.checksum = pyr_frame_checksum(file->bytes + at, size);
    pyr_frame_header_put(file->bytes + at, &header);
}

static void check_text(const char *text)
{
    PROMISE(text);
    for (size_t left = strlen(text), length; left; text += length, left -= length) {
        length = pyr_utf8_length(text, left);
        PROMISE(length > 0);
    }
}

/* What was said before must hold afterwards. */
struct history {
    uint64_t last_ns[16];
    uint8_t process_ended[16];
    uint8_t thread_ended[256];
};

static void check_alive(struct history *history, const struct pyr_event *event, uint32_t thread)
{
    if (thread < sizeof history->thread_ended)
        PROMISE(!history->thread_ended[thread]);
    if (thread < sizeof history->thread_ended && event->kind == PYR_EVENT_THREAD_END)
        history->thread_ended[thread] = 1;
}

static void check_process(struct history *history, const struct pyr_event *event)
{
    if (event->kind == PYR_EVENT_PROCESS || event->process >= sizeof history->process_ended)
        return;
    PROMISE(event->time_ns >= history->last_ns[event->process]);
    history->last_ns[event->process] = event->time_ns;
    if (event->kind == PYR_EVENT_TICK || event->kind == PYR_EVENT_USAGE || event->kind == PYR_EVENT_PROCESS_END)
        PROMISE(!history->process_ended[event->process]);
    if (event->kind == PYR_EVENT_PROCESS_END)
        history->process_ended[event->process] = 1;
}

static void check_event(const struct pyr_reader *reader, const struct pyr_event *event, struct history *history)
{
    PROMISE(event->process < pyr_reader_processes(reader));
    check_process(history, event);
    if (event->kind == PYR_EVENT_THREAD || event->kind == PYR_EVENT_THREAD_END) {
        PROMISE(pyr_reader_thread(reader, event->thread)->process == event->process);
        check_alive(history, event, event->thread);
    }
    for (uint32_t i = 0; i < event->sample_count; i++) {
        const struct pyr_sample *sample = &event->samples[i];
        PROMISE(pyr_reader_thread(reader, sample->thread)->process == event->process);
        PROMISE(sample->node < pyr_reader_nodes(reader));
        check_alive(history, event, sample->thread);
    }
}

static void check_definitions(const struct pyr_reader *reader)
{
    const struct pyr_run_facts *facts = pyr_reader_facts(reader);
    check_text(facts->pyrometer), check_text(facts->python), check_text(facts->host), check_text(facts->mode);
    for (uint32_t i = 0; i < facts->command_count; i++)
        check_text(facts->command[i]);
    for (uint32_t i = 0; i < pyr_reader_codes(reader); i++) {
        const struct pyr_code_facts *code = pyr_reader_code(reader, i);
        check_text(code->name), check_text(code->file);
        for (uint32_t k = 0, sum = 0; k < code->linetable_size; k++)
            PROMISE((sum += code->linetable[k]) < UINT32_MAX); /* touches every byte */
    }
    for (uint32_t i = 0; i < pyr_reader_processes(reader); i++) {
        const struct pyr_process_facts *process = pyr_reader_process(reader, i);
        check_text(process->command), check_text(process->python), check_text(process->implementation);
    }
    for (uint32_t i = 0; i < pyr_reader_threads(reader); i++) {
        PROMISE(pyr_reader_thread(reader, i)->process < pyr_reader_processes(reader));
        check_text(pyr_reader_thread(reader, i)->name);
    }
    uint32_t parent = 0, code = 0;
    int32_t instruction = 0;
    PROMISE(!pyr_reader_opcode(reader, 0) && !pyr_reader_opcode(reader, pyr_reader_nodes(reader)));
    PROMISE(pyr_reader_node(reader, 0, &parent, &code, &instruction) < 0);
    for (uint32_t i = 1; i < pyr_reader_nodes(reader); i++) {
        PROMISE(pyr_reader_node(reader, i, &parent, &code, &instruction) == 0);
        PROMISE(parent < i && code < pyr_reader_codes(reader) && instruction >= -1);
        if (pyr_reader_opcode(reader, i))
            check_text(pyr_reader_opcode(reader, i));
    }
}

static void check_heaps(const struct pyr_reader *reader)
{
    for (uint32_t i = 0; i < pyr_reader_heaps(reader); i++) {
        const struct pyr_memory_facts *heap = pyr_reader_heap(reader, i);
        PROMISE(heap && heap->process < pyr_reader_processes(reader));
        check_text(heap->why);
        for (uint32_t k = 0; k < heap->site_count; k++)
            PROMISE(heap->sites[k].node < pyr_reader_nodes(reader));
        for (uint32_t k = 0; k < i; k++)
            PROMISE(pyr_reader_heap(reader, k)->process != heap->process ||
                    pyr_reader_heap(reader, k)->interpreter != heap->interpreter);
    }
    PROMISE(!pyr_reader_heap(reader, pyr_reader_heaps(reader)));
}

static void check_collectors(const struct pyr_reader *reader)
{
    for (uint32_t i = 0; i < pyr_reader_collectors(reader); i++) {
        const struct pyr_gc_facts *facts = pyr_reader_collector(reader, i);
        PROMISE(facts && facts->process < pyr_reader_processes(reader));
        for (uint32_t k = 0; k < facts->pause_count; k++) {
            PROMISE(facts->pauses[k].node < pyr_reader_nodes(reader));
            PROMISE(facts->pauses[k].generation < PYR_GC_GENERATIONS);
        }
        for (uint32_t k = 0; k < i; k++)
            PROMISE(pyr_reader_collector(reader, k)->process != facts->process ||
                    pyr_reader_collector(reader, k)->interpreter != facts->interpreter);
    }
    PROMISE(!pyr_reader_collector(reader, pyr_reader_collectors(reader)));
}

static void check_residents(const struct pyr_reader *reader)
{
    for (uint32_t i = 0; i < pyr_reader_residents(reader); i++) {
        const struct pyr_resident_facts *facts = pyr_reader_resident(reader, i);
        PROMISE(facts && facts->process < pyr_reader_processes(reader));
        for (uint32_t k = 0; k < facts->pin_count; k++)
            PROMISE(facts->pins[k].node < pyr_reader_nodes(reader));
        for (uint32_t k = 0; k < facts->class_count; k++)
            PROMISE(facts->classes[k].used <= facts->classes[k].total);
        for (uint32_t k = 0; k < i; k++)
            PROMISE(pyr_reader_resident(reader, k)->process != facts->process ||
                    pyr_reader_resident(reader, k)->last != facts->last);
    }
    PROMISE(!pyr_reader_resident(reader, pyr_reader_residents(reader)));
}

static void read_events(struct pyr_reader *reader, struct exercise_result *result)
{
    struct pyr_event event;
    struct pyr_err err = {0};
    struct history history = {0};
    while ((result->status = pyr_reader_next(reader, &event, &err)) > 0) {
        check_event(reader, &event, &history);
        result->events++;
        result->samples += event.sample_count;
    }
    PROMISE(event.kind == PYR_EVENT_END);
    PROMISE(result->status == 0 || (result->status == err.status && err.text[0]));
    PROMISE(pyr_reader_next(reader, &event, &err) == result->status);
    const char *why = NULL;
    PROMISE(pyr_reader_complete(reader, &why) ? !why : why && why[0]);
}

struct exercise_result exercise_reader(const uint8_t *file, size_t size)
{
    struct exercise_result result = {0};
    struct pyr_err err = {0};
    struct pyr_reader *reader = NULL;
    char path[32];
    int fd = memfd_create("recording", MFD_CLOEXEC);
    PROMISE(fd >= 0 && write(fd, file, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    result.status = pyr_reader_open(&reader, path, &err);
    close(fd);
    if (result.status < 0) {
        PROMISE(!reader && err.status == result.status && err.text[0]);
        return result;
    }
    read_events(reader, &result);
    check_definitions(reader);
    check_heaps(reader);
    check_collectors(reader);
    check_residents(reader);
    result.nodes = pyr_reader_nodes(reader);
    pyr_reader_close(reader);
    return result;
}

void exercise_frame(const char *path, uint16_t kind)
{
    static const uint8_t odd[] = {0, 1, 2, 3, 0x7f, 0x80, 0xff};
    uint8_t file[4096];
    FILE *stream = fopen(path, "rb");
    PROMISE(stream);
    size_t size = fread(file, 1, sizeof file, stream), at = PYR_WIRE_HEADER_SIZE;
    fclose(stream);
    struct pyr_frame_header header = pyr_frame_header_get(file + at);
    while (header.kind != kind) {
        at += PYR_FRAME_HEADER_SIZE + header.stored_size;
        PROMISE(at + PYR_FRAME_HEADER_SIZE <= size);
        header = pyr_frame_header_get(file + at);
    }
    PROMISE(header.flags == PYR_FRAME_SKIPPABLE); /* and not compressed */
    for (size_t i = 0; i < header.raw_size * (sizeof odd + 1); i++) {
        struct pyr_buf changed = {0};
        uint8_t bytes[512];
        size_t place = i % header.raw_size, how = i / header.raw_size;
        PROMISE(header.raw_size <= sizeof bytes);
        memcpy(bytes, file + at + PYR_FRAME_HEADER_SIZE, header.raw_size);
        if (how < sizeof odd)
            bytes[place] = odd[how];
        pyr_buf_append(&changed, file, at);
        append_frame(&changed, kind, PYR_FRAME_SKIPPABLE, bytes, how < sizeof odd ? header.raw_size : place);
        exercise_reader(changed.bytes, changed.size);
        pyr_buf_release(&changed);
    }
}
