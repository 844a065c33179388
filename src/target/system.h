/* Small questions to this system and kernel, and to a process that need not be Python. */
#ifndef PYR_TARGET_SYSTEM_H
#define PYR_TARGET_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a person calls the process: the script or module that a Python runs, else the program's file name. At most
 * size - 1 bytes. PYR_E_GONE. */
int pyr_system_process_title(pid_t pid, char *title, size_t size);

/* The path of the file that this process executes. PYR_E_IO. */
int pyr_system_own_path(char *path, size_t size);

int pyr_system_ptrace_scope(void);                /* Yama's 0 to 3; −1 where there is no Yama */
int pyr_system_capabilities(uint64_t *effective); /* this process's, one bit each; PYR_E_IO */
bool pyr_system_has_schedstat(void);              /* threads tell how often they ran */
int pyr_system_slice_probe(void);                 /* 0: a thread may ask for a shorter slice; else an errno */

/* Reads a word of a forked child of ours: 0, or the errno that it fails with. */
int pyr_system_read_probe(void);

/* Stops a forked child of ours for an instant and lets it go: 0, or the errno that it fails with. */
int pyr_system_stop_probe(void);

#endif
