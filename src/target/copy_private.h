/* Private to the making of frozen copies (copy.h): what the guardian is made of, and how it is spoken to. */
#ifndef PYR_TARGET_COPY_PRIVATE_H
#define PYR_TARGET_COPY_PRIVATE_H

#include "base/vec.h"
#include "target/copy.h"
#include "target/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* By these a zombie of ours is told from the process's own children: what the copy is called, and what a child exits
 * with that was let loose since its tracer was killed. */
#define PYR_COPY_NAME "pyrometer-copy"
enum { PYR_COPY_LOOSE = 113 };

/* ---- inject.c: a system call, made by a thread of another process ---- */

/* Instructions of the process that serve: `syscall; ret`, and the end of a signal handler (`mov $15, %rax; syscall`).
 */
struct pyr_gadgets {
    uint64_t call, sigreturn;
};

/* PYR_E_NOT_FOUND; PYR_E_UNSUPPORTED on this kind of processor. Reads the maps anew. */
int pyr_gadgets_find(struct pyr_target *target, struct pyr_gadgets *gadgets, struct pyr_err *err);
bool pyr_gadgets_hold(const struct pyr_target *target, const struct pyr_gadgets *gadgets); /* they are still there */

/* For tests: somebody is killed at the nth step. */
struct pyr_steps {
    unsigned done, die_at;
    pid_t who; /* 0: the caller */
};
void pyr_step(struct pyr_steps *steps);

struct pyr_injection {
    const struct pyr_target *target;
    const struct pyr_gadgets *gadgets;
    struct pyr_steps *steps;
    pid_t tid; /* of a thread that the caller holds (pyr_task_hold) */
    long number;
    uint64_t arguments[6];
    bool forks; /* the call is clone: the child gets a stack to end on, if it is ever let loose */
    long result;
    pid_t child; /* stopped, traced by the caller and killed at its end; 0 if there is none */
};

/* Has a held thread make the call and puts everything back: registers (a system call that the hold interrupted goes on
 * when it is released), and its stack. From the one change of registers that starts it, the thread restores itself if
 * its tracer is killed: the call returns into the frame of a signal handler's end with all that was there before, and
 * the child into one that leads to its exit. What that cannot restore is a sleep that was interrupted before already:
 * it ends with EINTR then. PYR_E_AGAIN a signal came first, or the thread stands where it cannot be lent: nothing was
 * done, release it and try again. PYR_E_GONE. PYR_E_FAULT there is no room on its stack. The thread stays held in all
 * cases but PYR_E_GONE. */
int pyr_inject(struct pyr_injection *injection, struct pyr_err *err);

/* The same in the copy, which needs no care. at: of gadgets->call. */
int pyr_copy_syscall(pid_t copy, uint64_t at, long number, const uint64_t arguments[6], long *result);

/* From whatever stop it is in to one from which it can be sent anywhere; its registers stay. */
int pyr_copy_park(pid_t copy);

/* ---- seccomp.c ---- */

/* Whether the filters of a held thread let it make these calls. PYR_E_UNSUPPORTED with the reason if not, or if that
 * cannot be known. */
int pyr_seccomp_allows(pid_t tid, const struct pyr_injection *calls, size_t count, struct pyr_err *err);

/* ---- headroom.c ---- */

/* Whether memory for a copy is free, in the system and in the cgroups of the process. PYR_E_LIMIT with both figures. */
int pyr_headroom_check(pid_t pid, uint64_t wanted_bytes, struct pyr_err *err);

/* ---- still.c: all threads of a process at once ---- */

struct pyr_still {
    pid_t pid;
    struct pyr_vec threads; /* of struct pyr_still_thread, kept from try to try */
    uint64_t since_ns;      /* when the first was held */
    unsigned held;
};

struct pyr_still_thread {
    struct pyr_task task;
    uint64_t slices;
    bool held, here;
    bool asleep;   /* when slices was read */
    bool restless; /* it woke while it was taken for asleep: from then on it is stopped */
};

/* Stops those that run, `first` first. The others sleep and are left alone: their counts of time slices prove it
 * (pyr_still_proved), and stopping them would break some system calls. every: those are stopped, too.
 * On failure nothing is held: PYR_E_GONE, PYR_E_PERMISSION, PYR_E_AGAIN threads come and go too fast, PYR_E_NOMEM. */
int pyr_still_hold(struct pyr_still *still, pid_t first, bool every, struct pyr_err *err);
int pyr_still_proved(struct pyr_still *still); /* 1, or 0 if one ran: it is noted as restless */
/* A held thread to be lent, one that was in no system call if there is one; else one of those asleep is stopped for it.
 * PYR_E_AGAIN, PYR_E_PERMISSION. */
pid_t pyr_still_lender(struct pyr_still *still, struct pyr_err *err);
pid_t pyr_still_hold_one(struct pyr_still *still); /* when nothing is held: the best to be lent */
void pyr_still_release(struct pyr_still *still);
void pyr_still_close(struct pyr_still *still); /* releases, too */

/* ---- the guardian, and the words that it is sent ---- */

enum pyr_copy_ask {
    PYR_ASK_TRY,   /* hold all threads: is answered with PYR_E_AGAIN, or 0 when they stand still … */
    PYR_ASK_FORK,  /* … then either this */
    PYR_ASK_STAND, /* … or that: leave them so */
    PYR_ASK_LEAVE, /* … or let them go */
    PYR_ASK_MAP,
    PYR_ASK_CALL,
    PYR_ASK_CONTINUE,
    PYR_ASK_END, /* end the copy; the guardian ends after its answer */
};

struct pyr_copy_question {
    enum pyr_copy_ask ask;
    pid_t first;
    bool every;
    uint64_t size; /* of the map; how long to stand in ns */
    struct pyr_copy_call call;
};

struct pyr_copy_answer {
    int status;
    struct pyr_err err;
    struct pyr_copy_facts facts;
    struct pyr_copy_outcome outcome;
    pyr_addr at;
};

struct pyr_guard {
    int link;
    struct pyr_target *target;
    struct pyr_gadgets gadgets;
    struct pyr_steps steps;
    struct pyr_still still;
    struct pyr_target *copy;
    pid_t child;             /* 0: there is no copy */
    pid_t child_own;         /* its number as the process has it */
    int stops;               /* signalfd: the copy has stopped */
    uint64_t stand_until_ns; /* the process itself is held; 0 */
    struct pyr_vec zombies;  /* of pid_t: copies that a guardian left that was killed, as the process numbers them */
    struct pyr_copy_facts facts;
    bool alone;               /* what the copy shared with others is read-only in it */
    uint64_t trap, stack_top; /* of the stack for calls; 0 */
    bool may_continue;
    struct pyr_copy_call call; /* the last one */
    uint64_t faults;           /* that were recovered from in it */
};

/* The life of the guardian. */
_Noreturn void pyr_guard_run(int link, struct pyr_target *target, const struct pyr_gadgets *gadgets,
                             struct pyr_steps steps);

/* run.c: code in the copy. */
int pyr_guard_map(struct pyr_guard *guard, uint64_t size, pyr_addr *at, struct pyr_err *err);
int pyr_guard_call(struct pyr_guard *guard, const struct pyr_copy_call *call, struct pyr_copy_outcome *outcome,
                   struct pyr_err *err);
int pyr_guard_continue(struct pyr_guard *guard, uint64_t timeout_ns, struct pyr_copy_outcome *outcome,
                       struct pyr_err *err);

#endif
