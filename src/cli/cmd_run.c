#include "run.h"

#include <stdlib.h>

static int run_run(const struct pyr_cmd *cmd, void *args, const struct pyr_words *words)
{
    struct run run = {.cmd = cmd, .args = args};
    if (!words->count)
        return pyr_say_wrong(cmd, "which program? Name a SCRIPT, -m MODULE, -c CODE or a COMMAND");
    const char *output = run.args->profile.output;
    if (output && pyr_refuse_existing(output, run.args->profile.force, &run.err))
        return pyr_say_failed(cmd, &run.err, PYR_E_EXISTS);
    int status, rc = pyr_program_resolve(&run.program, (enum pyr_program_kind)run.args->kind, words->items,
                                         run.args->python, &run.err);
    status = rc < 0 ? pyr_run_refused(&run, rc) : pyr_run_program(&run);
    pyr_launch_close(run.launch);
    pyr_preload_close(run.preload);
    pyr_program_release(&run.program);
    free(run.file);
    return status;
}

#define AT(field) offsetof(struct run_args, field)

static const struct pyr_option options[] = {
    PROFILE_OPTIONS(run_args),
    {.name = "memory",
     .kind = PYR_OPTION_CHOICE,
     .value = "HOW",
     .offset = AT(profile.memory),
     .choices = pyr_memory_choices,
     .help = "lines: count every allocation, of Python and of C code, at its line, the default; stacks: with all its "
             "callers; off: do not"},
    {.name = "python",
     .kind = PYR_OPTION_TEXT,
     .value = "EXE",
     .offset = AT(python),
     .help = "run SCRIPT, -m and -c under this one; default the virtual environment's python, else python3"},
    {.letter = 'm',
     .kind = PYR_OPTION_PROGRAM,
     .value = "MODULE",
     .offset = AT(kind),
     .number = PYR_PROGRAM_MODULE,
     .help = "run a module; what follows is its arguments"},
    {.letter = 'c',
     .kind = PYR_OPTION_PROGRAM,
     .value = "CODE",
     .offset = AT(kind),
     .number = PYR_PROGRAM_CODE,
     .help = "run code; what follows is its arguments"},
    PYR_OPTION_END,
};

static const struct run_args defaults = {.profile = PROFILE_DEFAULTS};

const struct pyr_cmd pyr_cmd_run = {
    .name = "run",
    .summary = "Runs a program and records where its time and memory go",
    .usage = (const char *const[]){"[OPTION...] [--] SCRIPT [ARG...]", "[OPTION...] -m MODULE [ARG...]",
                                   "[OPTION...] -c CODE [ARG...]", "[OPTION...] [--] COMMAND [ARG...]", NULL},
    .details = "A file that is not executable, or whose name ends in .py, is a SCRIPT for Python; any other word\n"
               "is a COMMAND looked up in PATH. The exit status is the program's own, 128+N for signal N; 127 if\n"
               "it was not found, 126 if it could not be executed, 1 if profiling could not begin (then it was\n"
               "not run). Signals sent to pyrometer are passed on; Ctrl-C reaches the program by itself.\n",
    .options = options,
    .program = true,
    .args_size = sizeof(struct run_args),
    .defaults = &defaults,
    .run = run_run,
};
