/* Threads: what the kernel says of them, and holding them. */
#include "child.h"
#include "target/group.h"
#include "target/task.h"

#include "target/proc.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int spin(struct shared *s)
{
    while (!atomic_load(&s->stop))
        atomic_fetch_add(&s->counter, 1);
    return 0;
}

static int odd_name(struct shared *s)
{
    prctl(PR_SET_NAME, ") R (x");
    atomic_store(&s->flag, 1);
    return for_ever();
}

static void *gives_its_tid_and_sleeps(void *context)
{
    struct shared *s = context;
    atomic_store(&s->flag, (int)syscall(SYS_gettid));
    while (!atomic_load(&s->stop))
        pause_ms(5);
    return NULL;
}

/* This thread burns CPU, the other one does not: it has none of it, though the process has. */
static void stat_of_a_thread_is_its_own(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_proc_stat whole, own;
    struct timespec used;
    pthread_t thread;
    pthread_create(&thread, NULL, gives_its_tid_and_sleeps, s);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    while (used.tv_sec == 0 && used.tv_nsec < 100000000);
    while (!atomic_load(&s->flag))
        sched_yield();
    pid_t tid = (pid_t)atomic_load(&s->flag);
    assert_int_equal(pyr_proc_thread_stat_read(getpid(), tid, &own), 0);
    assert_int_equal(pyr_proc_stat_read(getpid(), &whole), 0);
    assert_int_equal(own.parent, getppid());
    assert_in_range(own.user_ticks + own.system_ticks, 0, 2);
    assert_in_range(whole.user_ticks + whole.system_ticks, 5, UINT32_MAX);
    atomic_store(&s->stop, 1);
    pthread_join(thread, NULL);
    assert_int_equal(pyr_proc_thread_stat_read(getpid(), tid, &own), PYR_E_GONE);
    shared_free(s);
}

static void stat_is_read_behind_any_name(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_task task;
    char letter, name[16];
    int cpu;
    pid_t pid = child_start(odd_name, s);
    assert_true(wait_until(&s->flag, 1));
    await_sleep(pid, NULL);
    assert_int_equal(pyr_task_open(&task, pid, pid), 0);
    assert_int_equal(pyr_task_state(&task, &letter, &cpu), 0);
    assert_int_equal(letter, 'S');
    assert_in_range(cpu, 0, sysconf(_SC_NPROCESSORS_CONF) - 1);
    assert_int_equal(pyr_task_name(&task, name, sizeof name), 0);
    assert_string_equal(name, ") R (x");
    assert_int_equal(pyr_task_name(&task, name, 3), 0);
    assert_string_equal(name, ") ");
    struct pyr_proc_stat stat;
    assert_int_equal(pyr_proc_stat_read(pid, &stat), 0);
    assert_int_equal(stat.parent, getpid());
    child_kill(pid);
    uint64_t slices;
    assert_int_equal(pyr_task_state(&task, &letter, &cpu), PYR_E_GONE);
    assert_int_equal(pyr_task_slices(&task, &slices, NULL), PYR_E_GONE);
    pyr_task_close(&task);
    assert_int_equal(pyr_task_open(&task, pid, pid), PYR_E_GONE);
    shared_free(s);
}

static void damaged_stat_is_refused(void **state)
{
    (void)state;
    struct pyr_proc_stat stat;
    static const char *const bad[] = {"", ")", "1 (a) S", "1 (a) S 1 2 3", "1 (a", "1 (a)S 1 2 3 4 5 6 7"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(pyr_proc_stat_parse(bad[i], strlen(bad[i]), &stat), PYR_E_FORMAT);
}

static int wake_when_told(struct shared *s)
{
    sigset_t set;
    int signal;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    while (!atomic_load(&s->stop)) {
        atomic_fetch_add(&s->flag, 1);
        sigwait(&set, &signal);
    }
    return 0;
}

enum { SLEEPERS = 20 };

static void *sleep_when_told(void *context)
{
    struct shared *s = context;
    sigset_t set;
    int signal;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    for (;;) {
        atomic_fetch_add(&s->flag, 1);
        sigwait(&set, &signal);
    }
    return NULL;
}

/* Many threads that sleep until one of them gets a signal; one that runs; and some that have ended. */
static int crowd(struct shared *s)
{
    sigset_t set;
    pthread_t thread;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < SLEEPERS; i++)
        pthread_create(&thread, NULL, sleep_when_told, s);
    return spin(s);
}

