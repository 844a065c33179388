/* The parts of the agent that need no Python: pools, the region, the table of large blocks, hashed records, windows. */
#include "heap.h"
#include "traced.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t state = 88172645463325252u;

static uint64_t noise(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static struct pyr_heap heap;
static struct pyr_heap_file file;

static void heap_open(void)
{
    memset(&heap, 0, sizeof heap);
    heap.file = &file;
    pyr_pools_init(&heap);
    if (!pyr_region.base)
        assert_true(pyr_region_open());
}

static char *take(size_t size)
{
    struct pyr_pool *pool = heap.pools[size];
    if (!pool->free)
        pool = pyr_pool_refill(&heap, pyr_class_of(size));
    assert_non_null(pool);
    char *block = pool->free;
    pool->free = *(void **)block;
    pool->left++;
    return block;
}

static void give(char *block)
{
    struct pyr_pool *pool = pyr_pool_of(block);
    *(void **)block = pool->free;
    pool->free = block;
    if (--pool->left == 0)
        pyr_pool_alarm(pool);
}

enum { BLOCKS = 40000 };
static struct {
    char *at;
    size_t size;
    uint32_t tag;
} blocks[BLOCKS];

static void block_fill(size_t i)
{
    blocks[i].size = 1 + noise() % PYR_SMALL_MAX;
    blocks[i].at = take(blocks[i].size);
    blocks[i].tag = (uint32_t)noise();
    assert_int_equal((uintptr_t)blocks[i].at % 16, 0);
    assert_true(pyr_region_owns(blocks[i].at));
    assert_true(pyr_pool_size(pyr_pool_of(blocks[i].at)) >= blocks[i].size);
    memset(blocks[i].at, (int)(i % 251), blocks[i].size);
    *pyr_tag_at(pyr_pool_of(blocks[i].at), blocks[i].at) = blocks[i].tag;
}

static void block_check(size_t i)
{
    assert_int_equal(*pyr_tag_at(pyr_pool_of(blocks[i].at), blocks[i].at), blocks[i].tag);
    for (size_t n = 0; n < blocks[i].size; n++)
        assert_int_equal((uint8_t)blocks[i].at[n], i % 251);
}

/* No block, and no tag, lies in another; and all memory goes back, but for what is kept. */
static void test_pools(void **unused)
{
    (void)unused;
    heap_open();
    for (size_t i = 0; i < BLOCKS; i++)
        block_fill(i);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            if (noise() % 3)
                continue;
            block_check(i);
            give(blocks[i].at);
            block_fill(i);
        }
    }
    uint64_t most = file.arena_bytes;
    for (size_t i = 0; i < BLOCKS; i++) {
        block_check(i);
        give(blocks[i].at);
    }
    assert_true(most >= (uint64_t)BLOCKS * PYR_SMALL_MAX / 2);
    assert_true(file.arena_bytes <= 3u << PYR_ARENA_SHIFT);
    assert_true(file.peak_arena_bytes >= most);
}

/* What was given back reads as zeroes when it is taken again, and addresses elsewhere are not the heap's. */
static void test_region(void **unused)
{
    (void)unused;
    heap_open();
    char *first = pyr_region_take(), *second = pyr_region_take();
    assert_non_null(first);
    assert_non_null(second);
    assert_int_equal((uintptr_t)first % PYR_ARENA_BYTES, 0);
    memset(first, 1, PYR_ARENA_BYTES);
    pyr_region_give(first);
    char *again = pyr_region_take();
    assert_ptr_equal(again, first);
    for (size_t i = 0; i < PYR_ARENA_BYTES; i += 512)
        assert_int_equal(again[i], 0);
    assert_false(pyr_region_owns(NULL));
    assert_false(pyr_region_owns(&state));
    assert_false(pyr_region_owns((char *)pyr_region.base - 1));
    assert_false(pyr_region_owns((char *)pyr_region.base + pyr_region.used));
    pyr_region_give(first);
    pyr_region_give(second);
}

