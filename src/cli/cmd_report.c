#include "cmd.h"
#include "formats.h"
#include "profile_options.h"
#include "streams.h"

#include "pyrometer/pyrometer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct report_args {
    const char *format, *output, *thread, *functions;
    double from_s, to_s;
    int64_t pid;
    unsigned limit;
    int by, mode, weight;
    bool force, json, no_threads, opcodes;
};

#define MODE_OF_RECORDING (-1)

static struct pyr_report_options library_options(const struct report_args *args, const struct pyr_outfile *output,
                                                 struct pyr_err *notice)
{
    return (struct pyr_report_options){
        .format = args->format,
        .by = (enum pyr_by)args->by,
        .weight = (enum pyr_weigh)args->weight,
        .no_threads = args->no_threads,
        .opcodes = args->opcodes,
        .mode_given = args->mode != MODE_OF_RECORDING,
        .mode = args->mode == MODE_OF_RECORDING ? PYR_MODE_WALL : (enum pyr_mode)args->mode,
        .include_idle = args->mode == PYR_MODE_WALL,
        .thread = args->thread,
        .pid = args->pid,
        .from_s = args->from_s,
        .to_s = args->to_s,
        .limit = args->limit,
        .functions = args->functions,
        .colour = pyr_stdio_colour(output->stream),
        .notice = notice,
    };
}

/* What the agent counted by itself: a directory, or a file that it names so. */
static bool is_agents(const char *path)
{
    struct stat status;
    const char *end = strrchr(path, '.');
    return stat(path, &status) == 0 && (S_ISDIR(status.st_mode) || (end && strcmp(end, ".memory") == 0));
}

/* Those become a recording first, in memory. */
static int report(const char *path, const struct pyr_report_options *options, FILE *out, struct pyr_err *err)
{
    char made[32];
    if (!is_agents(path))
        return pyr_report(path, options, out, err);
    int file = memfd_create("pyrometer", MFD_CLOEXEC);
    if (file < 0)
        return pyr_err_set(err, PYR_E_IO, "no file can be made in memory: %s", strerror(errno));
    snprintf(made, sizeof made, "/dev/fd/%d", file);
    int rc = pyr_collect_memory(path, made, true, err);
    if (rc == 0)
        rc = pyr_report(made, options, out, err);
    close(file);
    return rc;
}

static int write_report(const struct pyr_cmd *cmd, const struct report_args *args, const char *recording)
{
    struct pyr_outfile output;
    struct pyr_err err = {0}, notice = {0};
    int rc = pyr_outfile_open(&output, args->output, args->force, &err);
    if (rc < 0)
        return pyr_say_failed(cmd, &err, rc);
    struct pyr_report_options options = library_options(args, &output, &notice);
    rc = report(recording, &options, output.stream, &err);
    int close_rc = pyr_outfile_close(&output, rc == 0, rc < 0 ? NULL : &err);
    if (rc == 0)
        rc = close_rc;
    if (rc == 0 && notice.text[0])
        pyr_say("%s: %s", cmd->name, notice.text);
    return rc < 0 ? pyr_say_failed(cmd, &err, rc) : PYR_EXIT_DONE;
}

static int report_run(const struct pyr_cmd *cmd, void *given, const struct pyr_words *words)
{
    struct report_args *args = given;
    if (words->count != 1)
        return pyr_say_wrong(cmd, "it wants one recording");
    if (args->json && args->format && strcmp(args->format, "json") != 0)
        return pyr_say_wrong(cmd, "--json and -f %s exclude each other", args->format);
    if (args->json)
        args->format = "json";
    if (!args->format)
        args->format = "text";
    if (args->to_s > 0 && args->to_s <= args->from_s)
        return pyr_say_wrong(cmd, "--to must be later than --from");
    if (args->functions && strcmp(args->format, "plot") != 0)
        return pyr_say_wrong(cmd, "--function goes with -f plot");
    if (args->opcodes && strcmp(args->format, "lines") != 0 && strcmp(args->format, "json") != 0)
        return pyr_say_wrong(cmd, "--opcodes goes with -f lines and json");
    if (args->opcodes && args->by == PYR_BY_FUNCTION)
        return pyr_say_wrong(cmd, "--opcodes takes lines apart and does not go with --by function");
    const struct pyr_report_format *format = pyr_format_find(args->format);
    if (!format)
        return pyr_format_wrong(cmd, args->format);
    if (format->binary && !args->output && pyr_stdio_terminal(stdout))
        return pyr_say_wrong(cmd, "%s is binary and not for a terminal; name a file with -o", format->name);
    pyr_stdio_filter();
    return write_report(cmd, args, words->items[0]);
}

