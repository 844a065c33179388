/* How pyrometer reports failure: a negative status, and a sentence for a person. */
#ifndef PYROMETER_ERR_H
#define PYROMETER_ERR_H

#include <stdarg.h>

/* Statuses, in three classes. Every function that can fail returns 0 (or a count) or one of these, and leaves its
 * outputs untouched on failure.
 *   transient:   the target changed while it was read; try again or count it
 *   unsupported: this will not work here; the text says what to do
 *   misuse:      the caller asked for something impossible */
#define PYR_STATUSES(X)                                                                                                \
    X(TORN, -1, "what was read changed while it was being read")                                                       \
    X(FAULT, -2, "the address is not mapped in the target")                                                            \
    X(GONE, -3, "the process or thread has ended")                                                                     \
    X(AGAIN, -4, "not ready yet")                                                                                      \
    X(PERMISSION, -10, "not permitted")                                                                                \
    X(NOT_PYTHON, -11, "not a Python process")                                                                         \
    X(UNSUPPORTED, -12, "not supported")                                                                               \
    X(FORMAT, -13, "the data is damaged or not of the expected format")                                                \
    X(IO, -14, "input or output failed")                                                                               \
    X(NOMEM, -15, "out of memory")                                                                                     \
    X(LIMIT, -16, "a limit was reached")                                                                               \
    X(NOT_FOUND, -17, "not found")                                                                                     \
    X(EXISTS, -18, "exists already")                                                                                   \
    X(MISUSE, -20, "wrong use")

enum pyr_status {
    PYR_OK = 0,
#define PYR_STATUS_ENUM(name, value, text) PYR_E_##name = (value),
    PYR_STATUSES(PYR_STATUS_ENUM)
#undef PYR_STATUS_ENUM
};

/* Detail of the last failure. Owned by the caller; may be zeroed; any function taking one accepts NULL. */
struct pyr_err {
    int status;     /* an enum pyr_status */
    char text[480]; /* UTF-8, one line, no final newline: what happened, to what, what to do */
};

/* Fills *err (if not NULL) and returns status, so that `return pyr_err_set(err, PYR_E_IO, "…")` reads well. */
int pyr_err_set(struct pyr_err *err, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The general meaning of a status, for when no text was given. Static storage. */
const char *pyr_status_text(int status);

#endif
