/* Pools and arenas of CPython's allocator. Where its vector of arenas is depends on the build; what it is cannot be
 * mistaken: each arena's first pool has the number that the arena has in the vector. */
#include "heap/private.h"

#include "layout/pymalloc.h"
#include "pyobj/interp.h"

enum { ARENAS_MAX = 1 << 24, POOLS_MAX = 1 << 16, POOL_MAX = 1 << 20, HEADS = 64 };

struct arenas {
    struct walk *walk;
    struct pyr_map seen; /* vectors, by address */
    uint32_t pools;      /* rows so far */
};

static bool read_arena(struct walk *walk, uint64_t vector, uint64_t number, struct pyr_pymalloc_arena *arena)
{
    const uint8_t *bytes = walk_bytes(walk, vector + number * sizeof *arena, sizeof *arena);
    if (bytes)
        memcpy(arena, bytes, sizeof *arena);
    return bytes;
}

static bool read_pool(struct walk *walk, uint64_t at, struct pyr_pymalloc_pool *pool)
{
    const uint8_t *bytes = walk_bytes(walk, at, sizeof *pool);
    if (bytes)
        memcpy(pool, bytes, sizeof *pool);
    return bytes;
}

/* Of pools that lie one behind the other: of each the head alone, not its page. How many could be read. */
static size_t read_heads(struct walk *walk, uint64_t at, uint64_t size, size_t count, struct pyr_pymalloc_pool *heads)
{
    struct iovec local = {heads, count * sizeof *heads}, remote[HEADS];
    for (size_t i = 0; i < count; i++)
        remote[i] = (struct iovec){(void *)(uintptr_t)(at + i * size), sizeof *heads};
    ssize_t got = pyr_target_readv(walk->view.target, &local, 1, remote, count);
    return got < 0 ? 0 : (size_t)got / sizeof *heads;
}

static uint64_t block_size(const struct pyr_pymalloc_pool *pool)
{
    return ((uint64_t)pool->class + 1) * PYR_PYMALLOC_STEP;
}

/* 0: this is none of that arena. */
static uint64_t pool_size(const struct pyr_pymalloc_pool *pool, uint64_t arena)
{
    if (pool->arena != arena || pool->class >= PYR_PYMALLOC_CLASSES || pool->last >= POOL_MAX)
        return 0;
    uint64_t size = pool->last + block_size(pool);
    bool sound = size >= PYR_PYMALLOC_PAGE && (size & (size - 1)) == 0 && pool->fresh <= size &&
                 pool->used <= (size - sizeof *pool) / block_size(pool);
    return sound ? size : 0;
}

static uint64_t round_up(uint64_t value, uint64_t power)
{
    return (value + power - 1) & ~(power - 1);
}

/* Pools lie at multiples of their size, an arena at a page: what it has before its first pool is of no use. */
static uint64_t first_pool(struct walk *walk, const struct pyr_pymalloc_arena *arena, uint64_t number, uint64_t *size)
{
    struct pyr_pymalloc_pool pool;
    for (uint64_t power = PYR_PYMALLOC_PAGE; power < POOL_MAX; power *= 2) {
        uint64_t at = round_up(arena->address, power);
        if (read_pool(walk, at, &pool) && pool_size(&pool, number) == power) {
            *size = power;
            return at;
        }
    }
    return 0;
}

/* The size of the pools of an arena, 0 if that is none. At least one of its pools is in use, and the first one was. */
static uint64_t arena_pools(struct walk *walk, const struct pyr_pymalloc_arena *arena, uint64_t number, uint64_t *first)
{
    uint64_t size = 0;
    bool sound = arena->address % PYR_PYMALLOC_PAGE == 0 && arena->pools && arena->pools <= POOLS_MAX &&
                 arena->free_pools <= arena->pools;
    *first = sound ? first_pool(walk, arena, number, &size) : 0;
    if (!*first || arena->fresh <= *first || arena->fresh % size != 0 || (arena->fresh - *first) / size > arena->pools)
        return 0;
    return size;
}

/* An item without an arena is in a list of such items, of which one is the last: further ones that lead nowhere are
 * zeroed memory behind the vector. */
static bool is_unused(const struct pyr_pymalloc_arena *arena, uint64_t vector, bool *last)
{
    if (arena->address || (!arena->next && *last))
        return false;
    *last |= !arena->next;
    return !arena->next || (arena->next >= vector && (arena->next - vector) % sizeof *arena == 0 &&
                            (arena->next - vector) / sizeof *arena < ARENAS_MAX);
}

/* Its first arena is believed. */
static bool is_vector(struct walk *walk, uint64_t vector)
{
    struct pyr_pymalloc_arena arena;
    uint64_t first;
    bool last = false;
    for (uint64_t i = 0; i < ARENAS_MAX && read_arena(walk, vector, i, &arena); i++) {
        if (arena.address)
            return arena_pools(walk, &arena, i, &first) != 0;
        if (!is_unused(&arena, vector, &last))
            return false;
    }
    return false;
}

