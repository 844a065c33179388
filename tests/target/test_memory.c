/* Reading a process that is a copy of the test itself: what must be read is known. */
#include "child.h"
#include "target/private.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { PAGES = 8, PAGE = 4096, PIECES = 3000 };

static uint8_t *area; /* PAGES readable pages, then one that is not mapped */
static struct shared *shared;
static pid_t child;
static struct pyr_target *target;

static int wait_for_ever(struct shared *s)
{
    atomic_fetch_add(&s->flag, 1);
    return for_ever();
}

static int set_up(void **state)
{
    (void)state;
    area = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < PAGES * PAGE; i++)
        area[i] = (uint8_t)(i * 31 ^ i >> 8);
    shared = shared_new();
    munmap(area + PAGES * PAGE, PAGE);
    child = child_start(wait_for_ever, shared);
    struct pyr_err err;
    return pyr_target_open(&target, child, &err);
}

static int tear_down(void **state)
{
    (void)state;
    pyr_target_close(target);
    child_kill(child);
    shared_free(shared);
    munmap(area, PAGES * PAGE);
    return 0;
}

static void reads_what_is_there(void **state)
{
    (void)state;
    uint8_t got[PAGES * PAGE];
    pyr_addr at = PYR_ADDR((uintptr_t)area);
    assert_int_equal(pyr_target_read(target, at, got, sizeof got), 0);
    assert_memory_equal(got, area, sizeof got);
    assert_int_equal(pyr_target_read(target, pyr_addr_add(at, 4090), got, 20), 0);
    assert_memory_equal(got, area + 4090, 20);
    pyr_addr word;
    uint32_t half;
    uint64_t expected;
    memcpy(&expected, area + 17, 8);
    assert_int_equal(pyr_target_read_addr(target, pyr_addr_add(at, 17), &word), 0);
    assert_true(word.v == expected);
    assert_int_equal(pyr_target_read_u32(target, pyr_addr_add(at, 17), &half), 0);
    assert_true(half == (uint32_t)expected);
}

static void failed_read_writes_nothing(void **state)
{
    (void)state;
    uint8_t got[2 * PAGE], untouched[2 * PAGE];
    memset(got, 0xa5, sizeof got);
    memcpy(untouched, got, sizeof got);
    pyr_addr end = PYR_ADDR((uintptr_t)area + PAGES * PAGE);
    const pyr_addr bad[] = {end,
                            pyr_addr_add(end, -1),
                            pyr_addr_add(end, -PAGE),
                            PYR_NULL,
                            PYR_ADDR(UINT64_MAX),
                            PYR_ADDR(UINT64_MAX - PAGE),
                            PYR_ADDR(INT64_MAX),
                            PYR_ADDR(UINT64_C(0xffff800000000000))};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(pyr_target_read(target, bad[i], got, sizeof got), PYR_E_FAULT);
        assert_memory_equal(got, untouched, sizeof got);
    }
    assert_int_equal(pyr_target_read(target, PYR_NULL, got, 0), 0);
    assert_int_equal(pyr_target_read(target, end, got, SIZE_MAX), PYR_E_FAULT);
}

/* Many small remote pieces into local pieces of other sizes. */
static void check_readv(void)
{
    static uint8_t got[PIECES * 8];
    static struct iovec local[PIECES], remote[PIECES];
    uint8_t expected[PIECES * 8];
    memset(got, 0, sizeof got);
    for (size_t i = 0; i < PIECES; i++) {
        size_t from = i * 7919 % (PAGES * PAGE - 8);
        remote[i] = (struct iovec){area + from, 8};
        memcpy(expected + i * 8, area + from, 8);
    }
    size_t locals = 0;
    for (size_t at = 0, size; at < sizeof got; at += size) {
        size = (locals * 13) % 23;
        if (size > sizeof got - at)
            size = sizeof got - at;
        local[locals++] = (struct iovec){got + at, size};
    }
    assert_int_equal(pyr_target_readv(target, local, locals, remote, PIECES), sizeof got);
    assert_memory_equal(got, expected, sizeof got);
    memset(got, 0, sizeof got);
    remote[2000] = (struct iovec){area + PAGES * PAGE, 8};
    assert_int_equal(pyr_target_readv(target, local, locals, remote, PIECES), 2000 * 8);
    assert_memory_equal(got, expected, 2000 * 8);
    assert_int_equal(pyr_target_readv(target, local, locals, remote + 2000, 5), 0);
    for (size_t i = 0; i < PIECES; i++)
        local[i] = (struct iovec){got + i, 1};
    assert_int_equal(pyr_target_readv(target, local, PIECES, remote, 500), PIECES);
    assert_memory_equal(got, expected, PIECES);
}

static void reads_many_pieces(void **state)
{
    (void)state;
    check_readv();
}

static void reads_through_proc_mem(void **state)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)child);
    target->mem_fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(target->mem_fd >= 0);
    check_readv();
    reads_what_is_there(state);
    failed_read_writes_nothing(state);
    close(target->mem_fd);
    target->mem_fd = -1;
}

static void knows_what_is_mapped(void **state)
{
    (void)state;
    const struct pyr_mapping *maps;
    size_t count;
    assert_int_equal(pyr_target_maps(target, true, &maps, &count, NULL), 0);
    for (size_t i = 1; i < count; i++)
        assert_true(maps[i - 1].end <= maps[i].start);
    const struct pyr_mapping *found = pyr_target_mapping_at(target, PYR_ADDR((uintptr_t)area + 100));
    assert_non_null(found);
    assert_true(found->readable && found->writable && !found->executable);
    assert_string_equal(found->path, "");
    assert_null(pyr_target_mapping_at(target, PYR_NULL));
    assert_null(pyr_target_module_path(target, PYR_ADDR((uintptr_t)area)));
    char own[PATH_MAX] = {0};
    assert_true(readlink("/proc/self/exe", own, sizeof own - 1) > 0);
    assert_string_equal(pyr_target_module_path(target, PYR_ADDR((uintptr_t)&wait_for_ever)), own);
}

