/* Names come from the profiled program: anything may be in them. */
#include "report/report.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#define FRAME_NAME_MAX 1024
#define COMMAND_MAX 256

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* C0, DEL and C1: what would move a terminal's cursor or break a line. */
static bool is_control(const char *text, size_t length)
{
    unsigned char first = (unsigned char)text[0], second = length > 1 ? (unsigned char)text[1] : 0;
    return length == 1 ? first < 0x20 || first == 0x7f : length == 2 && first == 0xc2 && second < 0xa0;
}

void pyr_put_clean(FILE *out, const char *text, const char *forbidden, size_t max)
{
    size_t size = text ? strlen(text) : 0;
    for (size_t i = 0; i < size;) {
        if (i >= max) {
            fputs("…", out);
            return;
        }
        size_t length = pyr_utf8_length(text + i, size - i);
        if (length == 0 || is_control(text + i, length))
            fputc('?', out);
        else if (length == 1 && forbidden && strchr(forbidden, text[i]))
            fputc('_', out);
        else
            fwrite(text + i, 1, length, out);
        i += length ? length : 1;
    }
}

bool pyr_clean(char *to, size_t size, const char *text)
{
    size_t left = strlen(text), used = 0;
    while (left && used + 5 < size) {
        size_t length = pyr_utf8_length(text, left);
        bool bad = length == 0 || is_control(text, length);
        length = length ? length : 1;
        if (bad)
            to[used++] = '?';
        else
            memcpy(to + used, text, length);
        used += bad ? 0 : length;
        text += length;
        left -= length;
    }
    to[used] = 0;
    return left != 0;
}

void pyr_put_frame(FILE *out, const struct pyr_model *model, uint32_t number)
{
    const struct pyr_place *place = pyr_model_place(model, number);
    const struct pyr_function *function = pyr_model_function(model, place->function);
    pyr_put_clean(out, *function->name ? function->name : "?", ";", FRAME_NAME_MAX);
    if (!*function->file)
        return;
    fputs(" (", out);
    pyr_put_clean(out, function->file, ";", FRAME_NAME_MAX);
    fprintf(out, ":%" PRIu32 ")", place->line);
}

void pyr_put_process(FILE *out, const struct pyr_process_facts *facts)
{
    fprintf(out, "process %" PRIu32 ":\"", facts->pid);
    pyr_put_clean(out, facts->command, ";\"", COMMAND_MAX);
    fputc('"', out);
}

void pyr_put_thread(FILE *out, const struct pyr_thread_facts *facts)
{
    fprintf(out, "thread %" PRIu64 " \"", facts->native_id);
    pyr_put_clean(out, facts->name, ";\"", COMMAND_MAX);
    fputc('"', out);
}

bool pyr_exit_code(int wait_status, int *code)
{
    if (wait_status == -1 || (!WIFEXITED(wait_status) && !WIFSIGNALED(wait_status)))
        return false;
    *code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    return true;
}

const char *pyr_path_tail(const char *path, size_t width, bool *elided)
{
    size_t size = strlen(path);
    *elided = size > width;
    if (!*elided)
        return path;
    const char *tail = path + size - (width - 1);
    const char *slash = strchr(tail, '/');
    tail = slash ? slash : tail;
    while (is_continuation((unsigned char)*tail))
        tail++;
    return tail;
}
