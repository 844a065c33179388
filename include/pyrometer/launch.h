/* Starting a program so that it can be measured from its first instruction, and staying out of its way while it runs:
 * it gets the streams, environment, directory, umask, process group, signal mask and dispositions that it would have
 * got from the caller's own parent. */
#ifndef PYROMETER_LAUNCH_H
#define PYROMETER_LAUNCH_H

#include "pyrometer/err.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct pyr_profiler;

/* ---- which program ---- */

enum pyr_program_kind {
    PYR_PROGRAM_AUTO,   /* words: SCRIPT or COMMAND, arguments */
    PYR_PROGRAM_MODULE, /* words: module, arguments */
    PYR_PROGRAM_CODE,   /* words: code, arguments */
};

/* Zeroed it is empty and can be released. */
struct pyr_program {
    char *path;               /* the file that is executed */
    char **argv;              /* NULL-terminated; the words are borrowed */
    char *name;               /* short, for a file's name */
    char *interpreter;        /* argv[0] where a Python was chosen, else NULL */
    char *const *environment; /* borrowed; NULL: our own */
};

/* A word that names a file (not a directory) that is not executable or ends in .py is a script for Python, any other a
 * command looked up as a shell does. python: a name or path; NULL: the active virtual environment's, else python3.
 * PYR_E_NOT_FOUND or PYR_E_PERMISSION as a shell's 127 and 126. */
int pyr_program_resolve(struct pyr_program *program, enum pyr_program_kind kind, char *const *words, const char *python,
                        struct pyr_err *err);
void pyr_program_release(struct pyr_program *program);

/* "pyrometer-NAME-PID.pyro"; to be freed by the caller; NULL when out of memory. name NULL: taken from the process. */
char *pyr_recording_name(const char *name, pid_t pid);

/* ---- signals ---- */

/* What the caller's signals were before pyr_signals_take. */
struct pyr_signals {
    int fd; /* readable when a signal has come */
    sigset_t mask;
    struct sigaction chld, pipe;
    bool interrupt_ignored; /* a shell started us in the background */
};

/* From here on signals sent to us are read, not acted on: nothing that a person or a supervisor sends loses the
 * recording. Call it before any thread is started. Those that would stop a writer in the background are left alone. */
int pyr_signals_take(struct pyr_signals *signals, struct pyr_err *err);
void pyr_signals_restore(const struct pyr_signals *signals); /* async-signal-safe */

/* True when a request to end has come: SIGINT, SIGTERM, SIGHUP or SIGQUIT. Takes what is there; does not block. */
bool pyr_signals_end_wanted(const struct pyr_signals *signals);

/* ---- file descriptors ---- */

/* Takes as many as may be had: a thread of the target is given up to three. What is launched gets back what was. */
void pyr_files_raise(void);

/* ---- counting its allocations ---- */

/* The agent in LD_PRELOAD, and a temporary directory for its files. When we end, however we end, the directory goes: a
 * small process that waits for it sees to that. */
struct pyr_preload;

/* stacks: allocations belong to their whole stacks, else to their lines.
 * PYR_E_NOT_FOUND: the agent is not installed; PYR_E_UNSUPPORTED, PYR_E_IO, PYR_E_LIMIT: it cannot be used. */
int pyr_preload_open(struct pyr_preload **out, bool stacks, struct pyr_err *err);
const char *pyr_preload_directory(const struct pyr_preload *preload);
char *const *pyr_preload_environment(const struct pyr_preload *preload); /* for struct pyr_program; until close */
void pyr_preload_close(struct pyr_preload *preload);                     /* removes the directory; NULL is allowed */

/* ---- the program ---- */

struct pyr_launch;

/* Forks; the child waits, before its exec, for pyr_launch_go. */
int pyr_launch_fork(struct pyr_launch **out, const struct pyr_program *program, const struct pyr_signals *signals,
                    struct pyr_err *err);
pid_t pyr_launch_pid(const struct pyr_launch *launch);

/* Lets it execute, and waits until it has. PYR_E_NOT_FOUND or PYR_E_PERMISSION if it could not (a shell's 127, 126):
 * then the child ends. */
int pyr_launch_go(struct pyr_launch *launch, struct pyr_err *err);

/* Waits until the program has ended, which leaves a zombie so that its pid names nothing else, or until other_fd (−1:
 * none) is readable. Returns true when the program has ended. Meanwhile
 *   - a signal sent to us alone is passed on; one from the terminal, which the program gets itself, is not;
 *   - where there is a terminal, we stop when the program stops, and continue it when we are continued. Then the
 * profiler (NULL: none) holds no thread of it. */
bool pyr_launch_watch(struct pyr_launch *launch, int other_fd, struct pyr_profiler *profiler);

/* Reaps the program (blocks until it ends) and returns its status as waitpid does. */
int pyr_launch_reap(struct pyr_launch *launch);

/* Ends the program: SIGTERM, and SIGKILL if it has not ended after grace_s. It is still to be reaped. */
void pyr_launch_end(const struct pyr_launch *launch, double grace_s);

/* Releases, and reaps what was not reaped; a child that still waits for pyr_launch_go ends without having run. */
void pyr_launch_close(struct pyr_launch *launch);

/* What a shell would say: the exit status, or 128 + the signal. */
int pyr_exit_status(int wait_status);

/* ---- a profiler in a thread of its own ---- */

struct pyr_session;

/* Runs pyr_profiler_run in a thread that takes no signals. The profiler stays the caller's. */
int pyr_session_start(struct pyr_session **out, struct pyr_profiler *profiler, struct pyr_err *err);
int pyr_session_fd(const struct pyr_session *session); /* readable when pyr_profiler_run has returned */

/* Tells it to stop, waits, releases; what pyr_profiler_run returned. */
int pyr_session_end(struct pyr_session *session, struct pyr_err *err);

#endif