static void sum_over_threads(pid_t pid, struct pyr_task *tasks, size_t count, uint64_t *slices, uint64_t *run_ns)
{
    *slices = *run_ns = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t one, ran;
        if (tasks[i].pid != pid)
            assert_int_equal(pyr_task_open(&tasks[i], pid, tasks[i].tid), 0);
        assert_int_equal(pyr_task_slices(&tasks[i], &one, &ran), 0);
        *slices += one;
        *run_ns += ran;
    }
}

/* What one figure holds beside the sum over all threads stays the same as long as nothing ends. */
static void a_process_counts_what_its_threads_do(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_group group = PYR_GROUP_CLOSED;
    struct pyr_task tasks[SLEEPERS + 1] = {{0}};
    struct pyr_vec tids = PYR_VEC(pid_t);
    pid_t pid = child_start(crowd, s);
    int found[2] = {0};
    assert_true(wait_until(&s->flag, SLEEPERS));
    pause_ms(20);
    assert_int_equal(pyr_task_list(pid, &tids), 0);
    assert_int_equal(tids.count, SLEEPERS + 1);
    for (size_t i = 0; i < tids.count; i++)
        tasks[i].tid = *PYR_VEC_AT(&tids, pid_t, i);
    for (int round = 0; round < 400; round++) {
        uint64_t before[2], all[2] = {0}, after[2], runnable;
        sum_over_threads(pid, tasks, tids.count, &before[0], &before[1]);
        bool counted = pyr_group_slices(&group, pid, &all[0]) == 0;
        assert_int_equal(pyr_group_run_ns(pid, &all[1]), 0);
        sum_over_threads(pid, tasks, tids.count, &after[0], &after[1]);
        assert_int_equal(pyr_group_runnable(&group, &runnable), 0);
        assert_true(runnable >= 1);
        for (int i = counted ? 0 : 1; i < 2; i++) {
            found[i] += before[i] == after[i];
            assert_true(all[i] >= before[i] && all[i] <= after[i]);
        }
        if (round % 40 == 0)
            kill(pid, SIGUSR1);
        pause_ms(1);
    }
    assert_true(found[1] > 0);
    print_message("equal: %d of slices, %d of run time\n", found[0], found[1]);
    for (size_t i = 0; i < tids.count; i++)
        pyr_task_close(&tasks[i]);
    pyr_vec_release(&tids);
    child_kill(pid);
    assert_int_equal(pyr_group_run_ns(pid, &(uint64_t){0}), PYR_E_GONE);
    assert_int_equal(pyr_group_slices(&group, pid, &(uint64_t){0}), PYR_E_UNSUPPORTED);
    pyr_group_close(&group);
    shared_free(s);
}

