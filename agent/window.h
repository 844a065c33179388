/* A part of the shared file as mapped here. It grows in place. */
#ifndef PYR_AGENT_WINDOW_H
#define PYR_AGENT_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pyr_window {
    char *at;
    size_t mapped, limit; /* bytes; mapped ones can be written without SIGBUS */
    size_t own;           /* before it lies another file, that can only be read */
};

/* Maps [offset, offset + limit) of a file, for now its first `bytes`. */
bool pyr_window_open(struct pyr_window *window, void *at, int file, uint64_t offset, size_t limit, size_t bytes);

/* In the child of a fork: goes on in another file, at the same addresses. What is before `own` bytes, a multiple of
 * pages, stays as it is; of what is behind it `bytes` are mapped, which the file has to hold. */
bool pyr_window_continue(struct pyr_window *window, int file, uint64_t offset, size_t own, size_t bytes);

/* The same without a file: a copy, that nobody else sees; zeroes where there is no memory for one. */
bool pyr_window_detach(struct pyr_window *window);

/* At least so many bytes are there afterwards. False when the file system is full or the limit reached. */
bool pyr_window_reserve(struct pyr_window *window, size_t bytes);

#endif
