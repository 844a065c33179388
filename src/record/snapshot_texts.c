#include "record/snapshot_texts.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "record/snapshot_file.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#define SLOTS_MIN ((size_t)1 << 12)
#define SLOTS_MAX ((size_t)1 << 19) /* more would seldom be in a cache, and be read for each text */
#define WINDOW 8u                   /* slots that a text may be in */

/* 96 bits of the hash stand for the text: one in 10^13 snapshots of 50 M texts would show a wrong one. */
struct pyr_snapshot_text_slot {
    uint64_t hash;
    uint32_t more;
    pyr_snapshot_text text; /* 0: free */
};

int pyr_snapshot_texts_open(struct pyr_snapshot_texts *texts, const char *path)
{
    *texts = (struct pyr_snapshot_texts){.mask = SLOTS_MIN - 1, .slots_max = SLOTS_MAX};
    int problem = pyr_spill_open(&texts->spill, path);
    texts->slots = pyr_alloc(SLOTS_MIN * sizeof *texts->slots);
    static const uint8_t nothing[PYR_SNAPSHOT_TEXT_ALIGN];
    pyr_spill_append(&texts->spill, nothing, sizeof nothing); /* so that no text is number 0 */
    return problem ? problem : texts->slots ? 0 : ENOMEM;
}

static struct pyr_snapshot_text_slot *find(struct pyr_snapshot_text_slot *slots, size_t mask, uint64_t hash,
                                           uint32_t more)
{
    struct pyr_snapshot_text_slot *unused = NULL;
    for (size_t i = 0; i < WINDOW; i++) {
        struct pyr_snapshot_text_slot *slot = &slots[(hash + i) & mask];
        if (slot->text && slot->hash == hash && slot->more == more)
            return slot;
        if (!slot->text && !unused)
            unused = slot;
    }
    return unused;
}

static void grow(struct pyr_snapshot_texts *texts)
{
    size_t count = (texts->mask + 1) * 4;
    struct pyr_snapshot_text_slot *slots = count > texts->slots_max ? NULL : pyr_alloc_big(count * sizeof *slots);
    if (!slots)
        return; /* older texts give way */
    for (size_t i = 0; i <= texts->mask; i++) {
        const struct pyr_snapshot_text_slot *old = &texts->slots[i];
        struct pyr_snapshot_text_slot *slot = old->text ? find(slots, count - 1, old->hash, old->more) : NULL;
        if (slot)
            *slot = *old;
    }
    pyr_free(texts->slots);
    texts->slots = slots;
    texts->mask = count - 1;
}

/* Its size in two bytes, it, and zeros up to a multiple of 4. */
static pyr_snapshot_text append(struct pyr_snapshot_texts *texts, const void *text, size_t size)
{
    static const uint8_t zeros[PYR_SNAPSHOT_TEXT_ALIGN];
    uint64_t number = texts->spill.size / PYR_SNAPSHOT_TEXT_ALIGN;
    uint16_t stored = (uint16_t)size;
    if (number >= UINT32_MAX)
        return 0;
    pyr_spill_append(&texts->spill, &stored, sizeof stored);
    pyr_spill_append(&texts->spill, text, size);
    pyr_spill_append(&texts->spill, zeros, -(size + sizeof stored) % PYR_SNAPSHOT_TEXT_ALIGN);
    return (pyr_snapshot_text)number;
}

/* Cut to what can be stored, at a character. */
static size_t cut(const char *text, size_t size)
{
    if (size <= PYR_SNAPSHOT_TEXT_SIZE_MAX)
        return size;
    size = PYR_SNAPSHOT_TEXT_SIZE_MAX;
    while (size && ((uint8_t)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

pyr_snapshot_text pyr_snapshot_texts_put(struct pyr_snapshot_texts *texts, const void *text, size_t size)
{
    if (!size || size > ((size_t)1 << 24))
        return 0;
    size_t clean = pyr_utf8_clean_size(text, size);
    if (clean != size) {
        pyr_buf_clear(&texts->clean);
        if (pyr_buf_reserve(&texts->clean, clean) < 0)
            return 0;
        pyr_utf8_clean((char *)texts->clean.bytes, text, size);
        text = texts->clean.bytes;
    }
    size = cut(text, clean);
    XXH128_hash_t hash = XXH3_128bits(text, size);
    uint32_t more = (uint32_t)hash.high64;
    struct pyr_snapshot_text_slot *slot = find(texts->slots, texts->mask, hash.low64, more);
    if (slot && slot->text)
        return slot->text;
    if (!slot) {
        grow(texts);
        slot = find(texts->slots, texts->mask, hash.low64, more);
    }
    if (!slot) /* one of the window gives way */
        slot = &texts->slots[(hash.low64 + hash.high64 / (UINT32_MAX + (uint64_t)1) % WINDOW) & texts->mask];
    pyr_snapshot_text number = append(texts, text, size);
    *slot = (struct pyr_snapshot_text_slot){.hash = hash.low64, .more = more, .text = number};
    return number;
}

void pyr_snapshot_texts_expect(const struct pyr_snapshot_texts *texts, const void *text, size_t size)
{
    const struct pyr_snapshot_text_slot *slot = &texts->slots[XXH3_128bits(text, size).low64 & texts->mask];
    __builtin_prefetch(slot, 1);
    __builtin_prefetch(slot + WINDOW - 1, 1);
}

void pyr_snapshot_texts_release(struct pyr_snapshot_texts *texts)
{
    pyr_spill_release(&texts->spill);
    pyr_free(texts->slots);
    pyr_buf_release(&texts->clean);
    *texts = (struct pyr_snapshot_texts){.spill = {.fd = -1}};
}
