/* Where the private heap of a process keeps the tags of its blocks: told by the agent, in its own memory, to those who
 * read that from outside. Each block's tag has the number of the site that allocated it (struct pyr_heap_site of
 * heap_file.h). docs/heap.md describes pools and tags.
 *
 * All integers are native. A reader bounds everything: the memory is that of another process. */
#ifndef PYR_RECORD_HEAP_TAGS_H
#define PYR_RECORD_HEAP_TAGS_H

#include <stdint.h>

#define PYR_HEAP_TAGS_SYMBOL "pyrometer_heap_tags"
#define PYR_HEAP_TAGS_MODULE "libpyrometer-agent" /* is in the path of the file that has the symbol */
#define PYR_HEAP_TAGS_MAGIC "\x89PYRTAG\n"

enum { PYR_HEAP_TAGS_VERSION = 2 };

/* Addresses are of the process. Zeroed until its heap has begun; the magic is written last. */
struct pyr_heap_tags {
    uint8_t magic[8];
    uint32_t version, size;
    uint64_t region;         /* address of two words: where the arenas begin, and bytes up to their end */
    uint64_t heap;           /* what a pool of this heap has for its heap */
    uint64_t file;           /* address of a pointer to struct pyr_heap_file, mapped */
    uint64_t sites;          /* … to the array of struct pyr_heap_site, mapped */
    uint64_t texts;          /* … to the texts, mapped */
    uint64_t large;          /* … to the table of large blocks, of struct pyr_heap_large */
    uint64_t large_capacity; /* address of the number of its slots, a power of two */
    /* Of an arena: descriptors of its pools lie at its start, one after the other. */
    uint32_t arena_shift, pool_shift; /* both are aligned to their sizes */
    uint32_t descriptor_size;
    uint32_t tags_at, step_at, least_at, heap_at; /* offsets in a descriptor: u64, u32, u16, u64 */
    uint32_t size_step;                           /* blocks have least + size_step − 1 bytes */
    /* A tag is at tags + (offset of the block in the pool * step >> step_shift), in 32 bits. */
    uint32_t step_shift;
    uint32_t site_shift;
    uint32_t other_bits, mark_bits; /* the first say nothing about the site; with all of the second it is none */
};

/* A slot of the table of large blocks: open addressing, linear probing; the home of an address is
 * (address >> 4) * 0x9e3779b97f4a7c15 >> 20, in 64 bits, modulo the capacity. */
struct pyr_heap_large {
    uint64_t address_high; /* address << 16 | size >> 32; 0: empty */
    uint32_t size_low;
    uint32_t tag;
};

static inline uint64_t pyr_heap_large_home(uint64_t address)
{
    return (address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
}

#endif
