/* Arenas of the private heap, where the agent is in the process. The file that it counts in is mapped there, and says
 * where they begin. */
#include "heap/private.h"

#include "record/heap_arena.h"
#include "record/heap_file.h"

static bool is_agents_file(const struct pyr_mapping *mapping)
{
    const char *suffix = strstr(mapping->path, PYR_HEAP_FILE_SUFFIX);
    return mapping->shared && mapping->file_offset == 0 && suffix && !suffix[strlen(PYR_HEAP_FILE_SUFFIX)];
}

/* Where the arenas begin; 0 if this is no such file. */
static uint64_t arenas_of(struct walk *walk, uint64_t at)
{
    struct pyr_heap_file file;
    const uint8_t *bytes = walk_bytes(walk, at, sizeof file);
    if (!bytes)
        return 0;
    memcpy(&file, bytes, sizeof file);
    bool sound = memcmp(file.magic, PYR_HEAP_FILE_MAGIC, sizeof file.magic) == 0 &&
                 file.version == PYR_HEAP_FILE_VERSION && file.arenas_at % PYR_ARENA_BYTES == 0;
    return sound ? file.arenas_at : 0;
}

static int give_pool(struct walk *walk, uint64_t arena, unsigned number, bool free, struct pyr_snapshot_arena *row)
{
    struct pyr_pool pool;
    struct pyr_snapshot_pool pool_row = {.address = arena + ((uint64_t)number << PYR_POOL_SHIFT),
                                         .size = PYR_POOL_BYTES};
    const uint8_t *bytes = walk_bytes(walk, arena + number * sizeof pool, sizeof pool);
    if (!bytes)
        return 0;
    memcpy(&pool, bytes, sizeof pool);
    if (!free) {
        pool_row.block_size = pyr_pool_size(&pool);
        pool_row.used = pyr_pool_used(&pool);
        pool_row.total = pool.end / pool_row.block_size;
    }
    if (pool_row.used > pool_row.total || pool.end > PYR_POOL_BYTES)
        return walk->facts->torn++, 0;
    row->pools++;
    return pyr_snapshot_writer_pool(walk->writer, &pool_row);
}

/* Of one that was given back the first page stays, zeroed. Pools that have no memory have no rows. */
static int give_arena(struct walk *walk, uint64_t at, uint32_t *pools)
{
    struct pyr_heap_arena arena;
    struct pyr_snapshot_arena row = {.address = at, .size = PYR_ARENA_BYTES, .first_pool = *pools, .ours = 1};
    const uint8_t *bytes = walk_bytes(walk, at, sizeof arena);
    int rc = 0;
    if (!bytes)
        return 0;
    memcpy(&arena, bytes, sizeof arena);
    if (!arena.heap)
        return 0;
    for (unsigned i = 1; rc == 0 && i < PYR_POOLS_PER_ARENA; i++) {
        bool free = arena.free >> i & 1;
        if (!free || arena.touched >> i & 1)
            rc = give_pool(walk, at, i, free, &row);
    }
    *pools += row.pools;
    return rc == 0 ? pyr_snapshot_writer_arena(walk->writer, &row) : rc;
}

/* More are not looked at: nobody has so many, but a process that lies. */
enum { ARENAS_MAX = 1 << 18 };

int walk_own_arenas(struct walk *walk, uint32_t *pools)
{
    const struct pyr_mapping *maps;
    size_t count;
    uint64_t base = 0, seen = 0;
    int rc = pyr_target_maps(walk->mirror.target, false, &maps, &count, NULL);
    for (size_t i = 0; rc == 0 && i < count && !base; i++)
        base = is_agents_file(&maps[i]) ? arenas_of(walk, maps[i].start) : 0;
    for (size_t i = 0; rc == 0 && base && i < walk->mirror.count; i++) {
        const struct pyr_mirror_region *region = &walk->mirror.regions[i];
        uint64_t end = base + ((uint64_t)PYR_ARENA_SLOTS << PYR_ARENA_SHIFT);
        uint64_t at = region->start > base ? region->start : base;
        at = (at + PYR_ARENA_BYTES - 1) & ~(uint64_t)(PYR_ARENA_BYTES - 1);
        for (; rc == 0 && at < region->end && at < end && seen++ < ARENAS_MAX; at += PYR_ARENA_BYTES)
            rc = give_arena(walk, at, pools);
    }
    return rc;
}
