/* Numbers and texts as repr() writes them; nothing here touches a target. */
#ifndef PYR_PYOBJ_REPR_TEXT_H
#define PYR_PYOBJ_REPR_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define PYR_DOUBLE_TEXT 40
#define PYR_INT_DIGITS_MAX 40u /* of 30 bits: 362 decimal places */

/* The shortest decimal that reads back as the same number. point: "1.0", not "1". */
void pyr_double_text(double value, bool point, char text[static PYR_DOUBLE_TEXT]);

/* Appends an int of count <= PYR_INT_DIGITS_MAX digits of 30 bits, least first; they are used up. */
void pyr_int_text(struct pyr_buf *text, bool negative, uint32_t *digits, unsigned count);

/* Appends characters in the quotes that repr() chooses, escaped as it does; cut: "…" before the closing quote. */
void pyr_quoted_text(struct pyr_buf *text, const uint32_t *chars, size_t count, bool is_bytes, bool cut);

#endif
