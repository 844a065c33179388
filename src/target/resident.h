/* What of a process is in memory, mapping by mapping and page by page. The kernel walks the process's page tables for
 * it: some milliseconds for each gigabyte, in which the process cannot map or unmap anything. */
#ifndef PYR_TARGET_RESIDENT_H
#define PYR_TARGET_RESIDENT_H

#include "base/buf.h"
#include "base/vec.h"
#include "target/target.h"

enum { PYR_PAGE_BYTES = 4096 };

struct pyr_resident_mapping {
    struct pyr_mapping mapping; /* its path is borrowed from the text that it was read from */
    uint64_t rss_bytes;
    uint64_t private_bytes; /* of these: what no file backs, as it was written to or never had one */
    uint64_t alone_bytes;   /* written to, and no other process has the same pages */
};

/* Reads all mappings (of struct pyr_resident_mapping), sorted by address, into an empty vector; text has to stay as
 * long. PYR_E_GONE, PYR_E_PERMISSION … */
int pyr_resident_read(pid_t pid, struct pyr_buf *text, struct pyr_vec *mappings);

/* A descriptor for pyr_resident_pages, to be closed; or a negative status. */
int pyr_resident_pages_open(pid_t pid);

/* Sets present[i] to whether the i-th page from `at` on (a multiple of the page's size) is in memory, 1 or 0. */
int pyr_resident_pages(int fd, uint64_t at, size_t pages, uint8_t *present);

/* The stack pointers of threads that are waiting (of uint64_t), appended; those that run cannot be told. The main
 * thread's is not among them: its stack is mapped as "[stack]". */
int pyr_resident_stacks(pid_t pid, struct pyr_vec *pointers);

#endif
