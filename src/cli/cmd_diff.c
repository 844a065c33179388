#include "cmd.h"
#include "streams.h"

#include "pyrometer/heap.h"

struct diff_args {
    const char *output;
    bool force;
    unsigned limit;
};

static int write_diff(const struct pyr_cmd *cmd, const struct diff_args *args, char **files)
{
    struct pyr_outfile output;
    struct pyr_err err = {0};
    int rc = pyr_outfile_open(&output, args->output, args->force, &err);
    if (rc < 0)
        return pyr_say_failed(cmd, &err, rc);
    struct pyr_heap_report_options options = {.limit = args->limit, .colour = pyr_stdio_colour(output.stream)};
    rc = pyr_heap_diff(files[0], files[1], &options, output.stream, &err);
    int close_rc = pyr_outfile_close(&output, rc == 0, rc < 0 ? NULL : &err);
    if (rc == 0)
        rc = close_rc;
    return rc < 0 ? pyr_say_failed(cmd, &err, rc) : PYR_EXIT_DONE;
}

static int diff_run(const struct pyr_cmd *cmd, void *given, const struct pyr_words *words)
{
    if (words->count != 2)
        return pyr_say_wrong(cmd, "it wants two heap snapshots");
    pyr_stdio_filter();
    return write_diff(cmd, given, words->items);
}

#define AT(field) offsetof(struct diff_args, field)

static const struct pyr_option options[] = {
    {.letter = 'o',
     .name = "output",
     .kind = PYR_OPTION_TEXT,
     .value = "OUT",
     .offset = AT(output),
     .help = "write to this file, not to standard output"},
    {.name = "force", .offset = AT(force), .help = "overwrite OUT if it exists"},
    {.letter = 'n',
     .name = "limit",
     .kind = PYR_OPTION_COUNT,
     .value = "N",
     .offset = AT(limit),
     .help = "rows of tables"},
    PYR_OPTION_END,
};

const struct pyr_cmd pyr_cmd_diff = {
    .name = "diff",
    .summary = "Shows what grew between two heap snapshots",
    .usage = (const char *const[]){"[OPTION...] OLD NEW", NULL},
    .details = "Objects came or went where both snapshots are of one process: told by address and type.\n",
    .options = options,
    .args_size = sizeof(struct diff_args),
    .run = diff_run,
};
