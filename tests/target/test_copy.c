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

/* ---- code in a copy ---- */

/* Functions for the copy: alone on a page each, they use nothing but their arguments. */
#define BLOB __attribute__((noinline, aligned(4096), optimize("O1"), no_sanitize("address", "undefined")))

BLOB static long blob_sum(const long *at, long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += at[i];
    return sum;
}

BLOB static void blob_touch(volatile char *at)
{
    (void)*at;
}

/* Touches each of the addresses; the number of those that could be. The others are skipped. */
BLOB static long blob_probe(char **at, long count, struct pyr_copy_recovery *recovery, void (*touch)(char *at))
{
    volatile long good = 0, i;
    for (i = 0; i < count; i++)
        if (__builtin_setjmp(recovery->buffer) == 0) {
            touch(at[i]);
            good = good + 1;
        }
    return good;
}

BLOB static long blob_write(long *at)
{
    *at = 4711;
    return *at;
}

BLOB static long blob_call_system(void)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(SYS_exit_group), "D"(3) : "rcx", "r11", "memory");
    return result;
}

BLOB static long blob_trap(long value)
{
    for (int i = 0; i < 3; i++) {
        __asm__ volatile("int3" : : "a"(value + i));
    }
    return value * 2;
}

BLOB static long blob_for_ever(volatile long *at)
{
    while (!*at)
        ;
    return 5;
}

BLOB static long blob_divide(long by)
{
    return 10 / by;
}

static long shared_words[4] = {1, 2, 3, 4};

static int wait_with_shared(struct shared *s)
{
    atomic_store(&s->tid, 1);
    return count_privately(s);
}

struct fixture {
    struct shared *shared;
    pid_t pid;
    struct pyr_target *target;
    struct pyr_copy *copy;
    pyr_addr code;
};

static struct fixture begin_copy(int (*body)(struct shared *s))
{
    struct fixture f = {.shared = shared_new()};
    f.pid = child_start(body, f.shared);
    assert_true(wait_until(&f.shared->counter, 1));
    f.target = open_target(f.pid);
    f.copy = make(f.target, &plain);
    assert_int_equal(pyr_copy_map(f.copy, 65536, &f.code, &err), 0);
    return f;
}

static void end_copy(struct fixture *f)
{
    pyr_copy_close(f->copy);
    assert_int_equal(children_of(f->pid), 0);
    atomic_store(&f->shared->stop, true);
    assert_int_equal(child_wait(f->pid), 7);
    pyr_target_close(f->target);
    shared_free(f->shared);
}

static struct pyr_copy_outcome call(struct fixture *f, const void *function, struct pyr_copy_call how)
{
    struct pyr_copy_outcome outcome = {0};
    assert_int_equal(pyr_copy_write(f->copy, f->code, function, 4096, &err), 0);
    how.entry = f->code;
    int rc = pyr_copy_call(f->copy, &how, &outcome, &err);
    if (rc < 0)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    return outcome;
}

#define CALL(...) ((struct pyr_copy_call){.arguments = {__VA_ARGS__}})

static void code_runs_in_the_copy(void **state)
{
    (void)state;
    struct fixture f = begin_copy(wait_with_shared);
    struct pyr_copy_outcome got = call(&f, blob_sum, CALL((uintptr_t)shared_words, 4));
    assert_int_equal(got.end, PYR_COPY_RETURNED);
    assert_int_equal(got.value, 10);
    got = call(&f, blob_divide, CALL(5));
    assert_int_equal(got.value, 2);
    got = call(&f, blob_divide, CALL(0));
    assert_int_equal(got.end, PYR_COPY_FAULTED);
    assert_int_equal(got.signal, SIGFPE);
    assert_in_range(got.ip, f.code.v, f.code.v + 4095);
    got = call(&f, blob_sum, CALL(8, 1));
    assert_int_equal(got.end, PYR_COPY_FAULTED);
    assert_int_equal(got.signal, SIGSEGV);
    assert_int_equal(got.address, 8);
    assert_int_equal(pyr_copy_continue(f.copy, 0, &got, &err), PYR_E_MISUSE);
    end_copy(&f);
}

static void a_call_can_stop_on_its_way(void **state)
{
    (void)state;
    struct fixture f = begin_copy(wait_with_shared);
    struct pyr_copy_outcome got = call(&f, blob_trap, CALL(20));
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(got.end, PYR_COPY_TRAPPED);
        assert_int_equal(got.value, 20 + i);
        assert_int_equal(pyr_copy_continue(f.copy, 0, &got, &err), 0);
    }
    assert_int_equal(got.end, PYR_COPY_RETURNED);
    assert_int_equal(got.value, 40);
    end_copy(&f);
}

