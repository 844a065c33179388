/* Frozen copies: what is read in them, what runs in them, and that the process does not notice. */
#include "base/clock.h"
#include "child.h"
#include "target/copy.h"
#include "target/proc.h"
#include "target/target.h"
#include "target/task.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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

enum { PAGE = 4096, PAGES = 3000, WRITTEN = 1000, STRAY = 64 };

/* Writes to some of its pages when it is told to. */
static int write_when_told(struct shared *s)
{
    char *pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(pages, PAGES * PAGE, MADV_NOHUGEPAGE);
    memset(pages, 1, PAGES * PAGE);
    atomic_store(&s->counter, 1);
    while (!atomic_load(&s->flag))
        pause_ms(1);
    for (int i = 0; i < WRITTEN; i++)
        pages[i * PAGE] = 2;
    atomic_store(&s->counter, 2);
    return for_ever();
}

static void what_is_written_meanwhile_is_told(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    pid_t pid = child_start(write_when_told, s);
    assert_true(wait_until(&s->counter, 1));
    struct pyr_target *target = open_target(pid);
    struct pyr_copy *copy = make(target, &plain);
    pyr_addr code;
    assert_int_equal(pyr_copy_map(copy, PAGES * PAGE, &code, &err), 0);
    for (uint64_t i = 0; i < PAGES; i++) /* what is ours does not count */
        assert_int_equal(pyr_copy_write(copy, PYR_ADDR(code.v + i * PAGE), &i, sizeof i, &err), 0);
    assert_in_range(pyr_copy_written_bytes(copy), 0, STRAY * PAGE);
    atomic_store(&s->flag, 1);
    assert_true(wait_until(&s->counter, 2));
    assert_in_range(pyr_copy_written_bytes(copy), WRITTEN * PAGE, (WRITTEN + STRAY) * PAGE);
    pyr_copy_close(copy);
    child_kill(pid);
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

/* pyrometer itself does not want to hear of its children's stops; its guardian has to. */
static void the_end_of_a_call_is_seen_at_once(void **state)
{
    (void)state;
    struct sigaction before;
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP}, &before);
    struct fixture f = begin_copy(wait_with_shared);
    uint64_t start_ns = pyr_now_ns();
    for (int i = 0; i < 20; i++)
        assert_int_equal(call(&f, blob_sum, CALL((uintptr_t)shared_words, 4)).value, 10);
    assert_in_range(pyr_now_ns() - start_ns, 0, 4000000000u);
    end_copy(&f);
    sigaction(SIGCHLD, &before, NULL);
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

/* ---- when and how a copy is made ---- */

struct judge {
    int asked, good_at;
    pid_t first;
    struct pyr_target *target;
    long seen[2];
};

static pid_t first_of(void *context)
{
    return ((struct judge *)context)->first;
}

/* Reads the counter twice: all stands still while the moment is judged, but not for longer than 0.2 s. */
static int judge_moment(void *context)
{
    struct judge *judge = context;
    uint64_t begin_ns = pyr_now_ns();
    const pyr_addr at = {(uintptr_t)&private_count};
    assert_int_equal(pyr_target_read(judge->target, at, &judge->seen[0], 8), 0);
    pause_ms(2);
    assert_int_equal(pyr_target_read(judge->target, at, &judge->seen[1], 8), 0);
    if (pyr_now_ns() - begin_ns < 100000000)
        assert_int_equal(judge->seen[0], judge->seen[1]);
    return judge->good_at < 0 ? judge->good_at : ++judge->asked >= judge->good_at;
}

