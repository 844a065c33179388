#include "dump/take.h"

#include <inttypes.h>

/* Text of the target: no control characters of it reach the terminal. */
static void put_clean(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

static const char *state_of(const struct pyr_dump_thread *thread)
{
    if (thread->dead)
        return thread->has_gil ? "had the GIL" : "did not have the GIL";
    if (thread->waits_gil)
        return "waits for the GIL";
    if (thread->idle)
        return thread->has_gil ? "waiting, has the GIL" : "waiting";
    return thread->has_gil ? "running, has the GIL" : "running";
}

static void write_frame(const struct pyr_dump_frame *frame, const struct pyr_dump_options *options, FILE *out)
{
    const char *bold = options->colour ? "\033[1m" : "", *plain = options->colour ? "\033[0m" : "";
    fprintf(out, "    %s", bold);
    put_clean(out, frame->function);
    fprintf(out, "%s (", plain);
    put_clean(out, frame->file);
    fprintf(out, ":%" PRIu32 ")\n", frame->line);
    for (size_t i = 0; i < frame->locals.count; i++) {
        const struct pyr_dump_local *local = PYR_VEC_AT(&frame->locals, struct pyr_dump_local, i);
        fputs("        ", out);
        put_clean(out, local->name);
        fputs(" = ", out);
        put_clean(out, local->value);
        fputc('\n', out);
    }
}

void pyr_dump_text(const struct pyr_dump_data *data, const struct pyr_dump_options *options, FILE *out)
{
    fprintf(out, "Process %d: ", (int)data->pid);
    put_clean(out, data->command);
    fprintf(out, "\nPython %s\n", data->python);
    for (size_t i = 0; i < data->threads.count; i++) {
        const struct pyr_dump_thread *thread = PYR_VEC_AT(&data->threads, struct pyr_dump_thread, i);
        fprintf(out, "\nThread %d \"", (int)thread->native_id);
        put_clean(out, thread->name);
        fprintf(out, "\" (%s)%s\n", state_of(thread),
                thread->certain ? ""
                : thread->dead  ? " [could not be read whole]"
                                : " [changed while it was read]");
        if (!thread->frames.count)
            fputs("    no Python frames\n", out);
        for (size_t j = 0; j < thread->frames.count; j++)
            write_frame(PYR_VEC_AT(&thread->frames, struct pyr_dump_frame, j), options, out);
        if (thread->truncated)
            fputs("    … deeper than can be shown\n", out);
    }
}
