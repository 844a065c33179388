/* What allocated an object: the private heap, where the process has it, keeps a tag for each block, with the number of
 * its site. Memory is hostile here as everywhere: what does not fit is not known. */
#include "heap/private.h"
#include "heap/sweep.h"

#include "base/intern.h"
#include "model/linetable.h"
#include "record/format.h"
#include "record/heap_file.h"
#include "record/heap_tags.h"

enum {
    CAPACITY_MAX = 1 << 30,
    PROBES_MAX = 1 << 12, /* of a table at most half full */
    BLOCK_MAX = 512,      /* bytes of those that lie in pools */
    DEPTH_MAX = 4096,     /* of a stack */
    STRING_MAX = 4096,    /* bytes kept of a file's or a function's name */
    LINETABLE_MAX = 2 << 20,
    LINETABLES_KEPT = 16 << 20, /* bytes of those that are kept decoded, which takes some ten times as much */
};

/* A code object of the agent's file. */
struct code {
    pyr_snapshot_text file, function;
    struct pyr_linetable lines;
};

struct sites {
    struct pyr_heap_tags tags;
    uint64_t region_base, region_bytes;
    uint64_t sites, texts, text_bytes;
    uint64_t large, large_capacity;
    uint32_t count;
    uint8_t linetable_kind;
    uint32_t *rows;           /* by number of site: row of the snapshot's sites + 1; UNKNOWN; 0: not looked at yet */
    struct pyr_map codes;     /* by offset in the texts: number in code_list + 1; 0: it cannot be read */
    struct pyr_vec code_list; /* of struct code */
    uint64_t linetable_bytes; /* of those in code_list */
    struct pyr_intern
        known; /* struct pyr_snapshot_site by row: with its caller: sites of one line, or stack, are one */
};

#define UNKNOWN UINT32_MAX

/* ---- finding it ---- */

static bool is_inside(const struct pyr_heap_tags *tags, uint32_t field)
{
    return field < tags->descriptor_size && tags->descriptor_size - field >= sizeof(uint64_t);
}

static bool is_sane(const struct pyr_heap_tags *tags)
{
    return memcmp(tags->magic, PYR_HEAP_TAGS_MAGIC, sizeof tags->magic) == 0 &&
           tags->version == PYR_HEAP_TAGS_VERSION && tags->size == sizeof *tags && tags->arena_shift < 40 &&
           tags->pool_shift < tags->arena_shift && tags->pool_shift <= 16 && tags->step_shift < 32 &&
           tags->site_shift < 32 && tags->size_step <= BLOCK_MAX && tags->descriptor_size <= 4096 &&
           is_inside(tags, tags->tags_at) && is_inside(tags, tags->step_at) && is_inside(tags, tags->least_at) &&
           is_inside(tags, tags->heap_at);
}

