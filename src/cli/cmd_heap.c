#include "cmd.h"
#include "streams.h"
#include "svg.h"

#include "pyrometer/heap.h"
#include "pyrometer/launch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct heap_args {
    bool stop, quiet;
    bool census, suspects, top, dominators, cycles, duplicates, containers, arenas, gc, json;
    const char *paths, *query, *dot, *output, *root;
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
    *view = PYR_HEAP_OVERVIEW;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (*(const bool *)((const char *)args + flags[i].offset)) {
            *view = flags[i].view;
            count++;
        }
    if (args->query) { /* --json is then how it is answered */
        count += *view == PYR_HEAP_JSON ? 0 : 1;
        *view = PYR_HEAP_QUERY;
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

/* ---- taking one ---- */

struct taking {
    struct pyr_signals signals;
    bool show;
};

static int go_on(uint64_t objects, void *context)
{
    const struct taking *taking = context;
    if (taking->show) {
        fprintf(stderr, "\r\033[K%.1f million objects", (double)objects / 1e6);
        fflush(stderr);
    }
    return pyr_signals_end_wanted(&taking->signals);
}

static void say_taken(const struct pyr_heap_taken *taken, const char *file, bool core)
{
    fprintf(stderr, "pyrometer: %" PRIu64 " objects in %s; ", taken->objects, file);
    if (!core)
        fprintf(stderr, "the process stood still for %.1f ms, and ", (double)taken->pause_ns / 1e6);
    fprintf(stderr, "%s read in %.2f s", core ? "the core file was" : "was", (double)taken->walk_ns / 1e9);
    if (taken->copied_bytes)
        fprintf(stderr, "; meanwhile it wrote to %.1f MiB, which the system copied for it",
                (double)taken->copied_bytes / (1 << 20));
    if (taken->missing_bytes)
        fprintf(stderr, "; it was cut short: %.1f MiB are missing", (double)taken->missing_bytes / (1 << 20));
    if (taken->torn)
        fprintf(stderr, "; %" PRIu64 " objects could not be read whole", taken->torn);
    fprintf(stderr, "\nSee it again with: pyrometer heap %s\n", file);
    if (taken->stopped)
        fprintf(stderr, "It could not be copied (%s), so it was stopped while it was read.\n", taken->reason);
}

/* What a snapshot is taken of: a process, or a core file. */
struct source {
    pid_t pid;
    const char *core; /* NULL: the process */
};

static int take(const struct pyr_cmd *cmd, const struct source *source, const char *file, const struct heap_args *args,
                struct pyr_heap_taken *taken)
{
    struct taking taking = {.show = isatty(STDERR_FILENO) && !args->quiet};
    const struct pyr_heap_take_options options = {
        .force = args->force, .keep_open = true, .or_stopped = args->stop, .progress = go_on, .context = &taking};
    struct pyr_err err = {0};
    int rc = pyr_signals_take(&taking.signals, &err);
    if (rc == 0) {
        rc = source->core ? pyr_heap_take_core(source->core, args->root, file, &options, taken, &err)
                          : pyr_heap_take(source->pid, file, &options, taken, &err);
        if (taking.show)
            fputs("\r\033[K", stderr);
        if (rc == 0 && !args->quiet)
            say_taken(taken, file, source->core != NULL);
        pyr_signals_restore(&taking.signals); /* ends here by a signal that came when all was written */
    }
    return rc < 0 ? pyr_say_failed(cmd, &err, rc) : PYR_EXIT_DONE;
}

static char *default_file(const struct source *source)
{
    char *file = NULL;
    if (source->core) {
        const char *slash = strrchr(source->core, '/');
        return asprintf(&file, "%s.pyroheap", slash ? slash + 1 : source->core) < 0 ? NULL : file;
    }
    char *recording = pyr_recording_name(NULL, source->pid);
    if (recording && asprintf(&file, "%sheap", recording) < 0) /* NAME.pyro and NAME.pyroheap */
        file = NULL;
    free(recording);
    return file;
}

/* Takes it, and shows what of it was asked for. */
static int take_and_show(const struct pyr_cmd *cmd, const struct source *source, const struct heap_args *args,
                         struct pyr_heap_report_options *options)
{
    if (source->pid == getpid())
        return pyr_say_wrong(cmd, "%ld is pyrometer itself", (long)source->pid);
    char *file = args->output ? strdup(args->output) : default_file(source);
    if (!file)
        return pyr_say_failed(cmd, NULL, PYR_E_NOMEM);
    struct pyr_heap_taken taken;
    int status = take(cmd, source, file, args, &taken);
    if (status == PYR_EXIT_DONE) {
        options->open = taken.open;
        status = report_to(cmd, file, options, args->dot, args->force);
        pyr_heap_taken_release(&taken);
    }
    free(file);
    return status;
}

static bool is_address(const char *word)
{
    return word[0] == '0' && (word[1] | 0x20) == 'x';
}

static int heap_run(const struct pyr_cmd *cmd, void *given, const struct pyr_words *words)
{
    const struct heap_args *args = given;
    struct pyr_heap_report_options options = {
        .what = args->query ? args->query : args->paths, .limit = args->limit, .json = args->json};
    if (chosen_views(args, &options.view) > 1)
        return pyr_say_wrong(cmd, "one view at a time");
    int file = words->count == 2 && is_address(words->items[0]) ? 1 : 0;
    bool address = words->count == 2 && options.view == PYR_HEAP_DOMINATORS && is_address(words->items[!file]);
    if (words->count != 1 + address)
        return pyr_say_wrong(cmd, "it wants one process or one snapshot");
    if (address)
        options.what = words->items[!file];
    if (args->dot && args->output)
        return pyr_say_wrong(cmd, "--dot names its file already");
    pyr_stdio_filter();
    int64_t pid;
    if (!address && pyr_read_pid(words->items[file], &pid) && access(words->items[file], F_OK) != 0)
        return take_and_show(cmd, &(struct source){.pid = (pid_t)pid}, args, &options);
    if (!address && pyr_heap_is_core(words->items[file]))
        return take_and_show(cmd, &(struct source){.core = words->items[file]}, args, &options);
    if (args->root)
        return pyr_say_wrong(cmd, "--root is for core files");
    return report_to(cmd, words->items[file], &options, args->dot ? args->dot : args->output, args->force);
}

#define AT(field) offsetof(struct heap_args, field)

static const struct pyr_option options[] = {
    {.name = "census", .offset = AT(census), .help = "objects and bytes by type, module, line, size"},
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
    {.name = "query",
     .kind = PYR_OPTION_TEXT,
     .value = "QUERY",
     .offset = AT(query),
     .help = "ask: 'select type, count(), sum(size) from * where garbage group by type'"},
    {.name = "cycles", .offset = AT(cycles), .help = "garbage that only the collector can free"},
    {.name = "duplicates", .offset = AT(duplicates), .help = "equal objects that there are several of"},
    {.name = "containers", .offset = AT(containers), .help = "memory that containers and instances need not take"},
    {.name = "arenas",
     .offset = AT(arenas),
     .help = "how full the allocators' pools and arenas are, and what holds those that are nearly empty"},
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
     .help = "the snapshot of a process or CORE; of a FILE, what to write instead of to standard output"},
    {.name = "force", .offset = AT(force), .help = "overwrite OUT if it exists"},
    {.name = "stop",
     .offset = AT(stop),
     .help = "stop a process that cannot be copied while it is read, for 10 s at most"},
    {.name = "root",
     .kind = PYR_OPTION_TEXT,
     .value = "DIR",
     .offset = AT(root),
     .help = "of a CORE: where the files of its system are, if not here"},
    {.letter = 'q', .name = "quiet", .offset = AT(quiet), .help = "print nothing but what was asked for"},
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
    .summary = "Takes a snapshot of the objects of a process or a core file, and shows what keeps them",
    .usage = (const char *const[]){"[OPTION...] PID", "[OPTION...] FILE", "[OPTION...] CORE",
                                   "--dominators FILE [ADDRESS]", NULL},
    .options = options,
    .args_size = sizeof(struct heap_args),
    .run = heap_run,
};
