#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "layout/layout.h"
#include "sample/nest.h"

#define FIRST_MINOR 8
#define LAST_MINOR 15
#define PIECES_MAX 8

/* A thread state as it lies in memory. */
struct fake {
    _Alignas(8) uint8_t bytes[4096];
};

static void put(struct fake *fake, int32_t offset, uint64_t word)
{
    memcpy(fake->bytes + offset, &word, sizeof word);
}

static void set_thread(struct fake *fake, const struct pyr_layout *layout, uint64_t ident, uint64_t native_id)
{
    put(fake, layout->tstate_thread_id, ident);
    if (PYR_HAS(layout, tstate_native_thread_id))
        put(fake, layout->tstate_native_thread_id, native_id);
}

static struct pyr_thread_state listed(struct fake *fake, const struct pyr_layout *layout, uint64_t unique_id)
{
    *fake = (struct fake){0};
    put(fake, layout->tstate_unique_id, unique_id);
    set_thread(fake, layout, 1000, 10);
    return (struct pyr_thread_state){.at = PYR_ADDR((uintptr_t)fake->bytes),
                                     .unique_id = unique_id,
                                     .ident = 1000,
                                     .native_id = PYR_HAS(layout, tstate_native_thread_id) ? 10 : 0};
}

/* What one batched read does. */
static int read_leaves(struct pyr_nest *nest, const struct pyr_layout *layout)
{
    struct iovec local[PIECES_MAX], remote[PIECES_MAX];
    unsigned n = pyr_nest_pieces(nest, layout, local, remote);
    assert_in_range(n, 1, PIECES_MAX);
    for (unsigned i = 0; i < n; i++)
        memcpy(local[i].iov_base, remote[i].iov_base, local[i].iov_len);
    return pyr_nest_leaves(nest, layout);
}

static void numbers_of_another_thread_drop_a_state(void **state)
{
    (void)state;
    for (int minor = FIRST_MINOR; minor <= LAST_MINOR; minor++) {
        const struct pyr_layout *layout = pyr_layout_table(3, minor, false);
        struct pyr_nest nest = {0};
        struct fake maker, made;
        struct pyr_thread_state states[] = {listed(&maker, layout, 1), listed(&made, layout, 2)};
        assert_int_equal(pyr_nest_add(&nest, &states[0]), 0);
        assert_int_equal(read_leaves(&nest, layout), 0);
        assert_int_equal(pyr_nest_add(&nest, &states[1]), 0);
        assert_int_equal(read_leaves(&nest, layout), 0);
        assert_int_equal(nest.count, 2);

        set_thread(&made, layout, 2000, 20); /* its own thread has begun */
        nest.outdated = false;
        assert_int_equal(read_leaves(&nest, layout), PYR_E_TORN);
        assert_int_equal(nest.count, 1);
        assert_true(nest.outdated);
        assert_int_equal(read_leaves(&nest, layout), 0);

        set_thread(&maker, layout, 3000, 10);
        assert_int_equal(read_leaves(&nest, layout), PYR_E_GONE);
        if (PYR_HAS(layout, tstate_native_thread_id)) {
            set_thread(&maker, layout, 1000, 30);
            assert_int_equal(read_leaves(&nest, layout), PYR_E_GONE);
        }
        set_thread(&maker, layout, 1000, 10);
        put(&maker, layout->tstate_unique_id, 9);
        assert_int_equal(read_leaves(&nest, layout), PYR_E_GONE);
        pyr_nest_release(&nest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_another_thread_drop_a_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
