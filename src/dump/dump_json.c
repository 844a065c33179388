#include "base/json_out.h"
#include "dump/take.h"

static void write_frame(struct pyr_json *json, const struct pyr_dump_frame *frame, bool locals)
{
    pyr_json_object(json, NULL);
    pyr_json_string(json, "function", frame->function);
    pyr_json_string(json, "file", frame->file);
    pyr_json_uint(json, "line", frame->line);
    if (locals) {
        pyr_json_object(json, "locals");
        for (size_t i = 0; i < frame->locals.count; i++) {
            const struct pyr_dump_local *local = PYR_VEC_AT(&frame->locals, struct pyr_dump_local, i);
            pyr_json_string(json, local->name, local->value);
        }
        pyr_json_end_object(json);
    }
    pyr_json_end_object(json);
}

static void write_thread(struct pyr_json *json, const struct pyr_dump_thread *thread, bool locals)
{
    pyr_json_object(json, NULL);
    pyr_json_uint(json, "id", thread->ident);
    pyr_json_int(json, "native_id", thread->native_id);
    pyr_json_string(json, "name", thread->name);
    pyr_json_int(json, "interpreter", thread->interpreter);
    pyr_json_bool(json, "gil", thread->has_gil);
    pyr_json_bool(json, "waits_gil", thread->waits_gil);
    pyr_json_bool(json, "idle", thread->idle);
    pyr_json_bool(json, "certain", thread->certain);
    pyr_json_bool(json, "truncated", thread->truncated);
    pyr_json_array(json, "frames");
    for (size_t i = 0; i < thread->frames.count; i++)
        write_frame(json, PYR_VEC_AT(&thread->frames, struct pyr_dump_frame, i), locals);
    pyr_json_end_array(json);
    pyr_json_end_object(json);
}

void pyr_dump_json(const struct pyr_dump_data *data, const struct pyr_dump_options *options, FILE *out)
{
    struct pyr_json json = {.out = out};
    pyr_json_object(&json, NULL);
    pyr_json_int(&json, "pid", data->pid);
    pyr_json_string(&json, "python", data->python);
    pyr_json_array(&json, "threads");
    for (size_t i = 0; i < data->threads.count; i++)
        write_thread(&json, PYR_VEC_AT(&data->threads, struct pyr_dump_thread, i), options->locals);
    pyr_json_end_array(&json);
    pyr_json_end_object(&json);
    fputc('\n', out);
}
