/* Facts about processes. */
#include "base/vec.h"
#include "child.h"
#include "target/proc.h"
#include "target/target.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int end_at_once(struct shared *s)
{
    (void)s;
    prctl(PR_SET_NAME, "\xff) gone");
    return 0;
}

static void describes_a_zombie(void **state)
{
    (void)state;
    struct pyr_process_info info;
    pid_t pid = child_start(end_at_once, NULL);
    child_end(pid);
    assert_int_equal(pyr_process_info_read(&info, pid, NULL), 0);
    assert_int_equal(info.pid, pid);
    assert_int_equal(info.parent, getpid());
    assert_int_equal(info.namespace_pid, pid);
    assert_true(info.zombie && info.start_ticks > 0);
    assert_string_equal(info.command, "[\\xff) gone]");
    assert_string_equal(info.executable, "");
    pyr_process_info_release(&info);
    child_wait(pid);
    struct pyr_err err;
    assert_int_equal(pyr_process_info_read(&info, pid, &err), PYR_E_GONE);
}

static int odd_shell(struct shared *s)
{
    (void)s;
    execl("/bin/sh", "s\xc3\xa9", "-c", "sleep 1000; :", "1\n2", "\xff\x1b[31m", "\xc2\x9b", (char *)NULL);
    return 1;
}

/* Its shell has begun the sleep. */
static void await_child(pid_t pid)
{
    struct pyr_vec children = PYR_VEC(pid_t);
    while (children.count == 0) {
        assert_int_equal(pyr_process_children(pid, false, &children), 0);
        pause_ms(1);
    }
    pyr_vec_release(&children);
    await_sleep(pid, NULL);
}

static void escapes_the_command(void **state)
{
    (void)state;
    struct pyr_process_info info;
    pid_t pid = child_start(odd_shell, NULL);
    await_child(pid);
    assert_int_equal(pyr_process_info_read(&info, pid, NULL), 0);
    assert_string_equal(info.command, "s\xc3\xa9 -c sleep 1000; : 1\\x0a2 \\xff\\x1b[31m \\xc2\\x9b");
    char *real = realpath("/bin/sh", NULL);
    assert_string_equal(info.executable, real);
    free(real);
    assert_false(info.zombie || info.stopped);
    pyr_process_info_release(&info);
    kill(pid, SIGSTOP);
    waitpid(pid, NULL, WUNTRACED);
    assert_int_equal(pyr_process_info_read(&info, pid, NULL), 0);
    assert_true(info.stopped);
    pyr_process_info_release(&info);
    struct pyr_vec children = PYR_VEC(pid_t);
    assert_int_equal(pyr_process_children(pid, false, &children), 0);
    assert_int_equal(children.count, 1);
    kill(*PYR_VEC_AT(&children, pid_t, 0), SIGKILL);
    pyr_vec_release(&children);
    child_kill(pid);
}

static void *fork_in_thread(void *argument)
{
    struct shared *s = argument;
    pid_t pid = fork();
    if (pid == 0) {
        atomic_fetch_add(&s->flag, 1);
        for_ever();
    }
    atomic_store(&s->tid, pid);
    for_ever();
    return NULL;
}

static int count_in(struct shared *s)
{
    atomic_fetch_add(&s->flag, 1);
    return for_ever();
}

static int family(struct shared *s)
{
    pthread_t thread;
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (i == 0)
                child_start(count_in, s);
            atomic_fetch_add(&s->flag, 1);
            for_ever();
        }
    }
    pthread_create(&thread, NULL, fork_in_thread, s);
    return for_ever();
}

static void finds_children_of_all_threads(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    pid_t pid = child_start(family, s);
    assert_true(wait_until(&s->flag, 5));
    struct pyr_vec direct = PYR_VEC(pid_t), all = PYR_VEC(pid_t);
    assert_int_equal(pyr_process_children(pid, false, &direct), 0);
    assert_int_equal(direct.count, 4);
    assert_int_equal(pyr_process_children(pid, true, &all), 0);
    assert_int_equal(all.count, 5);
    for (size_t i = 0; i < all.count; i++)
        kill(*PYR_VEC_AT(&all, pid_t, i), SIGKILL);
    child_kill(pid);
    all.count = 0;
    assert_int_equal(pyr_process_children(pid, true, &all), PYR_E_GONE);
    assert_int_equal(all.count, 0);
    pyr_vec_release(&direct);
    pyr_vec_release(&all);
    shared_free(s);
}

static void *burn(void *argument)
{
    (void)argument;
    struct timespec used;
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    while (used.tv_nsec < 50000000);
    return NULL;
}