static const struct pyr_choice by_choices[] = {
    {"line", PYR_BY_LINE, false}, {"function", PYR_BY_FUNCTION, false}, {NULL, 0, false}};
static const struct pyr_choice weight_choices[] = {
    {"time", PYR_WEIGH_TIME, false}, {"allocated", PYR_WEIGH_ALLOCATED, false}, {"live", PYR_WEIGH_LIVE, false},
    {"peak", PYR_WEIGH_PEAK, false}, {"temporary", PYR_WEIGH_TEMPORARY, false}, {NULL, 0, false}};

#define AT(field) offsetof(struct report_args, field)

static const struct pyr_option options[] = {
    {.letter = 'f',
     .name = "format",
     .kind = PYR_OPTION_TEXT,
     .value = "FORMAT",
     .offset = AT(format),
     .help = "one of those below; default text"},
    {.name = "json", .offset = AT(json), .help = "the same as -f json"},
    {.letter = 'o',
     .name = "output",
     .kind = PYR_OPTION_TEXT,
     .value = "OUT",
     .offset = AT(output),
     .help = "write to this file, not to standard output"},
    {.name = "force", .offset = AT(force), .help = "overwrite OUT if it exists"},
    {.name = "weight",
     .kind = PYR_OPTION_CHOICE,
     .value = "WHAT",
     .offset = AT(weight),
     .choices = weight_choices,
     .help = "what is counted: time, which is the default, or bytes: allocated, live, peak or temporary"},
    {.name = "mode",
     .kind = PYR_OPTION_CHOICE,
     .value = "MODE",
     .offset = AT(mode),
     .choices = pyr_mode_choices,
     .help = "wall: all time; cpu: time on a CPU; gil: time holding the GIL; default the recording's own"},
    {.name = "by",
     .kind = PYR_OPTION_CHOICE,
     .value = "UNIT",
     .offset = AT(by),
     .choices = by_choices,
     .help = "frames are told apart by line (the default) or by function"},
    {.name = "opcodes",
     .offset = AT(opcodes),
     .help = "lines and json: below each line its bytecode instructions, where run --opcodes recorded them"},
    {.name = "no-threads", .offset = AT(no_threads), .help = "leave process and thread frames out of stacks"},
    {.name = "thread",
     .kind = PYR_OPTION_TEXT,
     .value = "T",
     .offset = AT(thread),
     .help = "only threads with this name, identifier or native identifier"},
    {.name = "function",
     .kind = PYR_OPTION_TEXT,
     .value = "NAMES",
     .offset = AT(functions),
     .help = "plot: brackets from where these functions begin to where they end; names are divided by commas"},
    {.name = "pid", .kind = PYR_OPTION_PID, .value = "P", .offset = AT(pid), .help = "only this process"},
    {.name = "from",
     .kind = PYR_OPTION_SECONDS,
     .value = "TIME",
     .offset = AT(from_s),
     .help = "only what came after this time from the start"},
    {.name = "to",
     .kind = PYR_OPTION_SECONDS,
     .value = "TIME",
     .offset = AT(to_s),
     .help = "only what came before this time from the start"},
    {.letter = 'n',
     .name = "limit",
     .kind = PYR_OPTION_COUNT,
     .value = "N",
     .offset = AT(limit),
     .help = "rows of tables in texts"},
    PYR_OPTION_END,
};

static const struct report_args defaults = {.mode = MODE_OF_RECORDING};

const struct pyr_cmd pyr_cmd_report = {
    .name = "report",
    .summary = "Shows a recording, or turns it into another tool's format",
    .usage = (const char *const[]){"[OPTION...] FILE", "[OPTION...] DIRECTORY", NULL},
    .details = "A DIRECTORY is one in which processes count their memory (PYROMETER_MEMORY_DIR); a FILE of it,\n"
               "PID.N.memory, is one process, which may run, have ended or been killed.\n",
    .more = pyr_formats_print,
    .options = options,
    .args_size = sizeof(struct report_args),
    .defaults = &defaults,
    .run = report_run,
};
