#include "cmd.h"
#include "streams.h"
#include "svg.h"

#include "pyrometer/heap.h"

#include <string.h>

struct heap_args {
    bool census, suspects, top, dominators, cycles, duplicates, containers, arenas, gc, json;
    const char *paths, *dot, *output;
    bool force;
    unsigned limit;
};

static const struct {
    size_t offset;
    enum pyr_heap_view view;
} flags[] = {
#define FLAG(field, view)                                                                                              \
    {                                                                                                                  \
        offsetof(struct heap_args, field), view                                                                        \
    }
    FLAG(census, PYR_HEAP_CENSUS),
    FLAG(suspects, PYR_HEAP_SUSPECTS),
    FLAG(top, PYR_HEAP_TOP),
    FLAG(dominators, PYR_HEAP_DOMINATORS),
    FLAG(cycles, PYR_HEAP_CYCLES),
    FLAG(duplicates, PYR_HEAP_DUPLICATES),
    FLAG(containers, PYR_HEAP_CONTAINERS),
    FLAG(arenas, PYR_HEAP_ARENAS),
    FLAG(gc, PYR_HEAP_GC),
    FLAG(json, PYR_HEAP_JSON),
#undef FLAG
};

/* How many views are asked for; the last one. --dot may come with --paths: then it draws those. */
static int chosen_views(const struct heap_args *args, enum pyr_heap_view *view)
{
    int count = 0;
    *view = PYR_HEAP_CENSUS;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (*(const bool *)((const char *)args + flags[i].offset)) {
            *view = flags[i].view;
            count++;
        }
    if (args->paths || args->dot) {
        *view = args->dot ? PYR_HEAP_DOT : PYR_HEAP_PATHS;
        count++;
    }
    return count;
}

static int report_to(const struct pyr_cmd *cmd, const char *file, struct pyr_heap_report_options *options,
                     const char *path, bool force)
{
    struct pyr_outfile output;
    struct pyr_err err = {0};
    int rc = pyr_outfile_open(&output, path, force, &err);
    if (rc < 0)
        return pyr_say_failed(cmd, &err, rc);
    options->colour = pyr_stdio_colour(output.stream);
    rc = pyr_svg_wanted(options->view == PYR_HEAP_DOT ? path : NULL)
             ? pyr_svg_report(file, options, output.stream, &err)
             : pyr_heap_report(file, options, output.stream, &err);
    int close_rc = pyr_outfile_close(&output, rc == 0, rc < 0 ? NULL : &err);
    if (rc == 0)
        rc = close_rc;
    return rc < 0 ? pyr_say_failed(cmd, &err, rc) : PYR_EXIT_DONE;
}

static bool is_address(const char *word)
{
    return word[0] == '0' && (word[1] | 0x20) == 'x';
}

static int heap_run(const struct pyr_cmd *cmd, void *given, const struct pyr_words *words)
{
    const struct heap_args *args = given;
    struct pyr_heap_report_options options = {.what = args->paths, .limit = args->limit};
    if (chosen_views(args, &options.view) > 1)
        return pyr_say_wrong(cmd, "one view at a time");
    int file = words->count == 2 && is_address(words->items[0]) ? 1 : 0;
    bool address = words->count == 2 && options.view == PYR_HEAP_DOMINATORS && is_address(words->items[!file]);
    if (words->count != 1 + address)
        return pyr_say_wrong(cmd, "it wants one snapshot");
    if (address)
        options.what = words->items[!file];
    if (args->dot && args->output)
        return pyr_say_wrong(cmd, "--dot names its file already");
    pyr_stdio_filter();
    return report_to(cmd, words->items[file], &options, args->dot ? args->dot : args->output, args->force);
}

#define AT(field) offsetof(struct heap_args, field)

static const struct pyr_option options[] = {
    {.name = "census", .offset = AT(census), .help = "objects and bytes by type, module, line, size; the default"},
    {.name = "suspects", .offset = AT(suspects), .help = "in words: what keeps a tenth of the heap or more"},
    {.name = "top", .offset = AT(top), .help = "the objects that keep most"},
    {.name = "dominators",
     .offset = AT(dominators),
     .help = "what would be freed with what, as a tree; with an ADDRESS after the file, from that object"},
    {.name = "paths",
     .kind = PYR_OPTION_TEXT,
     .value = "WHAT",
     .offset = AT(paths),
     .help = "shortest ways from roots to the objects of a type, or to the one at an address"},
    {.name = "cycles", .offset = AT(cycles), .help = "garbage that only the collector can free"},
    {.name = "duplicates", .offset = AT(duplicates), .help = "equal objects that there are several of"},
    {.name = "containers", .offset = AT(containers), .help = "memory that containers and instances need not take"},
    {.name = "arenas", .offset = AT(arenas), .help = "how full the allocator's pools and arenas are"},
    {.name = "gc", .offset = AT(gc), .help = "the collector's generations"},
    {.name = "dot",
     .kind = PYR_OPTION_TEXT,
     .value = "OUT",
     .offset = AT(dot),
     .help = "draw the dominator tree, or the --paths, for Graphviz; as a picture if OUT ends in .svg"},
    {.name = "json", .offset = AT(json), .help = "print JSON"},
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

const struct pyr_cmd pyr_cmd_heap = {
    .name = "heap",
    .summary = "Shows what a heap snapshot holds, and what keeps it",
    .usage = (const char *const[]){"[OPTION...] FILE", "--dominators FILE [ADDRESS]", NULL},
    .options = options,
    .args_size = sizeof(struct heap_args),
    .run = heap_run,
};