static void a_copy_waits_for_a_safe_moment(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    pid_t pid = child_start(count_privately, s);
    assert_true(wait_until(&s->counter, 1));
    struct judge judge = {.good_at = 4, .first = pid, .target = open_target(pid)};
    struct pyr_copy_options options = {
        .first = first_of, .safe = judge_moment, .context = &judge, .patience_ns = 20000000000};
    struct pyr_copy *copy = make(judge.target, &options), *none = NULL;
    long frozen;
    assert_true(judge.asked >= 4 && pyr_copy_facts(copy)->tries >= 4);
    assert_int_equal(pyr_target_read(pyr_copy_target(copy), PYR_ADDR((uintptr_t)&private_count), &frozen, 8), 0);
    assert_int_equal(frozen, judge.seen[1]);
    pyr_copy_close(copy);
    judge = (struct judge){.good_at = 1000000, .target = judge.target};
    options.patience_ns = 1000000000;
    assert_int_equal(pyr_copy_make(&none, judge.target, &options, &err), PYR_E_AGAIN);
    assert_true(judge.asked > 0);
    judge.good_at = PYR_E_FORMAT;
    assert_int_equal(pyr_copy_make(&none, judge.target, &options, &err), PYR_E_FORMAT);
    assert_null(none);
    assert_int_equal(children_of(pid), 0);
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 7);
    pyr_target_close(judge.target);
    shared_free(s);
}

static void without_memory_the_process_itself_is_held(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    pid_t pid = child_start(count_privately, s);
    assert_true(wait_until(&s->counter, 1));
    struct pyr_target *target = open_target(pid);
    struct pyr_copy_options options = {.headroom_bytes = 1ull << 50, .stopped_max_ns = 5000000000};
    struct pyr_copy *copy = NULL;
    struct pyr_copy_outcome outcome;
    assert_int_equal(pyr_copy_make(&copy, target, &options, &err), PYR_E_LIMIT);
    assert_non_null(strstr(err.text, "MiB are free"));
    options.or_stopped = true;
    for (int late = 0; late < 2; late++) {
        options.stopped_max_ns = late ? 1000000000 : options.stopped_max_ns;
        copy = make(target, &options);
        assert_true(pyr_copy_facts(copy)->stopped && pyr_copy_facts(copy)->pid == pid);
        assert_non_null(strstr(pyr_copy_facts(copy)->reason, "MiB are free"));
        long before = atomic_load(&s->counter);
        pause_ms(20);
        assert_int_equal(atomic_load(&s->counter), before);
        assert_int_equal(pyr_copy_check(copy), 0);
        assert_int_equal(pyr_copy_call(copy, &CALL(0), &outcome, &err), PYR_E_UNSUPPORTED);
        if (late) { /* it goes on by itself */
            assert_true(wait_until(&s->counter, before + 1));
            assert_int_equal(pyr_copy_check(copy), PYR_E_GONE);
        }
        pyr_copy_close(copy);
        assert_true(wait_until(&s->counter, before + 1));
    }
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 7);
    pyr_target_close(target);
    shared_free(s);
}

static void *sleep_for_ever(void *argument)
{
    struct shared *s = argument;
    atomic_fetch_add(&s->flag, 1);
    for_ever();
    return NULL;
}

enum { SLEEPERS = 1500 };

static int crowd(struct shared *s)
{
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (int i = 0; i < SLEEPERS; i++)
        if (pthread_create(&thread, &small, sleep_for_ever, s) != 0)
            return 1;
    while (atomic_load(&s->flag) < SLEEPERS)
        pause_ms(1);
    return count_privately(s);
}

static void threads_that_sleep_are_left_alone(void **state)
{
    (void)state;
    struct fixture f = begin_copy(crowd);
    const struct pyr_copy_facts *facts = pyr_copy_facts(f.copy);
    print_message("%u threads, %u held, %u tries, paused for %.3f ms\n", facts->threads, facts->held, facts->tries,
                  (double)facts->pause_ns / 1e6);
    assert_int_equal(facts->threads, SLEEPERS + 1);
    assert_true(facts->held < SLEEPERS / 2);
    end_copy(&f);
}

/* ---- the guardian is killed on its way ---- */

enum { STEPS = 20 };