/* head: NULL if it could not be read. */
static int give_pool(struct arenas *arenas, uint64_t at, uint64_t size, uint64_t number,
                     const struct pyr_pymalloc_pool *head)
{
    struct pyr_snapshot_pool row = {.address = at, .size = (uint32_t)size};
    if (!head || pool_size(head, number) != size)
        return arenas->walk->facts->torn++, 0;
    if (head->used) {
        row.block_size = (uint32_t)block_size(head);
        row.used = head->used;
        row.total = (uint32_t)((size - sizeof *head) / row.block_size);
    }
    arenas->pools++;
    return pyr_snapshot_writer_pool(arenas->walk->writer, &row);
}

static int give_pools(struct arenas *arenas, uint64_t from, uint64_t to, uint64_t size, uint64_t number)
{
    struct pyr_pymalloc_pool heads[HEADS];
    int rc = 0;
    for (size_t count; rc == 0 && from < to; from += count * size) {
        count = (to - from + size - 1) / size < HEADS ? (size_t)((to - from + size - 1) / size) : HEADS;
        size_t got = read_heads(arenas->walk, from, size, count, heads);
        for (size_t i = 0; rc == 0 && i < count; i++) {
            uint64_t at = from + i * size;
            bool known = i < got || read_pool(arenas->walk, at, &heads[i]);
            rc = give_pool(arenas, at, size, number, known ? &heads[i] : NULL);
        }
    }
    return rc;
}

/* Pools from `fresh` on have never been used: they have no rows. */
static int give_arena(struct arenas *arenas, const struct pyr_pymalloc_arena *arena, uint64_t number)
{
    uint64_t first, size = arena_pools(arenas->walk, arena, number, &first);
    /* Where an arena does not begin at a multiple of its pools' size, the rest of one is lost. */
    uint64_t lost = size && first != arena->address ? 1 : 0;
    struct pyr_snapshot_arena row = {
        .address = arena->address, .size = (arena->pools + lost) * size, .first_pool = arenas->pools};
    int rc = give_pools(arenas, first, arena->fresh, size, number);
    row.pools = arenas->pools - row.first_pool;
    return rc == 0 ? pyr_snapshot_writer_arena(arenas->walk->writer, &row) : rc;
}

/* How long the vector is is not told: behind it is what is no item of it. */
static int give_vector(struct arenas *arenas, uint64_t vector)
{
    struct pyr_pymalloc_arena arena;
    bool last = false;
    int rc = pyr_map_put(&arenas->seen, vector, 1);
    for (uint64_t i = 0; rc == 0 && i < ARENAS_MAX && read_arena(arenas->walk, vector, i, &arena); i++) {
        uint64_t first;
        if (arena.address && arena_pools(arenas->walk, &arena, i, &first))
            rc = give_arena(arenas, &arena, i);
        else if (!is_unused(&arena, vector, &last))
            break;
    }
    return rc;
}

static bool may_be_vector(struct walk *walk, uint64_t word)
{
    const struct pyr_mirror_region *region = word && word % 8 == 0 ? pyr_mirror_region(&walk->mirror, word) : NULL;
    return region && region->writable && !region->is_module;
}

static int try_word(struct arenas *arenas, uint64_t word)
{
    if (!may_be_vector(arenas->walk, word) || pyr_map_find(&arenas->seen, word) || !is_vector(arenas->walk, word))
        return 0;
    return give_vector(arenas, word);
}

/* Every word from start to end that points to a vector, or, in a state of its own, at some distance behind. */
static int search(struct arenas *arenas, uint64_t start, uint64_t end, bool states)
{
    int rc = 0;
    for (uint64_t at = start; rc == 0 && at + 8 <= end; at += 8) {
        uint64_t word = walk_word(arenas->walk, at);
        rc = word ? try_word(arenas, word) : 0;
        if (rc == 0 && states && may_be_vector(arenas->walk, word))
            rc = try_word(arenas, walk_word(arenas->walk, word + PYR_PYMALLOC_IN_STATE));
    }
    return rc;
}

/* The allocator's state is in the data of Python's module, or in an interpreter that has its own. */
int walk_arenas(struct walk *walk, const struct pyr_vec *interps)
{
    struct arenas arenas = {.walk = walk};
    const struct pyr_mirror_region *own = pyr_mirror_region(&walk->mirror, walk->view.python->runtime.v);
    int rc = 0;
    for (size_t i = 0; rc == 0 && own && i < walk->mirror.count; i++) {
        const struct pyr_mirror_region *region = &walk->mirror.regions[i];
        if (region->is_module && region->writable && strcmp(region->path, own->path) == 0)
            rc = search(&arenas, region->start, region->end, false);
    }
    for (size_t i = 0; rc == 0 && i < interps->count; i++) {
        uint64_t at = PYR_VEC_AT(interps, struct pyr_interp, i)->at.v;
        const struct pyr_mirror_region *region = pyr_mirror_region(&walk->mirror, at);
        if (region && !region->is_module)
            rc = search(&arenas, at, at + walk->layout->interp_size, true);
    }
    pyr_map_release(&arenas.seen);
    return rc == 0 ? walk_own_arenas(walk, &arenas.pools) : rc;
}
