/* layout_tool PID: prints as one line of JSON what pyr_python_detect found; then for every line "ADDRESS SIZE" on
 * standard input the bytes there in hexadecimal, or "-" if they cannot be read. */
#include "layout/layout.h"
#include "target/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { READ_MAX = 1 << 20 };

static void print_layout(const struct pyr_python *python)
{
    const struct pyr_layout *layout = &python->layout;
    printf("{\"version\": \"%s\", \"micro\": %d, \"runtime\": %" PRIu64 ", \"jit\": %s, ", layout->version_text,
           layout->version_micro, python->runtime.v, layout->jit ? "true" : "false");
    printf("\"frame_kind\": %d, \"instr_kind\": %d, \"gil_kind\": %d, \"dictkeys_form\": %d, \"long_kind\": %d, ",
           layout->frame_kind, layout->instr_kind, layout->gil_kind, layout->dictkeys_form, layout->long_kind);
    printf("\"linetable_kind\": %d, \"frame_ref_mask\": %" PRIu64 ", \"owner_cstack\": %d, \"owner_thread\": %d, ",
           layout->linetable_kind, layout->frame_ref_mask, layout->frame_owner_cstack, layout->frame_owner_thread);
    printf("\"kind_shift\": %d, \"compact_shift\": %d, \"ascii_shift\": %d, ", layout->unicode_kind_shift,
           layout->unicode_compact_shift, layout->unicode_ascii_shift);
    printf("\"dictentry_size\": %u, \"dictunicodeentry_size\": %u, \"interp_size\": %u, \"fields\": {",
           layout->dictentry_size, layout->dictunicodeentry_size, layout->interp_size);
#define PRINT(structure, field)                                                                                        \
    if (PYR_HAS(layout, structure##_##field))                                                                          \
        printf("\"" #structure "." #field "\": %d, ", layout->structure##_##field);
    PYR_LAYOUT_FIELDS(PRINT)
#undef PRINT
    printf("\"\": 0}}\n");
}

static void print_memory(const struct pyr_target *target, uint64_t at, size_t size)
{
    unsigned char *bytes = size && size <= READ_MAX ? malloc(size) : NULL;
    if (!bytes || pyr_target_read(target, PYR_ADDR(at), bytes, size) < 0)
        printf("-");
    else
        for (size_t i = 0; i < size; i++)
            printf("%02x", bytes[i]);
    printf("\n");
    free(bytes);
}

int main(int argc, char **argv)
{
    struct pyr_target *target;
    struct pyr_python python;
    struct pyr_err err = {0};
    int status = argc == 2 ? pyr_target_open(&target, (pid_t)strtol(argv[1], NULL, 10), &err) : PYR_E_MISUSE;
    if (status < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    status = pyr_python_detect(&python, target, &err);
    if (status < 0)
        printf("{\"error\": %d, \"text\": \"%s\"}\n", status, err.text);
    else
        print_layout(&python);
    fflush(stdout);
    uint64_t at;
    size_t size;
    while (status == 0 && scanf("%" SCNu64 " %zu", &at, &size) == 2) {
        print_memory(target, at, size);
        fflush(stdout);
    }
    pyr_target_close(target);
    return 0;
}