/* All vector registers, the stack below and x87 hold what they held, whatever happens to a tracer. */
static int keep_registers(struct shared *s)
{
    uint64_t pattern[64], now[64];
    for (int i = 0; i < 64; i++)
        pattern[i] = 0x0123456789abcdefull * (uint64_t)(i + 3);
    bool wide = __builtin_cpu_supports("avx");
    while (!atomic_load(&s->stop)) {
        if (wide)
            __asm__ volatile("vmovdqu (%0), %%ymm3; vmovdqu 32(%0), %%ymm11; mov $3000, %%ecx\n"
                             "1: dec %%ecx; jnz 1b\n"
                             "vmovdqu %%ymm3, (%1); vmovdqu %%ymm11, 32(%1)"
                             :
                             : "r"(pattern), "r"(now)
                             : "ecx", "memory", "xmm3", "xmm11");
        else
            memcpy(now, pattern, 64);
        if (memcmp(now, pattern, 64) != 0)
            return 1;
        atomic_fetch_add(&s->counter, 1);
    }
    return 7;
}

/* Sleeps for spans that only the kernel keeps count of, and is not woken early; but one that was interrupted before
 * (restart_syscall) cannot be begun again by anybody else. */
static int sleep_exactly(struct shared *s)
{
    int interrupted = 0;
    while (!atomic_load(&s->stop)) {
        uint64_t begin_ns = pyr_now_ns();
        if (nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL) != 0 && (errno != EINTR || interrupted++))
            return 1;
        if (!interrupted && pyr_now_ns() - begin_ns < 3000000)
            return 2;
        atomic_fetch_add(&s->counter, 1);
    }
    return 7;
}

static int read_pipe(struct shared *s)
{
    int ends[2];
    char byte = 0;
    if (pipe(ends) != 0)
        return 1;
    atomic_store(&s->flag, ends[1]);
    atomic_store(&s->counter, 1);
    while (!atomic_load(&s->stop)) {
        if (write(ends[1], "x", 1) != 1 || read(ends[0], &byte, 1) != 1 || byte != 'x')
            return 2;
        atomic_fetch_add(&s->counter, 1);
    }
    return 7;
}

/* A child that was made when the guardian was dead already ends by itself. */
static void await_loose_child(pid_t pid)
{
    pause_ms(5);
    for (int i = 0; i < 2000; i++) {
        struct pyr_vec pids = PYR_VEC(pid_t);
        struct pyr_proc_stat stat = {.state = 'Z'};
        assert_int_equal(pyr_process_children(pid, false, &pids), 0);
        if (pids.count)
            pyr_proc_stat_read(*PYR_VEC_AT(&pids, pid_t, 0), &stat);
        pyr_vec_release(&pids);
        if (stat.state == 'Z')
            return;
        pause_ms(1);
    }
}

static void die_at_each_step(const char *what, int (*body)(struct shared *s))
{
    print_message("  %s\n", what);
    for (unsigned step = 1; step <= STEPS; step++) {
        struct shared *s = shared_new();
        pid_t pid = child_start(body, s);
        assert_true(wait_until(&s->counter, 1));
        struct pyr_target *target = open_target(pid);
        const struct pyr_copy_options options = {.die_at = step};
        struct pyr_copy *copy = NULL;
        int rc = pyr_copy_make(&copy, target, &options, &err);
        assert_true(rc == 0 || rc == PYR_E_GONE);
        if (rc == 0)
            pyr_copy_close(copy);
        long before = atomic_load(&s->counter);
        assert_true(wait_until(&s->counter, before + 5));
        await_loose_child(pid);
        pyr_copy_close(make(target, &plain));
        assert_int_equal(children_of(pid), 0);
        before = atomic_load(&s->counter);
        assert_true(wait_until(&s->counter, before + 5));
        atomic_store(&s->stop, true);
        assert_int_equal(child_wait(pid), 7);
        pyr_target_close(target);
        shared_free(s);
    }
}

