/* A frozen copy of a live process: a child that the process is made to fork of itself, which never runs on. It is read
 * like any process, and code of ours can be run in it; the process itself is stopped for the fork alone.
 *
 * All of it is done by a guardian, a process of ours that outlives us: if we are killed, it lets the process go on and
 * ends the copy. If the guardian is killed, too, the kernel ends the copy, and what the process was lent for restores
 * itself (inject.c). docs/snapshot.md says what a copy does to a process and what it cannot hide.
 *
 * One thread at a time for one copy; reading the copy's target is as thread-safe as any (target.h). */
#ifndef PYR_TARGET_COPY_H
#define PYR_TARGET_COPY_H

#include "base/addr.h"
#include "pyrometer/err.h"
#include "target/target.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pyr_copy;

/* Zeroed, it takes a copy at any moment, or fails. */
struct pyr_copy_options {
    /* The thread to stop first (who holds the GIL), asked before each try while the process runs; 0 if there is none.
     * NULL: none. */
    pid_t (*first)(void *context);
    /* Whether this moment will do (no collection runs …), asked while all threads stand still: 1 it will; 0 let go and
     * try again; or a negative status to give up with. The process is read as usual meanwhile. An answer that takes
     * longer than 0.2 s counts as 0. NULL: any moment. */
    int (*safe)(void *context);
    void *context;
    uint64_t patience_ns;    /* how long to try for a moment that will do; 0: two seconds */
    uint64_t headroom_bytes; /* memory that must be free; 0: as much as the process has to itself, for while the copy
                              * lives each page that either writes to becomes two */
    /* Where no copy can be had (no memory, no more processes allowed, a seccomp filter …): hold the process itself
     * stopped, and let it be read instead. It goes on at pyr_copy_close, or when stopped_max_ns (0: ten seconds) are
     * over: then its memory changes again while it is read, which pyr_copy_check tells. */
    bool or_stopped;
    uint64_t stopped_max_ns;
    unsigned die_at; /* tests only: the guardian kills itself at its nth step; 0: never */
    bool it_dies;    /* tests only: then it kills the process instead */
};

struct pyr_copy_facts {
    pid_t pid;         /* of the copy; of the process itself if that is held stopped instead */
    bool stopped;      /* no copy: the process itself stands still until the close */
    char reason[256];  /* why, "" for a copy */
    uint64_t pause_ns; /* from when the first thread stood still until all went on; 0 as long as one is stopped */
    uint64_t fork_ns;  /* of these, the system call that made the copy */
    unsigned tries;    /* moments that were tried, the last one included */
    unsigned threads;  /* of the process */
    unsigned held;     /* of these, those that had to be stopped: the others slept, and it was proved that they did */
};

/* Makes a copy. The target stays the caller's and must outlive it.
 * PYR_E_AGAIN no moment would do; PYR_E_LIMIT no memory or no process to spare; PYR_E_PERMISSION it may not be traced;
 * PYR_E_UNSUPPORTED a seccomp filter, a shadow stack, this machine's kind of processor; PYR_E_GONE; or what `safe`
 * gave up with. Nothing is left behind on failure. */
int pyr_copy_make(struct pyr_copy **out, struct pyr_target *target, const struct pyr_copy_options *options,
                  struct pyr_err *err);

/* Ends the copy (or lets the stopped process go on), and has the process take note of its end, so that no zombie stays.
 * It is stopped for some microseconds for that. NULL is allowed. */
void pyr_copy_close(struct pyr_copy *copy);

struct pyr_target *pyr_copy_target(struct pyr_copy *copy); /* to read the copy with; borrowed until the close */
const struct pyr_copy_facts *pyr_copy_facts(const struct pyr_copy *copy);

/* 0 as long as what was read was the frozen memory; PYR_E_GONE when the copy was killed or the process let go on. To be
 * asked after the last read. */
int pyr_copy_check(struct pyr_copy *copy);

/* Bytes of the pages that the process has written to (or given back) since: the system had to make a copy of each, and
 * this copy has the old one. 0 for a process that is held stopped, or where the kernel does not tell. Some milliseconds
 * for each gigabyte. */
uint64_t pyr_copy_written_bytes(const struct pyr_copy *copy);

/* ---- running code in the copy ----
 * Not in a process that is held stopped: PYR_E_UNSUPPORTED. The copy has one thread, made from any one of the process:
 * locks may be held in it for ever, so that what runs must not allocate, lock or load anything.
 * It cannot be seen from outside: system calls are refused (they count as a fault, with SIGSYS), signals sent to the
 * copy are dropped, and memory that it shares with others (MAP_SHARED) is read-only in it from the first map or call
 * on. */

/* Maps so many bytes, zeroed, that can be read, written and executed. */
int pyr_copy_map(struct pyr_copy *copy, size_t size, pyr_addr *at, struct pyr_err *err);
int pyr_copy_write(struct pyr_copy *copy, pyr_addr to, const void *from, size_t size, struct pyr_err *err);

/* Where to go on after a fault: the buffer of the compiler's __builtin_setjmp, so that the code reads
 *     if (__builtin_setjmp(recovery->buffer) == 0) risky(); else … recovery->signal, recovery->address …
 * where risky is a call that the compiler cannot see into (of a pointer): it takes for granted that nothing else comes
 * back. What changes between the two is volatile. Nothing is recovered as long as buffer[1] is 0. The same layout in
 * the copy as here. */
struct pyr_copy_recovery {
    void *buffer[5];
    uint64_t signal;  /* written at each fault: SIGSEGV, SIGBUS, SIGFPE, SIGILL, or SIGSYS for a system call */
    uint64_t address; /* that was touched; the instruction's for SIGFPE, SIGILL and SIGSYS */
};

struct pyr_copy_call {
    pyr_addr entry; /* of a function of the C calling convention: position-independent code, in memory from a map */
    uint64_t arguments[6];
    pyr_addr recovery;   /* a struct pyr_copy_recovery in the copy; 0: faults end the call */
    uint64_t faults_max; /* that are recovered from; then one more ends the call */
    uint64_t timeout_ns; /* 0: ten seconds */
};

enum pyr_copy_end {
    PYR_COPY_RETURNED, /* value is what the function returned */
    PYR_COPY_TRAPPED,  /* an int3 in the code: go on with pyr_copy_continue, behind it */
    PYR_COPY_FAULTED,  /* signal and address say why; the call is over */
    PYR_COPY_TIMED_OUT /* it may be continued */
};

struct pyr_copy_outcome {
    enum pyr_copy_end end;
    int signal;
    uint64_t value; /* the register of the result, at the end whatever it was (for a trap: what the code put there) */
    uint64_t ip, sp, address;
    uint64_t faults; /* recovered from since the call began */
};

/* Calls the function on a stack of its own (1 MiB), and waits for its end. Another call may follow each end, a fault
 * and a timeout, too: it starts anew. PYR_E_GONE if the copy was killed. */
int pyr_copy_call(struct pyr_copy *copy, const struct pyr_copy_call *call, struct pyr_copy_outcome *outcome,
                  struct pyr_err *err);

/* Goes on after PYR_COPY_TRAPPED or PYR_COPY_TIMED_OUT. PYR_E_MISUSE after any other end. */
int pyr_copy_continue(struct pyr_copy *copy, uint64_t timeout_ns, struct pyr_copy_outcome *outcome,
                      struct pyr_err *err);

#endif
