/* A still read of a thread of this very process, whose thread state is made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sample/sampled.h"

#define PAGE 4096
#define FRAME 512 /* into a page */

static uint8_t tstate[PAGE];

static void put(int32_t offset, uint64_t word)
{
    memcpy(tstate + offset, &word, sizeof word);
}

/* A thread state without a frame. */
static struct pyr_thread_state make_state(const struct pyr_layout *layout)
{
    put(layout->tstate_unique_id, 7);
    put(layout->tstate_thread_id, 1000);
    if (PYR_HAS(layout, tstate_native_thread_id))
        put(layout->tstate_native_thread_id, 10);
    return (struct pyr_thread_state){.at = PYR_ADDR((uintptr_t)tstate), .unique_id = 7, .ident = 1000, .native_id = 10};
}

static void foresee(struct pyr_window *window, const struct pyr_layout *layout, uint64_t frame)
{
    struct iovec local, remote;
    assert_int_equal(pyr_window_extend(window, layout, frame, 0, &local, &remote), 0);
}

static void what_is_read_beside_is_read_though_foreseen_memory_is_gone(void **state)
{
    (void)state;
    struct pyr_python python = {.layout = *pyr_layout_table(3, 14, false)};
    struct pyr_sampled sampled = {0};
    struct pyr_thread_state made = make_state(&python.layout);
    struct pyr_target *target;
    struct pyr_err err;
    uint8_t *there = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *gone = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(there != MAP_FAILED && gone != MAP_FAILED);
    assert_int_equal(pyr_target_open(&target, getpid(), &err), 0);
    struct pyr_view view = {.target = target, .python = &python};
    assert_int_equal(pyr_nest_add(&sampled.nest, &made), 0);
    foresee(&sampled.window, &python.layout, (uintptr_t)there + FRAME);
    foresee(&sampled.window, &python.layout, (uintptr_t)gone + FRAME);
    assert_int_equal(munmap(gone, PAGE), 0);

    uint64_t from = 77, to = 0;
    struct iovec local = {&to, sizeof to}, remote = {&from, sizeof from};
    struct pyr_extra extra = {&local, &remote, 1};
    assert_int_equal(pyr_sampled_read_still(&sampled, view, &extra), 0);
    assert_int_equal(to, 77);

    pyr_nest_release(&sampled.nest);
    pyr_window_release(&sampled.window);
    pyr_chain_release(&sampled.seen);
    pyr_target_close(target);
    munmap(there, PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_beside_is_read_though_foreseen_memory_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