static void the_guardian_may_be_killed(void **state)
{
    (void)state;
    die_at_each_step("keep_registers", keep_registers);
    die_at_each_step("sleep_exactly", sleep_exactly);
    die_at_each_step("read_pipe", read_pipe);
}

/* ---- spans ---- */

static int sleep_long(struct shared *s)
{
    atomic_store(&s->counter, 1);
    uint64_t begin_ns = pyr_now_ns();
    int rc = nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    atomic_store(&s->signals, (long)(pyr_now_ns() - begin_ns));
    return rc == 0 ? 7 : 1;
}

/* The one thread there is must be lent; its sleep is not begun anew each time: it would last as much longer as it had
 * lasted until then. */
static void a_sleep_lasts_no_longer(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    pid_t pid = child_start(sleep_long, s);
    assert_true(wait_until(&s->counter, 1));
    struct pyr_target *target = open_target(pid);
    uint64_t begin_ns = pyr_now_ns(), last_ns = 0;
    for (int i = 0; i < 3; i++) {
        pause_ms(200);
        last_ns = pyr_now_ns() - begin_ns;
        pyr_copy_close(make(target, &plain));
    }
    assert_int_equal(child_wait(pid), 7);
    assert_in_range(atomic_load(&s->signals), 2000000000, 2000000000 + last_ns);
    pyr_target_close(target);
    shared_free(s);
}

/* ---- signals ---- */

static struct shared *counted;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&counted->signals, 1);
}

static int be_signalled(struct shared *s)
{
    counted = s;
    sigaction(SIGRTMIN, &(struct sigaction){.sa_handler = count_signal}, NULL);
    return keep_registers(s);
}

static void *send_signals(void *argument)
{
    struct shared *s = argument;
    long sent = 0;
    while (!atomic_load(&s->flag)) {
        sent += sigqueue((pid_t)atomic_load(&s->tid), SIGRTMIN, (union sigval){0}) == 0;
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    return (void *)sent;
}

static void no_signal_is_lost_or_given_twice(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    pthread_t sender;
    void *sent;
    pid_t pid = child_start(be_signalled, s);
    assert_true(wait_until(&s->counter, 1));
    atomic_store(&s->tid, pid);
    struct pyr_target *target = open_target(pid);
    pthread_create(&sender, NULL, send_signals, s);
    for (int i = 0; i < 50; i++)
        pyr_copy_close(make(target, &plain));
    atomic_store(&s->flag, 1);
    pthread_join(sender, &sent);
    assert_true((long)sent > 0 && wait_until(&s->signals, (long)sent));
    pause_ms(20);
    assert_int_equal(atomic_load(&s->signals), (long)sent);
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 7);
    pyr_target_close(target);
    shared_free(s);
}

/* ---- seccomp ---- */

static bool filter_clone(uint32_t action)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
        /* as containers have it: new namespaces alone are forbidden, or all of it */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, action == SECCOMP_RET_ALLOW ? CLONE_NEWUSER : CLONE_FILES, 0, 2),
        BPF_STMT(BPF_RET | BPF_K, action == SECCOMP_RET_ALLOW ? SECCOMP_RET_ERRNO | EPERM : action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static int behind_harmless_filter(struct shared *s)
{
    return filter_clone(SECCOMP_RET_ALLOW) ? count_privately(s) : 1;
}

static int behind_refusing_filter(struct shared *s)
{
    return filter_clone(SECCOMP_RET_ERRNO | EPERM) ? count_privately(s) : 1;
}

static int behind_deadly_filter(struct shared *s)
{
    return filter_clone(SECCOMP_RET_KILL_PROCESS) ? count_privately(s) : 1;
}

static void a_filter_is_asked_first(void **state)
{
    (void)state;
    int (*const bodies[])(struct shared *) = {behind_harmless_filter, behind_refusing_filter, behind_deadly_filter};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct shared *s = shared_new();
        struct pyr_copy *copy = NULL;
        pid_t pid = child_start(bodies[i], s);
        assert_true(wait_until(&s->counter, 1));
        struct pyr_target *target = open_target(pid);
        int rc = pyr_copy_make(&copy, target, &plain, &err);
        if (i > 0 || geteuid() != 0) {
            assert_int_equal(rc, PYR_E_UNSUPPORTED);
            assert_non_null(strstr(err.text, "seccomp filter"));
        } else {
            assert_int_equal(rc, 0);
            pyr_copy_close(copy);
        }
        atomic_store(&s->stop, true);
        assert_int_equal(child_wait(pid), 7);
        pyr_target_close(target);
        shared_free(s);
    }
}