/* With no descriptor to keep, a thread is read all the same. */
static void threads_are_read_without_descriptors(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct rlimit before, low;
    struct pyr_task task;
    pid_t pid = child_start(spin, s);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){40, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_true(pyr_task_crowded());
    assert_int_equal(pyr_task_open(&task, pid, pid), 0);
    for (int i = 0; i < 100; i++) {
        uint64_t slices, futex;
        bool running;
        char letter;
        int cpu;
        assert_int_equal(pyr_task_slices(&task, &slices, NULL), 0);
        assert_int_equal(pyr_task_state(&task, &letter, &cpu), 0);
        assert_int_equal(pyr_task_running(&task, &running, &futex), 0);
        assert_true(running && letter == 'R');
        assert_true(task.stat_fd < 0 && task.schedstat_fd < 0 && task.syscall_fd < 0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(pyr_task_crowded());
    pyr_task_close(&task);
    child_kill(pid);
    shared_free(s);
}

static void slices_prove_that_it_did_not_run(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_task task;
    uint64_t before, after, ran;
    pid_t pid = child_start(wake_when_told, s);
    assert_true(wait_until(&s->flag, 1));
    await_sleep(pid, NULL);
    assert_int_equal(pyr_task_open(&task, pid, pid), 0);
    assert_int_equal(pyr_task_slices(&task, &before, &ran), 0);
    assert_true(before > 0 && ran > 0);
    pause_ms(50);
    assert_int_equal(pyr_task_slices(&task, &after, NULL), 0);
    assert_true(after == before);
    kill(pid, SIGUSR1);
    assert_true(wait_until(&s->flag, 2));
    assert_int_equal(pyr_task_slices(&task, &after, NULL), 0);
    assert_true(after > before);
    pyr_task_close(&task);
    child_kill(pid);
    shared_free(s);
}

static void held_thread_stands_still(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_err err;
    pid_t pid = child_start(spin, s);
    assert_true(wait_until(&s->counter, 1));
    long moved = 0;
    for (int i = 0; i < 300; i++) {
        assert_int_equal(pyr_task_hold(pid, &err), 0);
        long first = atomic_load(&s->counter);
        for (int k = 0; k < 50; k++)
            sched_yield();
        moved += atomic_load(&s->counter) - first;
        assert_int_equal(pyr_task_release(pid), 0);
    }
    assert_int_equal(moved, 0);
    long last = atomic_load(&s->counter);
    assert_true(wait_until(&s->counter, last + 1000));
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 0);
    shared_free(s);
}

/* A loop that computes, and sleeps with a system call that the kernel restarts; until it is told to stop. */
static int count_and_sleep(struct shared *s)
{
    uint64_t sum = 0, rounds = 0;
    for (; !atomic_load(&s->stop); rounds++) {
        for (uint64_t k = 0; k < 5000; k++)
            sum = sum * 31 + k;
        if (nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL) < 0)
            return 2;
        atomic_fetch_add(&s->counter, 1);
    }
    uint64_t again = 0;
    for (uint64_t i = 0; i < rounds; i++)
        for (uint64_t k = 0; k < 5000; k++)
            again = again * 31 + k;
    return sum == again ? 0 : 1;
}

/* Held again without a pause, a thread may never get any further: it stops anew before it has run. */
static void let_run(int times_held)
{
    usleep((useconds_t)(times_held * 7 % 100));
}

static void program_computes_the_same(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_err err;
    int held = 0;
    pid_t pid = child_start(count_and_sleep, s);
    while (atomic_load(&s->counter) < 390 || held < 300) {
        assert_int_equal(pyr_task_hold(pid, &err), 0);
        assert_int_equal(pyr_task_release(pid), 0);
        let_run(held++);
    }
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 0);
    shared_free(s);
}

static struct shared *handler_shared;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handler_shared->signals, 1);
}

static int handle_signals(struct shared *s)
{
    handler_shared = s;
    sigaction(SIGRTMIN, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART}, NULL);
    atomic_store(&s->flag, 1);
    return spin(s);
}

static void signal_waits_for_the_release(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_err err;
    pid_t pid = child_start(handle_signals, s);
    assert_true(wait_until(&s->flag, 1));
    assert_int_equal(pyr_task_hold(pid, &err), 0);
    kill(pid, SIGRTMIN);
    pause_ms(20);
    assert_int_equal(atomic_load(&s->signals), 0);
    assert_int_equal(pyr_task_release(pid), 0);
    assert_true(wait_until(&s->signals, 1));
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 0);
    shared_free(s);
}

static void *send_signals(void *argument)
{
    struct shared *s = argument;
    long sent = 0;
    while (!atomic_load(&s->flag) || atomic_load(&s->flag) == 1) {
        if (sigqueue((pid_t)atomic_load(&s->tid), SIGRTMIN, (union sigval){0}) == 0)
            sent++;
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
    return (void *)sent;
}

static void no_signal_is_lost(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_err err;
    pthread_t sender;
    void *sent;
    pid_t pid = child_start(handle_signals, s);
    atomic_store(&s->tid, pid);
    assert_true(wait_until(&s->flag, 1));
    pthread_create(&sender, NULL, send_signals, s);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(pyr_task_hold(pid, &err), 0);
        assert_int_equal(pyr_task_release(pid), 0);
    }
    atomic_store(&s->flag, 2);
    pthread_join(sender, &sent);
    assert_true((long)sent > 0 && wait_until(&s->signals, (long)sent));
    pause_ms(20);
    assert_int_equal(atomic_load(&s->signals), (long)sent);
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 0);
    shared_free(s);
}

