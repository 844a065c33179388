/* "Did you mean …?" */
#ifndef PYR_CLI_SUGGEST_H
#define PYR_CLI_SUGGEST_H

#include <stddef.h>

/* How many single-letter edits (insert, delete, replace, swap of neighbours) make b of a; at most 32 bytes are
 * compared. */
size_t pyr_edit_distance(const char *a, const char *b);

/* True when word is near enough to name to be taken for a slip, and nearer than *best, which is then brought up to
 * date. Start with *best = SIZE_MAX. */
_Bool pyr_suggest(const char *word, const char *name, size_t *best);

#endif
