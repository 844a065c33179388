/* Keys whose hashes lead to the same slot: how many others a lookup has to pass before it comes to its own. Lookups are
 * done as Objects/dictobject.c and Objects/setobject.c do them, which 3.8 to 3.15 do alike. Tables of str keys alone
 * are left out from 3.11 on: their hashes are not in them, and are random in each process. */
#include "heap/private.h"

#include <stdio.h>

enum {
    PERTURB_SHIFT = 5,
    LINEAR_PROBES = 9,  /* of a set: slots that follow are looked at first */
    KEYS_MIN = 64,      /* tables of fewer are quick anyway */
    KEYS_MAX = 1024,    /* looked at, evenly chosen */
    PASSED_MAX = 65536, /* in all, then it is enough */
};
static const double worth_telling = 2; /* by chance it is 0.8 in a full table */

struct tally {
    uint64_t keys, passed; /* looked at; others in their way */
};

static pyr_snapshot_text tell(struct walk *walk, const struct tally *tally)
{
    double mean = tally->keys ? (double)tally->passed / (double)tally->keys : 0;
    if (mean < worth_telling)
        return 0;
    int length = snprintf(walk->text, sizeof walk->text, "%.1f other keys in the way of a lookup", mean);
    return pyr_snapshot_writer_text(walk->writer, walk->text, (size_t)length);
}

static uint64_t next_slot(uint64_t slot, uint64_t *perturb, uint64_t mask)
{
    *perturb >>= PERTURB_SHIFT;
    return (slot * 5 + *perturb + 1) & mask;
}

/* ---- dicts ---- */

/* The number of the entry that a slot leads to; none: negative. */
static int64_t entry_of(struct walk *walk, const struct dict_keys *keys, uint64_t slot)
{
    uint64_t width = keys->index_bytes / keys->size;
    const uint8_t *bytes = walk_bytes(walk, keys->index + slot * width, width);
    int16_t two;
    int32_t four;
    switch (bytes ? width : 0) {
    case 1:
        return (int8_t)*bytes;
    case 2:
        return memcpy(&two, bytes, sizeof two), two;
    case 4:
        return memcpy(&four, bytes, sizeof four), four;
    case 8:
        return (int64_t)pyr_word_at(bytes, 0);
    default:
        return -1;
    }
}

/* A lookup of the nth entry. */
static void look_up_entry(struct walk *walk, const struct dict_keys *keys, uint64_t n, struct tally *tally)
{
    const uint8_t *entry = walk_bytes(walk, keys->entries + n * keys->entry_size, keys->entry_size);
    if (!entry || !pyr_word_at(entry, 8))
        return;
    uint64_t perturb = pyr_word_at(entry, 0), mask = keys->size - 1, slot = perturb & mask;
    const uint64_t before = tally->passed;
    tally->keys++;
    for (; tally->passed <= PASSED_MAX; slot = next_slot(slot, &perturb, mask)) {
        int64_t found = entry_of(walk, keys, slot);
        if (found == (int64_t)n)
            return;
        if (found == -1) { /* torn: it does not count */
            tally->passed = before;
            tally->keys--;
            return;
        }
        tally->passed++;
    }
}

pyr_snapshot_text dict_collisions(struct walk *walk, uint64_t at)
{
    const struct pyr_layout *layout = walk->layout;
    struct dict_keys keys;
    struct tally tally = {0};
    if (walk_word(walk, at + (uint64_t)layout->dict_used) < KEYS_MIN ||
        walk_word(walk, at + (uint64_t)layout->dict_values) ||
        !dict_keys_read(walk, walk_word(walk, at + (uint64_t)layout->dict_keys), &keys) || keys.is_str || !keys.size ||
        keys.size & (keys.size - 1) || keys.count > keys.size)
        return 0;
    uint64_t step = keys.count / KEYS_MAX + 1;
    for (uint64_t i = 0; i < keys.count && tally.passed < PASSED_MAX; i += step)
        look_up_entry(walk, &keys, i, &tally);
    return tell(walk, &tally);
}

/* ---- sets ---- */

struct set {
    uint64_t table, mask;
};

/* A lookup of what is in the nth slot, whose hash that is. */
static void look_up_element(struct walk *walk, const struct set *set, uint64_t n, uint64_t hash, struct tally *tally)
{
    uint64_t perturb = hash;
    const uint64_t before = tally->passed;
    tally->keys++;
    for (uint64_t first = hash & set->mask;; first = next_slot(first, &perturb, set->mask)) {
        uint64_t last = first + LINEAR_PROBES <= set->mask ? first + LINEAR_PROBES : first;
        for (uint64_t slot = first; slot <= last; slot++) {
            if (slot == n || tally->passed > PASSED_MAX)
                return;
            if (!walk_word(walk, set->table + slot * 16)) { /* torn: it does not count */
                tally->passed = before;
                tally->keys--;
                return;
            }
            tally->passed++;
        }
    }
}

pyr_snapshot_text set_collisions(struct walk *walk, uint64_t at)
{
    const struct pyr_layout *layout = walk->layout;
    struct set set = {walk_word(walk, at + (uint64_t)layout->set_table),
                      walk_word(walk, at + (uint64_t)layout->set_mask)};
    struct tally tally = {0};
    if (walk_word(walk, at + (uint64_t)layout->set_used) < KEYS_MIN || set.mask & (set.mask + 1))
        return 0;
    uint64_t step = set.mask / KEYS_MAX + 1;
    for (uint64_t i = 0; i <= set.mask && tally.passed < PASSED_MAX; i += step) {
        const uint8_t *entry = walk_bytes(walk, set.table + i * 16, 16); /* key, hash: −1 where one was removed */
        if (entry && pyr_word_at(entry, 0) && pyr_word_at(entry, 8) != UINT64_MAX)
            look_up_element(walk, &set, i, pyr_word_at(entry, 8), &tally);
    }
    return tell(walk, &tally);
}
