/* A process of ours that outlives us, to tidy up however we end. */
#ifndef PYR_BASE_GUARDIAN_H
#define PYR_BASE_GUARDIAN_H

#include "pyrometer/err.h"

#include <sys/types.h>

/* Forks. In the guardian it returns 0: that is in a session of its own, deaf to all signals, in the root directory, and
 * has nothing open but *link, which reads as ended when we are gone; it must never return to its caller's callers, but
 * _exit. In ours it returns the guardian's pid, and *link is the other end (close-on-exec). Messages on the link keep
 * their bounds (SOCK_SEQPACKET). PYR_E_LIMIT. */
pid_t pyr_guardian_start(const char *name, int *link, struct pyr_err *err);

/* Closes the link and waits for the guardian's end. */
void pyr_guardian_end(pid_t guardian, int link);

#endif