static void *short_life(void *argument)
{
    struct shared *s = argument;
    for (volatile int i = 0; i < 20000; i++)
        ;
    atomic_fetch_add(&s->counter, 1);
    return NULL;
}

/* Until enough of them were held. */
static int many_short_threads(struct shared *s)
{
    for (long i = 0; i < 300 || !atomic_load(&s->stop); i++) {
        atomic_fetch_add(&s->signals, 4);
        pthread_t threads[4];
        for (int k = 0; k < 4; k++)
            pthread_create(&threads[k], NULL, short_life, s);
        for (int k = 0; k < 4; k++)
            pthread_join(threads[k], NULL);
    }
    return 7;
}

static void hold_all_until_end(pid_t pid, struct shared *s, int enough)
{
    struct pyr_err err;
    for (int live = 1; live > 0;) {
        struct pyr_vec tids = PYR_VEC(pid_t);
        int status = pyr_task_list(pid, &tids);
        live = 0;
        for (size_t i = 0; i < tids.count; i++) {
            pid_t tid = *PYR_VEC_AT(&tids, pid_t, i);
            if (pyr_task_hold(tid, &err) < 0)
                continue;
            live++;
            pyr_task_release(tid);
            if (tid != pid && --enough == 0)
                atomic_store(&s->stop, true);
        }
        pyr_vec_release(&tids);
        live = status < 0 ? 0 : live;
    }
    assert_true(enough <= 0);
}

static void threads_end_while_held(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    pid_t pid = child_start(many_short_threads, s);
    hold_all_until_end(pid, s, 30);
    assert_int_equal(child_wait(pid), 7); /* its exit status is still there for us */
    assert_int_equal(atomic_load(&s->counter), atomic_load(&s->signals));
    shared_free(s);
}

static int parent_of_busy(struct shared *s)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(many_short_threads(s));
    atomic_store(&s->tid, pid);
    atomic_store(&s->flag, 1);
    return child_wait(pid);
}

static void other_parents_get_the_exit_status(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct shared *s = shared_new();
        pid_t pid = child_start(parent_of_busy, s);
        assert_true(wait_until(&s->flag, 1));
        hold_all_until_end(atomic_load(&s->tid), s, 3);
        assert_int_equal(child_wait(pid), 7);
        shared_free(s);
    }
}

static void *stay(void *argument)
{
    struct shared *s = argument;
    while (!atomic_load(&s->stop))
        pause_ms(1);
    _exit(5);
}

static int end_first_thread(struct shared *s)
{
    pthread_t thread;
    pthread_create(&thread, NULL, stay, s);
    atomic_store(&s->flag, 1);
    pthread_exit(NULL);
    return 0;
}

static void first_thread_may_end(void **state)
{
    (void)state;
    struct pyr_err err;
    for (int i = 0; i < 200; i++) {
        struct shared *s = shared_new();
        pid_t pid = child_start(end_first_thread, s);
        int tries = 0;
        while (pyr_task_hold(pid, &err) == 0) {
            pyr_task_release(pid);
            assert_true(++tries < 100000);
            let_run(tries);
        }
        assert_int_equal(err.status, PYR_E_GONE);
        atomic_store(&s->stop, true);
        assert_int_equal(child_wait(pid), 5);
        shared_free(s);
    }
}

static void killed_while_held(void **state)
{
    (void)state;
    struct pyr_err err;
    for (int i = 0; i < 20; i++) {
        struct shared *s = shared_new();
        pid_t pid = child_start(spin, s);
        assert_int_equal(pyr_task_hold(pid, &err), 0);
        kill(pid, SIGKILL);
        pause_ms(i % 3);
        pyr_task_release(pid);
        assert_int_equal(child_wait(pid), -SIGKILL);
        shared_free(s);
    }
}

static void stopped_stays_stopped(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_err err;
    struct pyr_proc_stat stat;
    pid_t pid = child_start(spin, s);
    assert_true(wait_until(&s->counter, 1));
    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pyr_task_hold(pid, &err), 0);
        assert_int_equal(pyr_task_release(pid), 0);
    }
    pause_ms(20);
    assert_int_equal(pyr_proc_stat_read(pid, &stat), 0);
    assert_int_equal(stat.state, 'T');
    kill(pid, SIGCONT);
    long last = atomic_load(&s->counter);
    assert_true(wait_until(&s->counter, last + 1000));
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 0);
    shared_free(s);
}