static int use_memory_and_cpu(struct shared *s)
{
    enum { SIZE = 64 << 20 };
    pthread_t thread;
    char *block = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(block, 1, SIZE);
    munmap(block, SIZE / 2);
    pthread_create(&thread, NULL, burn, NULL);
    pthread_join(thread, NULL);
    atomic_store(&s->flag, 1);
    return for_ever();
}

static void measures_usage(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    uint64_t rss, peak, cpu;
    pid_t pid = child_start(use_memory_and_cpu, s);
    assert_true(wait_until(&s->flag, 1));
    assert_int_equal(pyr_process_usage(pid, &rss, &peak, &cpu), 0);
    assert_in_range(rss >> 20, 32, 60);
    assert_in_range(peak >> 20, 64, 120);
    assert_in_range(cpu / 1000000, 50, 1000); /* the ended thread's included */
    kill(pid, SIGKILL);
    child_end(pid);
    assert_int_equal(pyr_process_usage(pid, &rss, &peak, &cpu), 0);
    assert_true(rss == 0 && cpu / 1000000 >= 50);
    child_wait(pid);
    assert_int_equal(pyr_process_usage(pid, &rss, &peak, &cpu), PYR_E_GONE);
    shared_free(s);
}

static void on_signal(int number)
{
    (void)number;
}

static int execute_when_told(struct shared *s)
{
    signal(SIGUSR1, on_signal);
    if (atomic_fetch_add(&s->flag, 1) == 0)
        pause();
    execl("/bin/sh", "sh", "-c", "kill -STOP $$; exec sh -c 'kill -STOP $$; exec sleep 1000'", (char *)NULL);
    return 1;
}

static void tells_that_it_became_another_program(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    uint64_t id[4];
    pid_t pid = child_start(execute_when_told, s);
    assert_true(wait_until(&s->flag, 1));
    await_sleep(pid, NULL); /* a signal before that would be lost on it */
    assert_int_equal(pyr_target_exec_id(pid, &id[0]), 0);
    assert_int_equal(pyr_target_exec_id(pid, &id[1]), 0);
    assert_true(id[0] == id[1]);
    kill(pid, SIGUSR1);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
        assert_int_equal(pyr_target_exec_id(pid, &id[i]), 0);
        assert_true(id[i] != id[i - 1]);
        kill(pid, SIGCONT);
    }
    await_sleep(pid, "sleep");
    assert_int_equal(pyr_target_exec_id(pid, &id[3]), 0);
    assert_true(id[3] != id[2]);
    child_kill(pid);
    assert_int_equal(pyr_target_exec_id(pid, &id[3]), PYR_E_GONE);
    shared_free(s);
}

static int in_namespace(struct shared *s)
{
    if (unshare(CLONE_NEWPID) < 0)
        return 77;
    pid_t pid = fork();
    if (pid == 0)
        for_ever();
    atomic_store(&s->tid, pid);
    atomic_store(&s->flag, 1);
    return for_ever();
}

static void knows_its_own_number(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_process_info info;
    if (geteuid() != 0)
        skip();
    pid_t pid = child_start(in_namespace, s);
    if (!wait_until(&s->flag, 1)) {
        child_kill(pid);
        skip();
    }
    assert_int_equal(pyr_process_info_read(&info, atomic_load(&s->tid), NULL), 0);
    assert_int_equal(info.namespace_pid, 1);
    assert_int_equal(info.pid, atomic_load(&s->tid));
    pyr_process_info_release(&info);
    kill(atomic_load(&s->tid), SIGKILL);
    child_kill(pid);
    shared_free(s);
}

static void status_words(void **state)
{
    (void)state;
    const char *text =
        "Name:\tshstk\nSeccomp:\t2\nx86_Thread_features:\tshstk wrss\nx86_Thread_features_locked:\tibt\n";
    assert_true(pyr_proc_status_has(text, "x86_Thread_features:", "shstk"));
    assert_true(pyr_proc_status_has(text, "x86_Thread_features:", "wrss"));
    assert_false(pyr_proc_status_has(text, "x86_Thread_features:", "ibt"));
    assert_false(pyr_proc_status_has(text, "x86_Thread_features:", "wrs"));
    assert_false(pyr_proc_status_has(text, "Speculation:", "shstk"));
    assert_false(pyr_proc_status_has("", "Seccomp:", "2"));
    uint64_t mode = 0;
    assert_true(pyr_proc_status_field(text, "Seccomp:", false, &mode));
    assert_int_equal(mode, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_words),         cmocka_unit_test(describes_a_zombie),
        cmocka_unit_test(escapes_the_command),  cmocka_unit_test(finds_children_of_all_threads),
        cmocka_unit_test(measures_usage),       cmocka_unit_test(tells_that_it_became_another_program),
        cmocka_unit_test(knows_its_own_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