/* ---- figures ---- */

enum { LARGE = 1 << 30 };

static int be_large(struct shared *s)
{
    char *memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    madvise(memory, LARGE, MADV_NOHUGEPAGE);
    memset(memory, 1, LARGE);
    atomic_store(&s->counter, 1);
    long longest_ns = 0;
    for (uint64_t before_ns = pyr_now_ns(); atomic_load(&s->flag) == 0;) { /* how long it was away, by its own clock */
        uint64_t now_ns = pyr_now_ns();
        if ((long)(now_ns - before_ns) > longest_ns)
            atomic_store(&s->signals, longest_ns = (long)(now_ns - before_ns));
        before_ns = now_ns;
    }
    uint64_t begin_ns = pyr_now_ns();
    for (size_t i = 0; i < LARGE; i += 4096)
        memory[i]++;
    atomic_store(&s->signals, (long)(pyr_now_ns() - begin_ns));
    atomic_store(&s->flag, 2);
    return for_ever();
}

static void a_gigabyte_is_copied(void **state)
{
    (void)state;
    if (!getenv("PYR_SOAK"))
        skip();
    struct shared *s = shared_new();
    pid_t pid = child_start(be_large, s);
    while (!wait_until(&s->counter, 1))
        ;
    struct pyr_target *target = open_target(pid);
    for (int i = 0; i < 5; i++) {
        atomic_store(&s->signals, 0);
        struct pyr_copy *copy = make(target, &plain);
        print_message("1 GiB: paused for %.1f ms, by its own clock %.1f ms\n",
                      (double)pyr_copy_facts(copy)->pause_ns / 1e6, (double)atomic_load(&s->signals) / 1e6);
        if (i == 4) {
            atomic_store(&s->flag, 1);
            while (!wait_until(&s->flag, 2))
                ;
            print_message("written to while the copy lives: %.2f s\n", (double)atomic_load(&s->signals) / 1e9);
        }
        pyr_copy_close(copy);
    }
    child_kill(pid);
    pyr_target_close(target);
    shared_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_frozen_while_the_process_goes_on),
        cmocka_unit_test(what_is_written_meanwhile_is_told),
        cmocka_unit_test(code_runs_in_the_copy),
        cmocka_unit_test(a_call_can_stop_on_its_way),
        cmocka_unit_test(the_end_of_a_call_is_seen_at_once),
        cmocka_unit_test(faults_are_recovered_from),
        cmocka_unit_test(nothing_of_a_call_is_seen_outside),
        cmocka_unit_test(a_call_is_bounded_in_time),
        cmocka_unit_test(a_copy_waits_for_a_safe_moment),
        cmocka_unit_test(without_memory_the_process_itself_is_held),
        cmocka_unit_test(threads_that_sleep_are_left_alone),
        cmocka_unit_test(the_guardian_may_be_killed),
        cmocka_unit_test(a_sleep_lasts_no_longer),
        cmocka_unit_test(no_signal_is_lost_or_given_twice),
        cmocka_unit_test(a_filter_is_asked_first),
        cmocka_unit_test(a_gigabyte_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 77;
}

#endif
