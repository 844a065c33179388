#include "base/arena.h"

#include "base/alloc.h"

#include <stdint.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 * 1024)

struct pyr_arena_block {
    struct pyr_arena_block *next;
    size_t used;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

void *pyr_arena_alloc(struct pyr_arena *arena, size_t size)
{
    if (size > SIZE_MAX - BLOCK_SIZE)
        return NULL;
    size = (size + 15) & ~(size_t)15;
    struct pyr_arena_block *block = arena->blocks;
    if (!block || block->size - block->used < size) {
        size_t capacity = size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE;
        block = pyr_alloc(sizeof *block + capacity);
        if (!block)
            return NULL;
        block->size = capacity;
        /* A block made for one large item goes behind the current one, which may still have room. */
        if (arena->blocks && capacity != BLOCK_SIZE) {
            block->next = arena->blocks->next;
            arena->blocks->next = block;
        } else {
            block->next = arena->blocks;
            arena->blocks = block;
        }
    }
    void *place = block->bytes + block->used;
    block->used += size;
    return place;
}

void *pyr_arena_dup(struct pyr_arena *arena, const void *bytes, size_t size)
{
    char *copy = pyr_arena_alloc(arena, size + 1);
    if (copy && size)
        memcpy(copy, bytes, size);
    return copy;
}

void pyr_arena_release(struct pyr_arena *arena)
{
    for (struct pyr_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        pyr_free(block);
    }
    arena->blocks = NULL;
}
