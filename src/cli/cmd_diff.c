#include "cmd.h"
#include "streams.h"

#include "pyrometer/heap.h"

#include <string.h>

struct diff_args {
    const char *output, *format, *by;
    bool force;
    unsigned limit;
};

static const char *const bys[] = {
    [PYR_HEAP_BY_TYPE] = "type", [PYR_HEAP_BY_OWNER] = "owner", [PYR_HEAP_BY_LINE] = "line"};

/* −1: there is no such thing. */
static int find_by(const char *name)
{
    for (size_t i = 0; i < sizeof bys / sizeof *bys; i++)
        if (!strcmp(bys[i], name))
            return (int)i;
    return -1;
}

static int write_diff(const struct pyr_cmd *cmd, const struct diff_args *args, const struct pyr_words *words, bool plot)
{
    struct pyr_outfile output;
    struct pyr_err err = {0};
    int rc = pyr_outfile_open(&output, args->output, args->force, &err);
    if (rc < 0)
        return pyr_say_failed(cmd, &err, rc);
    struct pyr_heap_report_options options = {.limit = args->limit, .colour = pyr_stdio_colour(output.stream)};
    char **files = words->items;
    rc = plot ? pyr_heap_plot((const char *const *)files, words->count, args->by ? find_by(args->by) : PYR_HEAP_BY_TYPE,
                              output.stream, &err)
              : pyr_heap_diff(files[0], files[1], &options, output.stream, &err);
    int close_rc = pyr_outfile_close(&output, rc == 0, rc < 0 ? NULL : &err);
    if (rc == 0)
        rc = close_rc;
    return rc < 0 ? pyr_say_failed(cmd, &err, rc) : PYR_EXIT_DONE;
}

static int diff_run(const struct pyr_cmd *cmd, void *given, const struct pyr_words *words)
{
    const struct diff_args *args = given;
    bool plot = args->format && !strcmp(args->format, "plot");
    if (args->format && !plot && strcmp(args->format, "text") != 0)
        return pyr_say_wrong(cmd, "there is no format '%s': it is text or plot", args->format);
    if (args->by && (!plot || find_by(args->by) < 0))
        return pyr_say_wrong(cmd, plot ? "--by is type, owner or line" : "--by is for -f plot");
    if (words->count < 2 || (words->count > 2 && !plot))
        return pyr_say_wrong(cmd, "it wants two heap snapshots; or more, with -f plot");
    pyr_stdio_filter();
    return write_diff(cmd, args, words, plot);
}

#define AT(field) offsetof(struct diff_args, field)

static const struct pyr_option options[] = {
    {.letter = 'f',
     .name = "format",
     .kind = PYR_OPTION_TEXT,
     .value = "FORMAT",
     .offset = AT(format),
     .help = "text; or plot: what grew most over all the snapshots, as a picture (SVG)"},
    {.name = "by",
     .kind = PYR_OPTION_TEXT,
     .value = "WHAT",
     .offset = AT(by),
     .help = "of a plot: type (the default), owner, or line that allocated"},
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
    .usage = (const char *const[]){"[OPTION...] OLD NEW", "-f plot [OPTION...] SNAPSHOT...", NULL},
    .details = "Objects came or went where both snapshots are of one process: told by address and type.\n",
    .options = options,
    .args_size = sizeof(struct diff_args),
    .run = diff_run,
};