uint64_t walk_sites_look(struct pyr_target *target)
{
    const struct pyr_mapping *maps;
    size_t count;
    pyr_addr at;
    uint64_t size;
    if (pyr_target_maps(target, true, &maps, &count, NULL) < 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (strstr(maps[i].path, PYR_HEAP_TAGS_MODULE))
            return pyr_target_symbol_in(target, PYR_HEAP_TAGS_MODULE, PYR_HEAP_TAGS_SYMBOL, &at, &size, NULL) == 0 &&
                           size == sizeof(struct pyr_heap_tags)
                       ? at.v
                       : 0;
    return 0;
}

static bool read_file(struct walk *walk, struct sites *sites)
{
    const uint8_t *bytes = walk_bytes(walk, walk_word(walk, sites->tags.file), sizeof(struct pyr_heap_file));
    struct pyr_heap_file file;
    if (!bytes)
        return false;
    memcpy(&file, bytes, sizeof file);
    sites->count = file.site_count < (uint32_t)PYR_SITES_MAX ? file.site_count : (uint32_t)PYR_SITES_MAX;
    sites->text_bytes = file.text_bytes;
    sites->linetable_kind = (uint8_t)(file.linetable_kind <= PYR_LINETABLE_LOCATIONS ? file.linetable_kind : 0);
    return memcmp(file.magic, PYR_HEAP_FILE_MAGIC, sizeof file.magic) == 0 && file.version == PYR_HEAP_FILE_VERSION &&
           file.site_size == sizeof(struct pyr_heap_site);
}

static bool open_sites(struct walk *walk, struct sites *sites, uint64_t at)
{
    const uint8_t *tags = walk_bytes(walk, at, sizeof sites->tags);
    if (!tags)
        return false;
    memcpy(&sites->tags, tags, sizeof sites->tags);
    if (!is_sane(&sites->tags) || !read_file(walk, sites))
        return false;
    sites->region_base = walk_word(walk, sites->tags.region);
    sites->region_bytes = walk_word(walk, sites->tags.region + 8);
    sites->sites = walk_word(walk, sites->tags.sites);
    sites->texts = walk_word(walk, sites->tags.texts);
    sites->large = walk_word(walk, sites->tags.large);
    sites->large_capacity = walk_word(walk, sites->tags.large_capacity);
    if (sites->large_capacity > CAPACITY_MAX || (sites->large_capacity & (sites->large_capacity - 1)))
        sites->large_capacity = 0;
    sites->code_list = PYR_VEC(struct code);
    sites->rows = pyr_arena_alloc(&walk->arena, ((size_t)sites->count + 1) * sizeof *sites->rows);
    return sites->rows != NULL;
}

void walk_sites_open(struct walk *walk, uint64_t at)
{
    struct sites *sites = at ? pyr_arena_alloc(&walk->arena, sizeof *sites) : NULL;
    if (sites && open_sites(walk, sites, at))
        walk->sites = sites;
}

static void forget_codes(struct sites *sites)
{
    for (size_t i = 0; i < sites->code_list.count; i++)
        pyr_linetable_release(&PYR_VEC_AT(&sites->code_list, struct code, i)->lines);
    sites->code_list.count = 0;
    sites->linetable_bytes = 0;
    pyr_map_clear(&sites->codes);
}

void walk_sites_release(struct walk *walk)
{
    struct sites *sites = walk->sites;
    if (!sites)
        return;
    forget_codes(sites);
    pyr_vec_release(&sites->code_list);
    pyr_map_release(&sites->codes);
    pyr_intern_release(&sites->known);
    walk->sites = NULL;
}

/* ---- from a block to its tag ---- */

static uint32_t word32(const uint8_t *descriptor, uint32_t at)
{
    uint32_t word;
    memcpy(&word, descriptor + at, sizeof word);
    return word;
}

/* A block in a pool. Only where one begins is a tag's place known. */
static bool small_tag(struct walk *walk, const struct sites *sites, uint64_t block, uint32_t *tag)
{
    const struct pyr_heap_tags *tags = &sites->tags;
    uint64_t arena = block & ~((1ull << tags->arena_shift) - 1), offset = block & ((1ull << tags->pool_shift) - 1);
    uint64_t pool = (block - arena) >> tags->pool_shift;
    uint64_t descriptor = arena + pool * tags->descriptor_size;
    const uint8_t *bytes = walk_bytes(walk, descriptor, tags->descriptor_size);
    if (!bytes || pyr_word_at(bytes, (int32_t)tags->heap_at) != tags->heap)
        return false;
    uint16_t least;
    memcpy(&least, bytes + tags->least_at, sizeof least);
    uint32_t size = least + tags->size_step - 1;
    if (size == 0 || size > BLOCK_MAX || offset % size != 0)
        return false;
    uint32_t step = word32(bytes, tags->step_at);
    uint64_t at = pyr_word_at(bytes, (int32_t)tags->tags_at) + ((uint32_t)offset * step >> tags->step_shift);
    const uint8_t *found = walk_bytes(walk, at, sizeof *tag);
    if (found)
        *tag = word32(found, 0);
    return found != NULL;
}

/* A block of the C heap. */
static bool large_tag(struct walk *walk, const struct sites *sites, uint64_t block, uint32_t *tag)
{
    uint64_t slot = pyr_heap_large_home(block);
    for (uint64_t i = 0; i < sites->large_capacity && i < PROBES_MAX; i++, slot++) {
        struct pyr_heap_large entry;
        const uint8_t *bytes =
            walk_bytes(walk, sites->large + (slot & (sites->large_capacity - 1)) * sizeof entry, sizeof entry);
        if (!bytes)
            return false;
        memcpy(&entry, bytes, sizeof entry);
        if (!entry.address_high)
            return false;
        if (entry.address_high >> 16 != block)
            continue;
        *tag = entry.tag;
        return true;
    }
    return false;
}

/* ---- from a site to its line ---- */

/* The contents of a record of the texts; NULL if there is none. */
static const uint8_t *record_at(struct walk *walk, const struct sites *sites, uint32_t offset, uint32_t kind,
                                uint32_t *size)
{
    struct pyr_heap_text head;
    const uint8_t *bytes = offset < sites->text_bytes ? walk_bytes(walk, sites->texts + offset, sizeof head) : NULL;
    if (!bytes)
        return NULL;
    memcpy(&head, bytes, sizeof head);
    *size = head.size;
    if (head.kind != kind || head.size > sites->text_bytes - offset)
        return NULL;
    uint32_t most = kind == PYR_HEAP_TEXT_STRING ? STRING_MAX : sizeof(struct pyr_heap_code) + LINETABLE_MAX;
    if (*size > most)
        *size = most;
    return walk_bytes(walk, sites->texts + offset + sizeof head, *size);
}

static pyr_snapshot_text string_at(struct walk *walk, const struct sites *sites, uint32_t offset)
{
    uint32_t size;
    const uint8_t *bytes = record_at(walk, sites, offset, PYR_HEAP_TEXT_STRING, &size);
    return bytes ? pyr_snapshot_writer_text(walk->sites_writer, bytes, size) : 0;
}

static bool read_code(struct walk *walk, struct sites *sites, uint32_t offset, struct code *code)
{
    uint32_t size;
    struct pyr_heap_code head;
    const uint8_t *bytes = record_at(walk, sites, offset, PYR_HEAP_TEXT_CODE, &size);
    if (!bytes || size < sizeof head)
        return false;
    memcpy(&head, bytes, sizeof head);
    const struct pyr_code_facts facts = {
        .first_line = head.first_line > 0 ? (uint32_t)head.first_line : 0,
        .linetable_kind = sites->linetable_kind,
        .linetable = bytes + sizeof head,
        .linetable_size = head.linetable_size < size - sizeof head ? head.linetable_size : size - (uint32_t)sizeof head,
    };
    if (pyr_linetable_decode(&code->lines, &facts) < 0) {
        walk->no_memory = true;
        return false;
    }
    sites->linetable_bytes += facts.linetable_size;
    code->file = string_at(walk, sites, head.file);
    code->function = string_at(walk, sites, head.name);
    return code->file != 0;
}

/* Borrowed until the next call. */
static const struct code *code_at(struct walk *walk, struct sites *sites, uint32_t offset)
{
    if (sites->linetable_bytes > LINETABLES_KEPT)
        forget_codes(sites);
    uint64_t *known = pyr_map_find(&sites->codes, offset), number = known ? *known : 0;
    if (!known) {
        struct code code = {0};
        if (read_code(walk, sites, offset, &code) && pyr_vec_push(&sites->code_list, &code))
            number = sites->code_list.count;
        else
            pyr_linetable_release(&code.lines);
        walk->no_memory |= pyr_map_put(&sites->codes, offset, number) < 0;
    }
    return number ? PYR_VEC_AT(&sites->code_list, struct code, number - 1) : NULL;
}

/* What tells a row of the snapshot's sites from others. */
struct row_key {
    struct pyr_snapshot_site site;
    uint32_t caller; /* its row + 1 */
};

/* The row of the snapshot's sites that says the same + 1. */
static uint32_t row_of(struct walk *walk, struct sites *sites, const struct row_key *key)
{
    int is_new;
    int64_t number = pyr_intern_put(&sites->known, key, sizeof *key, &is_new);
    if (number < 0 || (is_new && pyr_snapshot_writer_site(walk->sites_writer, &key->site, key->caller) < 0)) {
        walk->no_memory |= number < 0;
        return UNKNOWN;
    }
    return (uint32_t)number + 1;
}

static bool read_site(struct walk *walk, const struct sites *sites, uint32_t number, struct pyr_heap_site *site)
{
    const uint8_t *bytes = walk_bytes(walk, sites->sites + (uint64_t)number * sizeof *site, sizeof *site);
    if (bytes)
        memcpy(site, bytes, sizeof *site);
    return bytes != NULL;
}

/* The site that called it: lower, or none. */
static uint32_t caller_of(const struct pyr_heap_site *site, uint32_t number)
{
    return site->caller >= PYR_SITES_RESERVED && site->caller < number ? site->caller : PYR_SITE_NO_FRAME;
}

static uint32_t site_row(struct walk *walk, struct sites *sites, uint32_t number)
{
    struct pyr_heap_site site;
    if (!read_site(walk, sites, number, &site))
        return UNKNOWN;
    const struct code *code = site.code == PYR_TEXT_NONE ? NULL : code_at(walk, sites, site.code);
    if (!code)
        return UNKNOWN;
    int32_t instruction = site.instruction <= INT32_MAX ? (int32_t)site.instruction : -1;
    uint32_t caller = sites->rows[caller_of(&site, number)];
    return row_of(walk, sites,
                  &(struct row_key){.site = {.file = code->file,
                                             .function = code->function,
                                             .line = pyr_linetable_line(&code->lines, instruction)},
                                    .caller = caller == UNKNOWN ? 0 : caller});
}

/* Those that called it first, for theirs is the lower row. Of stacks that are very deep the outermost are left out. */
static void make_rows(struct walk *walk, struct sites *sites, uint32_t number)
{
    uint32_t path[DEPTH_MAX], depth = 0;
    struct pyr_heap_site site;
    while (number != PYR_SITE_NO_FRAME && !sites->rows[number] && depth < DEPTH_MAX) {
        path[depth++] = number;
        number = read_site(walk, sites, number, &site) ? caller_of(&site, number) : PYR_SITE_NO_FRAME;
    }
    while (depth-- > 0)
        __atomic_store_n(&sites->rows[path[depth]], site_row(walk, sites, path[depth]), __ATOMIC_RELAXED);
}

uint32_t walk_site(struct walk *walk, uint64_t block)
{
    struct sites *sites = walk->sites;
    uint32_t tag;
    if (!sites || !(block - sites->region_base < sites->region_bytes ? small_tag(walk, sites, block, &tag)
                                                                     : large_tag(walk, sites, block, &tag)))
        return 0;
    if ((tag & sites->tags.mark_bits) == sites->tags.mark_bits)
        return 0;
    uint32_t number = (tag & ~sites->tags.other_bits) >> sites->tags.site_shift;
    if (number < PYR_SITES_RESERVED || number >= sites->count)
        return 0;
    uint32_t row = __atomic_load_n(&sites->rows[number], __ATOMIC_RELAXED);
    if (!row) {
        pthread_mutex_lock(&walk->sweep->sites_lock);
        make_rows(walk, sites, number);
        row = sites->rows[number];
        pthread_mutex_unlock(&walk->sweep->sites_lock);
    }
    return row == UNKNOWN ? 0 : row;
}
