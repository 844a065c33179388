/* Private to src/target: reading and parsing files of /proc. */
#ifndef PYR_TARGET_PROC_H
#define PYR_TARGET_PROC_H

#include "base/buf.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The status that an errno of a /proc file means: GONE, PERMISSION, LIMIT (out of descriptors), NOMEM or IO. */
int pyr_proc_status(int error);

/* Opens /proc/PID/NAME for reading; a descriptor or a negative status. */
int pyr_proc_open(pid_t pid, const char *name);

/* Reads at most size - 1 bytes of /proc/PID/NAME and ends them with a NUL. Returns how many, or a negative status. */
ssize_t pyr_proc_read(pid_t pid, const char *name, char *to, size_t size);

/* Reads /proc/PID/NAME whole, and appends a NUL that is not counted. PYR_E_LIMIT if it is larger than limit. */
int pyr_proc_read_all(pid_t pid, const char *name, size_t limit, struct pyr_buf *to);

/* The link /proc/PID/NAME, NUL-terminated; its length or a negative status. */
ssize_t pyr_proc_link(pid_t pid, const char *name, char *to, size_t size);

/* The names in a directory that are numbers (processes, threads), appended to pids (of pid_t). */
int pyr_proc_numbers(const char *directory, struct pyr_vec *pids);

struct pyr_proc_stat {
    char state;
    pid_t parent;
    uint64_t flags, child_faults, user_ticks, system_ticks, start_ticks;
    int cpu;
};

/* Parses a stat line. The name of a thread may hold anything, so fields are counted from the last ')'. HOT. */
int pyr_proc_stat_parse(const char *text, size_t size, struct pyr_proc_stat *stat);
int pyr_proc_stat_read(pid_t pid, struct pyr_proc_stat *stat);

/* Of one thread alone. The kernel adds up all threads of the process for the other one: not for each of many threads.
 */
int pyr_proc_thread_stat_read(pid_t pid, pid_t tid, struct pyr_proc_stat *stat);

/* The number after `field` ("NSpid:", "VmRSS:") in the text of a status file; the last one of its line if last. */
bool pyr_proc_status_field(const char *status, const char *field, bool last, uint64_t *value);

/* Whether the line of `field` has the word. */
bool pyr_proc_status_has(const char *status, const char *field, const char *word);

/* A thread of the process that has not ended, or a negative status: the first thread may end before the process. */
pid_t pyr_proc_live_thread(pid_t pid);

#endif
