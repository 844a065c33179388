/* What one thread gives to another in order, in chunks of bytes, so that the two work at the same time. Of each side
 * there is one. */
#ifndef PYR_BASE_HANDOVER_H
#define PYR_BASE_HANDOVER_H

#include <stddef.h>
#include <stdint.h>

enum { PYR_HANDOVER_CHUNK = 1 << 16 }; /* bytes that can be given together, at most */

struct pyr_handover; /* NULL: there is no other thread */

/* Called on the other thread with what was given, whole items, in order. */
typedef void pyr_handover_take(void *context, const uint8_t *bytes, size_t size);

/* NULL where no thread can be had, or only one processor: then do the work yourself. The other thread sees no signals.
 */
struct pyr_handover *pyr_handover_start(pyr_handover_take *take, void *context);

/* Room for so many bytes, at a multiple of 8, to be filled in before the next call; it may wait for the other thread.
 */
uint8_t *pyr_handover_room(struct pyr_handover *handover, size_t size);

void pyr_handover_wait(struct pyr_handover *handover); /* until all that was given has been taken */
void pyr_handover_stop(struct pyr_handover *handover); /* waits, ends the thread, and is gone; NULL is allowed */

#endif