static void finds_local_and_dynamic_symbols(void **state)
{
    (void)state;
    pyr_addr at;
    uint64_t size;
    struct pyr_err err;
    assert_int_equal(pyr_target_symbol(target, "wait_for_ever", &at, &size, &err), 0);
    assert_true(at.v == (uintptr_t)&wait_for_ever && size > 0);
    assert_int_equal(pyr_target_symbol(target, "area", &at, &size, &err), 0);
    assert_true(at.v == (uintptr_t)&area && size == sizeof area);
    at = PYR_ADDR(77);
    assert_int_equal(pyr_target_symbol(target, "no_such_symbol", &at, &size, &err), PYR_E_NOT_FOUND);
    assert_true(at.v == 77);
    assert_int_equal(pyr_target_section(target, "", ".data", &at, &size, &err), 0);
    assert_true((uintptr_t)&pyr_backend_live > 0 && pyr_target_mapping_at(target, at));
}

static void tells_the_end(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_target *other;
    struct pyr_err err;
    char byte;
    pid_t pid = child_start(wait_for_ever, s);
    assert_int_equal(pyr_target_open(&other, pid, &err), 0);
    assert_true(pyr_target_alive(other));
    kill(pid, SIGKILL);
    assert_int_equal(child_wait(pid), -SIGKILL);
    assert_false(pyr_target_alive(other));
    assert_int_equal(pyr_target_read(other, PYR_ADDR((uintptr_t)area), &byte, 1), PYR_E_GONE);
    const struct pyr_mapping *maps;
    size_t count;
    assert_int_equal(pyr_target_maps(other, true, &maps, &count, &err), PYR_E_GONE);
    pyr_target_close(other);
    assert_int_equal(pyr_target_open(&other, pid, &err), PYR_E_GONE);
    shared_free(s);
}

static void refuses_zombies_and_kernel_threads(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_target *other = NULL;
    struct pyr_err err;
    pid_t pid = child_start(wait_for_ever, s);
    kill(pid, SIGKILL);
    child_end(pid);
    assert_int_equal(pyr_target_open(&other, pid, &err), PYR_E_GONE);
    child_wait(pid);
    assert_int_equal(pyr_target_open(&other, -3, &err), PYR_E_MISUSE);
    char name[16] = {0};
    FILE *comm = fopen("/proc/2/comm", "r");
    if (comm && fgets(name, sizeof name, comm) && strcmp(name, "kthreadd\n") == 0)
        assert_int_equal(pyr_target_open(&other, 2, &err), PYR_E_UNSUPPORTED);
    if (comm)
        fclose(comm);
    assert_null(other);
    shared_free(s);
}

static void *stay(void *argument)
{
    struct shared *s = argument;
    pause_ms(50);
    atomic_fetch_add(&s->flag, 1);
    for_ever();
    return NULL;
}

static int end_first_thread(struct shared *s)
{
    pthread_t thread;
    pthread_create(&thread, NULL, stay, s);
    pthread_exit(NULL);
    return 0;
}

static void outlives_the_first_thread(void **state)
{
    (void)state;
    struct shared *s = shared_new();
    struct pyr_target *early, *late;
    struct pyr_err err;
    uint8_t got[32];
    uint64_t id_early, id_late;
    pid_t pid = child_start(end_first_thread, s);
    assert_int_equal(pyr_target_open(&early, pid, &err), 0);
    assert_int_equal(pyr_target_exec_id(pid, &id_early), 0);
    assert_true(wait_until(&s->flag, 1));
    assert_int_equal(pyr_target_open(&late, pid, &err), 0);
    assert_int_equal(pyr_target_exec_id(pid, &id_late), 0);
    assert_true(id_early == id_late);
    struct pyr_target *both[] = {early, late};
    for (int i = 0; i < 2; i++) {
        pyr_addr at;
        assert_true(pyr_target_alive(both[i]));
        assert_int_equal(pyr_target_read(both[i], PYR_ADDR((uintptr_t)area), got, sizeof got), 0);
        assert_memory_equal(got, area, sizeof got);
        assert_int_equal(pyr_target_symbol(both[i], "wait_for_ever", &at, NULL, &err), 0);
        pyr_target_close(both[i]);
    }
    child_kill(pid);
    shared_free(s);
}

/* 0 if the refusal names a remedy. */
static int open_as_nobody(struct shared *s)
{
    struct pyr_target *other = NULL;
    struct pyr_err err = {0};
    if (setgid(65534) < 0 || setuid(65534) < 0)
        return 1;
    if (pyr_target_open(&other, (pid_t)atomic_load(&s->counter), &err) != PYR_E_PERMISSION || other)
        return 2;
    return strstr(err.text, "sudo") && strstr(err.text, "user 0") ? 0 : 3;
}

static void explains_refusals(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    struct shared *s = shared_new();
    atomic_store(&s->counter, child);
    assert_int_equal(child_wait(child_start(open_as_nobody, s)), 0);
    shared_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_there),
        cmocka_unit_test(failed_read_writes_nothing),
        cmocka_unit_test(reads_many_pieces),
        cmocka_unit_test(reads_through_proc_mem),
        cmocka_unit_test(knows_what_is_mapped),
        cmocka_unit_test(finds_local_and_dynamic_symbols),
        cmocka_unit_test(tells_the_end),
        cmocka_unit_test(refuses_zombies_and_kernel_threads),
        cmocka_unit_test(outlives_the_first_thread),
        cmocka_unit_test(explains_refusals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