/* Whatever a stop signal meets, the program must go on after SIGCONT. */
static void stop_signals_meet_holds(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_err err;
    pid_t pid = child_start(spin, s);
    for (int i = 0; i < 300; i++) {
        kill(pid, i % 2 ? SIGCONT : SIGSTOP);
        assert_int_equal(pyr_task_hold(pid, &err), 0);
        assert_int_equal(pyr_task_release(pid), 0);
    }
    kill(pid, SIGCONT);
    long last = atomic_load(&s->counter);
    assert_true(wait_until(&s->counter, last + 1000));
    atomic_store(&s->stop, true);
    assert_int_equal(child_wait(pid), 0);
    shared_free(s);
}

static int trace_it(struct shared *s)
{
    pid_t pid = atomic_load(&s->tid);
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
        return 1;
    atomic_store(&s->flag, 1);
    return for_ever();
}

static void another_tracer_is_named(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_err err;
    char expected[64];
    pid_t pid = child_start(spin, s);
    atomic_store(&s->tid, pid);
    pid_t tracer = child_start(trace_it, s);
    assert_true(wait_until(&s->flag, 1));
    assert_int_equal(pyr_task_hold(pid, &err), PYR_E_PERMISSION);
    snprintf(expected, sizeof expected, "traced by process %d", (int)tracer);
    assert_non_null(strstr(err.text, expected));
    child_kill(tracer);
    child_kill(pid);
    assert_int_equal(pyr_task_hold(pid, &err), PYR_E_GONE);
    shared_free(s);
}

static void *execute(void *argument)
{
    struct shared *s = argument;
    atomic_store(&s->tid, (pid_t)syscall(SYS_gettid));
    for (volatile int i = 0; i < 200000; i++)
        ;
    execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
    return NULL;
}

static int execute_in_thread(struct shared *s)
{
    pthread_t thread;
    pthread_create(&thread, NULL, execute, s);
    return for_ever();
}

static void thread_executes_a_program(void **state)
{
    (void)state;
    struct pyr_err err;
    for (int i = 0; i < 100; i++) {
        struct shared *s = shared_new();
        pid_t pid = child_start(execute_in_thread, s);
        while (atomic_load(&s->tid) == 0)
            ;
        while (pyr_task_hold(atomic_load(&s->tid), &err) == 0)
            pyr_task_release(atomic_load(&s->tid));
        assert_int_equal(err.status, PYR_E_GONE);
        assert_int_equal(child_wait(pid), 9);
        shared_free(s);
    }
}

static void sits_on_a_cpu(void **state)
{
    (void)state;
    cpu_set_t allowed;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed)) {
            assert_int_equal(pyr_cpu_sit(cpu), 0);
            assert_int_equal(pyr_cpu_current(), cpu);
        }
    assert_int_equal(pyr_cpu_sit(-1), PYR_E_MISUSE);
    assert_int_equal(pyr_cpu_sit(8191), PYR_E_PERMISSION);
    sched_setaffinity(0, sizeof allowed, &allowed);
    assert_in_range(pyr_cpu_wake_promptly(), 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_is_read_behind_any_name),
        cmocka_unit_test(stat_of_a_thread_is_its_own),
        cmocka_unit_test(damaged_stat_is_refused),
        cmocka_unit_test(slices_prove_that_it_did_not_run),
        cmocka_unit_test(a_process_counts_what_its_threads_do),
        cmocka_unit_test(threads_are_read_without_descriptors),
        cmocka_unit_test(held_thread_stands_still),
        cmocka_unit_test(program_computes_the_same),
        cmocka_unit_test(signal_waits_for_the_release),
        cmocka_unit_test(no_signal_is_lost),
        cmocka_unit_test(threads_end_while_held),
        cmocka_unit_test(other_parents_get_the_exit_status),
        cmocka_unit_test(first_thread_may_end),
        cmocka_unit_test(killed_while_held),
        cmocka_unit_test(stopped_stays_stopped),
        cmocka_unit_test(stop_signals_meet_holds),
        cmocka_unit_test(another_tracer_is_named),
        cmocka_unit_test(thread_executes_a_program),
        cmocka_unit_test(sits_on_a_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
