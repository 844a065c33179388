/* The options that run and attach share. */
#ifndef PYR_CLI_PROFILE_OPTIONS_H
#define PYR_CLI_PROFILE_OPTIONS_H

#include "options.h"

#include "pyrometer/pyrometer.h"

struct profile_args {
    const char *output;
    double rate_hz, duration_s;
    int mode, memory, truth;
    bool force, native, no_children, no_stop, opcodes, quiet;
};

enum { MEMORY_DEFAULT /* lines, where it can be */, MEMORY_LINES, MEMORY_STACKS, MEMORY_OFF };

#define PROFILE_DEFAULTS                                                                                               \
    {                                                                                                                  \
        .rate_hz = 1000                                                                                                \
    }

extern const struct pyr_choice pyr_mode_choices[], pyr_memory_choices[], pyr_truth_choices[];

/* Rows of a table whose arguments have a `struct profile_args profile`. */
#define PROFILE_AT(args, field) offsetof(struct args, profile) + offsetof(struct profile_args, field)
#define PROFILE_OPTIONS(args)                                                                                          \
    {.letter = 'o',                                                                                                    \
     .name = "output",                                                                                                 \
     .kind = PYR_OPTION_TEXT,                                                                                          \
     .value = "FILE",                                                                                                  \
     .offset = PROFILE_AT(args, output),                                                                               \
     .help = "the recording; default pyrometer-PROGRAM-PID.pyro"},                                                     \
        {.name = "force", .offset = PROFILE_AT(args, force), .help = "overwrite FILE if it exists"},                   \
        {.letter = 'r',                                                                                                \
         .name = "rate",                                                                                               \
         .kind = PYR_OPTION_RATE,                                                                                      \
         .value = "RATE",                                                                                              \
         .offset = PROFILE_AT(args, rate_hz),                                                                          \
         .help = "samples per second: 500, 2k or max; 0 takes none; default 1k"},                                      \
        {.name = "mode",                                                                                               \
         .kind = PYR_OPTION_CHOICE,                                                                                    \
         .value = "MODE",                                                                                              \
         .offset = PROFILE_AT(args, mode),                                                                             \
         .choices = pyr_mode_choices,                                                                                  \
         .help = "what reports show by default: wall, cpu or gil; all of it is recorded"},                             \
        {.name = "truth", /* for tests: no help */                                                                     \
         .kind = PYR_OPTION_CHOICE,                                                                                    \
         .value = "HOW",                                                                                               \
         .offset = PROFILE_AT(args, truth),                                                                            \
         .choices = pyr_truth_choices,                                                                                 \
         .help = ""},                                                                                                  \
        {.name = "native", .offset = PROFILE_AT(args, native), .unavailable = true, .help = ""},                       \
        {.name = "no-children", .offset = PROFILE_AT(args, no_children), .help = "leave out the processes it starts"}, \
        {.name = "no-stop",                                                                                            \
         .offset = PROFILE_AT(args, no_stop),                                                                          \
         .help = "never stop the program, not for an instant: some samples are then less certain"},                    \
        {.name = "opcodes",                                                                                            \
         .offset = PROFILE_AT(args, opcodes),                                                                          \
         .help = "record which bytecode instruction is executed, as specialised, for report --opcodes"},               \
        {.name = "duration",                                                                                           \
         .kind = PYR_OPTION_SECONDS,                                                                                   \
         .value = "TIME",                                                                                              \
         .offset = PROFILE_AT(args, duration_s),                                                                       \
         .help = "end the profiling after this time: 10, 1.5s, 200ms or 5m"},                                          \
    {                                                                                                                  \
        .letter = 'q', .name = "quiet", .offset = PROFILE_AT(args, quiet), .help = "print nothing but failures"        \
    }

/* What the library is asked for; the caller adds what is special. */
struct pyr_profile_options pyr_profile_options_of(const struct profile_args *args);

/* The line that a person reads at the end. */
void pyr_say_summary(const struct pyr_profile_summary *summary, const char *file);

/* What could not be profiled, if anything: the recording is good but for that. */
struct pyr_cmd;
/* That processes live on which the program started, and are not in the recording any more. */
void pyr_say_left(const struct pyr_profile_summary *summary);
void pyr_say_problem(const struct pyr_cmd *cmd, const struct pyr_profile_summary *summary);

/* True, and the failure set, when the file is there and may not be overwritten. */
bool pyr_refuse_existing(const char *path, bool force, struct pyr_err *err);

/* Removes a recording that came to nothing; never what is not a file, such as a pipe or /dev/null. */
void pyr_discard_recording(const char *path);

#endif
