/* A core file as a target: what a process had in memory when it died (the kernel's), or when it was asked for (gdb's
 * gcore). What was not written, because a mapped file has it, is read from that file if it is still the same. */
#ifndef PYR_TARGET_CORE_H
#define PYR_TARGET_CORE_H

#include "target/target.h"

struct pyr_core_facts {
    pid_t pid;            /* 0: not told */
    const char *command;  /* as far as the kernel kept it: 79 bytes; "" if not told. Borrowed from the target */
    const pid_t *threads; /* the one that died first. Borrowed from the target */
    size_t thread_count;
    int signal;             /* that ended the process; 0: none, or not told */
    uint64_t taken_ns;      /* when the file was written last; since 1970 */
    uint64_t missing_bytes; /* that should be in the file: it was cut short */
};

/* Whether the file begins as a core file does. */
bool pyr_target_is_core(const char *path);

/* root: where the files that the process had mapped are looked for; NULL: "/". They must have the same first page as
 * the process had in memory, where that is in the core. PYR_E_FORMAT: no core file, or damaged; PYR_E_UNSUPPORTED: of
 * another kind of machine; PYR_E_IO. */
int pyr_target_open_core(struct pyr_target **out, const char *path, const char *root, struct pyr_err *err);

const struct pyr_core_facts *pyr_target_core_facts(const struct pyr_target *target); /* NULL: it is no core file */

/* After status has said that no Python was found: where a mapped file was needed and is not there any more, or is
 * another one, err says so instead. Returns the status. */
int pyr_target_core_explain(const struct pyr_target *target, const char *path, const char *root, int status,
                            struct pyr_err *err);

#endif
