/* Frozen copies: what is read in them, what runs in them, and that the process does not notice. */
#include "base/clock.h"
#include "child.h"
#include "target/copy.h"
#include "target/proc.h"
#include "target/target.h"
#include "target/task.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)

static struct pyr_err err;
static const struct pyr_copy_options plain;

static struct pyr_target *open_target(pid_t pid)
{
    struct pyr_target *target = NULL;
    assert_int_equal(pyr_target_open(&target, pid, &err), 0);
    return target;
}

static struct pyr_copy *make(struct pyr_target *target, const struct pyr_copy_options *options)
{
    struct pyr_copy *copy = NULL;
    int rc = pyr_copy_make(&copy, target, options, &err);
    if (rc < 0)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    return copy;
}

static size_t children_of(pid_t pid)
{
    struct pyr_vec pids = PYR_VEC(pid_t);
    assert_int_equal(pyr_process_children(pid, false, &pids), 0);
    size_t count = pids.count;
    pyr_vec_release(&pids);
    return count;
}

/* ---- a copy stands still ---- */

static volatile long private_count;

static int count_privately(struct shared *s)
{
    while (!atomic_load(&s->stop))
        atomic_store(&s->counter, ++private_count);
    return 7;
}

static void a_copy_is_frozen_while_the_process_goes_on(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    pid_t pid = child_start(count_privately, s);
    assert_true(wait_until(&s->counter, 1));
    struct pyr_target *target = open_target(pid);
    struct pyr_copy *copy = make(target, &plain);
    const struct pyr_copy_facts *facts = pyr_copy_facts(copy);
    long first, second;
    print_message("paused for %.3f ms, fork %.3f ms\n", (double)facts->pause_ns / 1e6, (double)facts->fork_ns / 1e6);
    assert_false(facts->stopped);
    assert_int_equal(facts->threads, 1);
    assert_true(facts->pid > 0 && facts->pid != pid && facts->pause_ns > 0 && facts->pause_ns < 1000000000);
    assert_int_equal(pyr_target_read(pyr_copy_target(copy), PYR_ADDR((uintptr_t)&private_count), &first, 8), 0);
    assert_true(first > 0);
    assert_true(wait_until(&s->counter, first + 100000));
    assert_int_equal(pyr_target_read(pyr_copy_target(copy), PYR_ADDR((uintptr_t)&private_count), &second, 8), 0);
    assert_true(first == second);
    assert_int_equal(pyr_copy_check(copy), 0);
    assert_int_equal(children_of(pid), 1);
    pyr_copy_close(copy);
    assert_int_equal(children_of(pid), 0);
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 7);
    pyr_target_close(target);
    shared_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_frozen_while_the_process_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 77;
}

#endif
