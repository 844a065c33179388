/* str and bytes objects. */
#ifndef PYR_PYOBJ_STR_H
#define PYR_PYOBJ_STR_H

#include "base/buf.h"
#include "pyobj/view.h"

/* Appends a str's text as UTF-8 (lone surrogates as \udcXX escapes), at most max_chars characters of it, and a NUL that
 * is not counted. PYR_E_FORMAT if it is not a plausible str; PYR_E_FAULT. */
int pyr_str_read(struct pyr_view view, pyr_addr at, size_t max_chars, struct pyr_buf *text);

/* Its first characters, and how many it has. Statuses as above. */
int pyr_str_chars(struct pyr_view view, pyr_addr at, uint32_t *chars, size_t max_chars, uint64_t *length);

/* Appends the contents of a bytes object. PYR_E_LIMIT above max_bytes. */
int pyr_bytes_read(struct pyr_view view, pyr_addr at, size_t max_bytes, struct pyr_buf *bytes);

#endif
