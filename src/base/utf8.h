/* Text from outside made fit to show: valid UTF-8 without NULs. */
#ifndef PYR_BASE_UTF8_H
#define PYR_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the valid UTF-8 character at text, at most `size` bytes; 0 if there is none (also for NUL). */
size_t pyr_utf8_length(const char *text, size_t size);

/* How many bytes text takes once every byte that is not of a valid character is replaced by U+FFFD. */
size_t pyr_utf8_clean_size(const char *text, size_t size);

/* Writes that to out, without a NUL. */
void pyr_utf8_clean(char *out, const char *text, size_t size);

#endif