static void faults_are_recovered_from(void **state)
{
    (void)state;
    struct fixture f = begin_copy(wait_with_shared);
    const uint64_t addresses[] = {(uintptr_t)shared_words, 1, 0xdead000000000000, (uintptr_t)&err, 4096, 5};
    struct pyr_copy_recovery recovery = {0};
    pyr_addr list = {f.code.v + 8192}, record = {f.code.v + 16384};
    assert_int_equal(pyr_copy_write(f.copy, list, addresses, sizeof addresses, &err), 0);
    struct pyr_copy_call how = CALL(list.v, 6, record.v, f.code.v + 4096);
    assert_int_equal(pyr_copy_write(f.copy, PYR_ADDR(f.code.v + 4096), blob_touch, 256, &err), 0);
    how.recovery = record;
    how.faults_max = 4;
    struct pyr_copy_outcome got = call(&f, blob_probe, how);
    assert_int_equal(got.end, PYR_COPY_RETURNED);
    assert_int_equal(got.value, 2);
    assert_int_equal(got.faults, 4);
    assert_int_equal(pyr_target_read(pyr_copy_target(f.copy), record, &recovery, sizeof recovery), 0);
    assert_int_equal(recovery.signal, SIGSEGV);
    assert_int_equal(recovery.address, 5);
    assert_int_equal(pyr_copy_write(f.copy, record, &(struct pyr_copy_recovery){0}, sizeof recovery, &err), 0);
    how.faults_max = 3;
    got = call(&f, blob_probe, how);
    assert_int_equal(got.end, PYR_COPY_FAULTED);
    assert_int_equal(got.faults, 3);
    assert_int_equal(got.address, 5);
    end_copy(&f);
}

static void nothing_of_a_call_is_seen_outside(void **state)
{
    (void)state;
    struct fixture f = begin_copy(wait_with_shared);
    struct pyr_copy_outcome got = call(&f, blob_call_system, CALL(0));
    assert_int_equal(got.end, PYR_COPY_FAULTED);
    assert_int_equal(got.signal, SIGSYS);
    assert_int_equal(pyr_copy_check(f.copy), 0);
    got = call(&f, blob_write, CALL((uintptr_t)&f.shared->flag));
    assert_int_equal(got.end, PYR_COPY_FAULTED);
    assert_int_equal(got.signal, SIGSEGV);
    assert_int_equal(atomic_load(&f.shared->flag), 0);
    got = call(&f, blob_write, CALL((uintptr_t)&shared_words[0]));
    assert_int_equal(got.value, 4711);
    long word;
    assert_int_equal(pyr_target_read(f.target, PYR_ADDR((uintptr_t)&shared_words[0]), &word, sizeof word), 0);
    assert_int_equal(word, 1);
    end_copy(&f);
}

static void a_call_is_bounded_in_time(void **state)
{
    (void)state;
    struct fixture f = begin_copy(wait_with_shared);
    long zero = 0, one = 1;
    pyr_addr flag = {f.code.v + 8192};
    struct pyr_copy_call how = CALL(flag.v);
    how.timeout_ns = 30000000;
    assert_int_equal(pyr_copy_write(f.copy, flag, &zero, sizeof zero, &err), 0);
    uint64_t begin_ns = pyr_now_ns();
    struct pyr_copy_outcome got = call(&f, blob_for_ever, how);
    assert_int_equal(got.end, PYR_COPY_TIMED_OUT);
    assert_in_range(pyr_now_ns() - begin_ns, 30000000, 2000000000);
    kill(pyr_copy_facts(f.copy)->pid, SIGUSR1); /* is dropped */
    kill(pyr_copy_facts(f.copy)->pid, SIGSEGV);
    assert_int_equal(pyr_copy_write(f.copy, flag, &one, sizeof one, &err), 0);
    assert_int_equal(pyr_copy_continue(f.copy, 0, &got, &err), 0);
    assert_int_equal(got.end, PYR_COPY_RETURNED);
    assert_int_equal(got.value, 5);
    kill(pyr_copy_facts(f.copy)->pid, SIGKILL);
    assert_int_equal(pyr_copy_continue(f.copy, 0, &got, &err), PYR_E_MISUSE);
    for (int i = 0; i < 100 && pyr_copy_check(f.copy) == 0; i++)
        pause_ms(1);
    assert_int_equal(pyr_copy_check(f.copy), PYR_E_GONE);
    assert_int_equal(pyr_copy_call(f.copy, &how, &got, &err), PYR_E_GONE);
    end_copy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_frozen_while_the_process_goes_on),
        cmocka_unit_test(code_runs_in_the_copy),
        cmocka_unit_test(a_call_can_stop_on_its_way),
        cmocka_unit_test(faults_are_recovered_from),
        cmocka_unit_test(nothing_of_a_call_is_seen_outside),
        cmocka_unit_test(a_call_is_bounded_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 77;
}

#endif