/* Something else lies where the next arena would be: none is there then, and what lies there is not taken for ours. */
static void test_region_in_the_way(void **unused)
{
    (void)unused;
    heap_open();
    char *next = (char *)pyr_region.base + pyr_region.used;
    void *other = mmap(next, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert_ptr_equal(other, next);
    void *taken[64];
    size_t count = 0;
    while (count < 64 && (taken[count] = pyr_region_take()))
        count++;
    assert_true(count < 64);
    assert_false(pyr_region_owns(other));
    munmap(other, 4096);
    assert_ptr_equal(taken[count] = pyr_region_take(), next);
    for (size_t i = 0; i <= count; i++)
        pyr_region_give(taken[i]);
}

enum { LARGE = 3000 };

static void test_large(void **unused)
{
    (void)unused;
    static uint64_t sizes[LARGE];
    struct pyr_large large = {0};
    struct pyr_large_block block;
    for (int step = 0; step < 200000; step++) {
        size_t i = noise() % LARGE;
        const void *at = (const void *)(0x7f0000000000 + i * 16 * 1031);
        assert_int_equal(pyr_large_remove(&large, at, &block), sizes[i] != 0);
        if (sizes[i]) {
            assert_int_equal(block.size, sizes[i]);
            assert_int_equal(block.tag, (i << 4 | (i % 2 ? PYR_TAG_CODE : 0)));
        }
        sizes[i] = noise() % 3 ? 1 + (noise() >> 17) : 0;
        if (sizes[i] && sizes[i] < (uint64_t)1 << 48) {
            assert_true(pyr_large_add(&large, at, (struct pyr_large_block){sizes[i], (uint32_t)i << 4}));
            assert_true(pyr_large_mark(&large, at, i % 2 ? PYR_TAG_CODE : 0));
        }
    }
    pyr_vector_release(&large.slots);
}

struct record {
    struct pyr_node node;
    uint64_t value;
};

static void test_nodes(void **unused)
{
    (void)unused;
    static uint32_t numbers[LARGE];
    struct pyr_nodes nodes = {.stride = sizeof(struct record)};
    for (int step = 0; step < 200000; step++) {
        uint64_t value = noise() % LARGE, hash = value % 700; /* several have the same */
        uint32_t n = pyr_nodes_first(&nodes, hash);
        while (n && ((struct record *)pyr_nodes_at(&nodes, n))->value != value)
            n = pyr_nodes_next(&nodes, n);
        assert_int_equal(n, numbers[value]);
        if (n) {
            pyr_nodes_drop(&nodes, n);
            numbers[value] = 0;
        } else {
            numbers[value] = pyr_nodes_add(&nodes, hash);
            assert_int_not_equal(numbers[value], 0);
            ((struct record *)pyr_nodes_at(&nodes, numbers[value]))->value = value;
        }
    }
    pyr_vector_release(&nodes.items);
    pyr_vector_release(&nodes.buckets);
}

/* A window grows in place to its limit; behind a fork's own part it leaves the rest alone. */
static void test_window(void **unused)
{
    (void)unused;
    enum { LIMIT = 1 << 20, PAGE_BYTES = 4096 };
    FILE *one = tmpfile(), *two = tmpfile();
    assert_int_equal(ftruncate(fileno(one), LIMIT) | ftruncate(fileno(two), LIMIT), 0);
    struct pyr_window window;
    char *room = mmap(NULL, LIMIT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(room, LIMIT);
    assert_true(pyr_window_open(&window, room, fileno(one), 0, LIMIT, 100));
    assert_true(pyr_window_reserve(&window, 200000));
    assert_ptr_equal(window.at, room);
    memset(window.at, 'a', 200000);
    assert_false(pyr_window_reserve(&window, LIMIT + 1));
    assert_true(pyr_window_continue(&window, fileno(two), 0, PAGE_BYTES, PAGE_BYTES));
    assert_true(pyr_window_reserve(&window, 300000));
    assert_int_equal(window.at[0], 'a');
    assert_int_equal(window.at[PAGE_BYTES], 0);
    memset(window.at + PAGE_BYTES, 'b', 200000);
    char byte;
    assert_int_equal(pread(fileno(one), &byte, 1, 2 * PAGE_BYTES), 1);
    assert_int_equal(byte, 'a');
    assert_int_equal(pread(fileno(two), &byte, 1, 2 * PAGE_BYTES), 1);
    assert_int_equal(byte, 'b');
    assert_true(pyr_window_detach(&window));
    window.at[2 * PAGE_BYTES] = 'c';
    assert_int_equal(pread(fileno(two), &byte, 1, 2 * PAGE_BYTES), 1);
    assert_int_equal(byte, 'b');
    munmap(window.at, window.mapped);
    fclose(one);
    fclose(two);
}

/* ---- the table of traced blocks ---- */

enum { TRACED_PLACES = 6000, TRACED_STEPS = 400000 };

/* What the table has to say of each place: the size, 0 for none. */
static uint64_t expected[TRACED_PLACES][2];

/* Runs of small blocks, pages apart, and far ones: as allocators give them. */
static uintptr_t traced_address(unsigned place)
{
    return place < TRACED_PLACES / 2 ? 0x7f0000000000u + place / 200 * 0x4000000u + place % 200 * 32u
                                     : 0x550000000000u + place * 4096u;
}

static void traced_check(const struct pyr_traced_table *table, size_t used)
{
    size_t found = 0;
    const struct pyr_traced *at;
    for (size_t n = 0; (at = pyr_traced_at(table, n)); n++)
        found += at->traceback != 0;
    assert_int_equal(found, used);
    assert_int_equal(table->used, used);
    for (unsigned place = 0; place < TRACED_PLACES; place++) {
        for (uint32_t domain = 0; domain < 2; domain++) {
            at = pyr_traced_find(table, traced_address(place), domain);
            assert_int_equal(at ? at->size : 0, expected[place][domain]);
        }
    }
}

static void test_traced(void **unused)
{
    (void)unused;
    struct pyr_traced_table table = {0};
    size_t used = 0;
    assert_null(pyr_traced_find(&table, 16, 0));
    for (unsigned step = 1; step <= TRACED_STEPS; step++) {
        unsigned place = (unsigned)(noise() % TRACED_PLACES);
        uint32_t domain = noise() % 8 == 0;
        bool filling = step / (TRACED_STEPS / 4) % 2 == 0; /* it grows, empties, grows again */
        struct pyr_traced *at = pyr_traced_find(&table, traced_address(place), domain);
        assert_int_equal(at != NULL, expected[place][domain] != 0);
        if (at && (!filling || noise() % 4 == 0)) {
            pyr_traced_remove(&table, at);
            expected[place][domain] = 0;
            used--;
        } else if (filling || noise() % 8 == 0) {
            at = pyr_traced_add(&table, traced_address(place), domain);
            assert_non_null(at);
            used += !at->traceback;
            at->traceback = 1 + (uint32_t)(noise() % 1000);
            at->size = expected[place][domain] = step;
        }
        if (step % (TRACED_STEPS / 16) == 0)
            traced_check(&table, used);
    }
    pyr_traced_release(&table);
    assert_null(pyr_traced_at(&table, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools),  cmocka_unit_test(test_region), cmocka_unit_test(test_region_in_the_way),
        cmocka_unit_test(test_large),  cmocka_unit_test(test_nodes),  cmocka_unit_test(test_window),
        cmocka_unit_test(test_traced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
