/* Processes that the tests of src/target look at. */
#ifndef TEST_CHILD_H
#define TEST_CHILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/* Seen by parent and child alike. */
struct shared {
    atomic_long counter, signals, flag;
    atomic_int tid;
    atomic_bool stop;
};

struct shared *shared_new(void);
void shared_free(struct shared *shared);

/* Runs body in a child that dies with the test; its result is the exit status. */
pid_t child_start(int (*body)(struct shared *shared), struct shared *shared);
int child_wait(pid_t pid); /* its exit status, or minus the signal that killed it */
void child_kill(pid_t pid);
void child_end(pid_t pid); /* waits until it has ended, and leaves it a zombie */

bool wait_until(atomic_long *value, long at_least); /* for thirty seconds */
void pause_ms(long ms);
int for_ever(void);

/* Until it sleeps, under that name (NULL: any). */
void await_sleep(pid_t pid, const char *name);

/* A Python that waits, once it has said where its _PyRuntime is. */
struct python {
    pid_t pid;
    uint64_t runtime; /* 0 if it has no ctypes */
};

/* root: what to chroot to, or NULL. False if it does not start. */
bool python_start(struct python *python, const char *root, const char *program);

/* Calls test for every Python to be found: the system's, pyenv's, and those in the roots of $PYR_PYTHON_ROOTS
 * (separated by colons). Returns how many there were. */
int each_python(void (*test)(const char *root, const char *program));

bool copy_file(const char *from, const char *to);

#endif
