#include "memory/resident.h"

#include "base/clock.h"
#include "memory/arenas.h"
#include "memory/place.h"
#include "record/heap_arena.h"
#include "target/resident.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS 500000000u    /* the last look is not older, if it may cost that */
#define SHARE 200u            /* at most one in so many nanoseconds is spent on all processes, beside: */
#define AT_FIRST_NS 10000000u /* what may be spent at once */
#define RISE_MIN (256u << 10) /* bytes by which resident memory rose, that are worth a look */
#define RISE_PART 32u         /* or such a part of it */
#define STACK_MAX (8u << 20)  /* what is more behind a stack is other memory that lies side by side with it */
#define PINS_MAX 64u
#define TABLE_MAX (UINT64_C(1) << 36)
#define WINDOWS_MAX (UINT64_C(1) << 36)
#define ARENAS_MAX (1u << 18) /* more are not looked at: nobody has so many, but a process that lies */

static const char agent_name[] = "libpyrometer-agent.so";

struct look {
    struct pyr_target *target;
    const struct pyr_heap_head *head;
    struct pyr_arenas arenas;
    struct pyr_buf text;
    struct pyr_vec mappings, stacks; /* of struct pyr_resident_mapping; of uint64_t */
    uint64_t *parts;                 /* those of arenas */
    uint64_t resident_bytes;
    uint64_t module_end; /* of the module that was mapped last */
    bool module_is_agent;
};

/* ---- mappings ---- */

static bool ends_with(const char *path, const char *end)
{
    size_t size = strlen(path), end_size = strlen(end);
    return size >= end_size && strcmp(path + size - end_size, end) == 0;
}

/* Bytes of a part of a mapping that are in memory. */
static uint64_t in_memory(const struct look *look, uint64_t start, uint64_t end)
{
    uint8_t present[1024];
    uint64_t pages = 0;
    for (uint64_t at = start; at < end;) {
        size_t some = (size_t)((end - at + PYR_PAGE_BYTES - 1) / PYR_PAGE_BYTES);
        some = some < sizeof present ? some : sizeof present;
        if (pyr_resident_pages(look->arenas.pages, at, some, present) < 0)
            break;
        for (size_t i = 0; i < some; i++)
            pages += present[i];
        at += some * PYR_PAGE_BYTES;
    }
    return pages * PYR_PAGE_BYTES;
}

/* The first bytes of a mapping are one thing, the rest is other memory that lies side by side with it. */
static void split(struct look *look, const struct pyr_resident_mapping *found, uint64_t end,
                  enum pyr_resident_part first)
{
    uint64_t bytes = found->rss_bytes;
    if (end < found->mapping.end) {
        uint64_t there = in_memory(look, found->mapping.start, end);
        bytes = there < bytes ? there : bytes;
    }
    look->parts[first] += bytes;
    look->parts[PYR_RESIDENT_ANONYMOUS] += found->rss_bytes - bytes;
}

static bool is_stack(const struct look *look, const struct pyr_mapping *mapping)
{
    for (size_t i = 0; i < look->stacks.count; i++) {
        uint64_t pointer = *PYR_VEC_AT(&look->stacks, uint64_t, i);
        if (pointer >= mapping->start && pointer < mapping->end && pointer - mapping->start < STACK_MAX)
            return true;
    }
    return false;
}

static bool is_arenas(const struct look *look, const struct pyr_mapping *mapping)
{
    uint64_t base = look->head->arenas_at;
    return base && mapping->start >= base && mapping->start - base < (uint64_t)PYR_ARENA_SLOTS << PYR_ARENA_SHIFT;
}

/* The agent's file is mapped behind the room for arenas; without one it has a copy there. */
static bool is_agents(const struct look *look, const struct pyr_mapping *mapping)
{
    uint64_t windows = look->head->arenas_at + ((uint64_t)PYR_ARENA_SLOTS << PYR_ARENA_SHIFT);
    return look->head->arenas_at && mapping->start >= windows && mapping->start - windows < WINDOWS_MAX;
}

static void take_unnamed(struct look *look, const struct pyr_resident_mapping *found)
{
    const struct pyr_mapping *mapping = &found->mapping;
    uint64_t stack_end = mapping->start + STACK_MAX;
    if (is_arenas(look, mapping)) {
        uint64_t at = mapping->start + (-mapping->start & (PYR_ARENA_BYTES - 1));
        for (; at < mapping->end && look->arenas.seen < ARENAS_MAX; at += PYR_ARENA_BYTES)
            pyr_arenas_add(&look->arenas, at);
    } else if (mapping->start < look->module_end) {
        split(look, found, look->module_end, look->module_is_agent ? PYR_RESIDENT_AGENT : PYR_RESIDENT_DATA);
    } else if (is_stack(look, mapping)) {
        split(look, found, stack_end, PYR_RESIDENT_STACKS);
    } else {
        look->parts[PYR_RESIDENT_ANONYMOUS] += found->rss_bytes;
    }
}

static bool is_shared_memory(const struct pyr_mapping *mapping)
{
    static const char *const places[] = {"/dev/zero", "/dev/shm/", "/memfd:", "/SYSV"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strncmp(mapping->path, places[i], strlen(places[i])) == 0)
            return mapping->shared;
    return false;
}

static void take_file(struct look *look, const struct pyr_resident_mapping *found)
{
    const struct pyr_mapping *mapping = &found->mapping;
    uint64_t written = found->private_bytes < found->rss_bytes ? found->private_bytes : found->rss_bytes;
    bool is_agent = ends_with(mapping->path, agent_name);
    uint64_t end = pyr_target_module_end(look->target, PYR_ADDR(mapping->start));
    if (end > mapping->start) {
        look->module_end = end;
        look->module_is_agent = is_agent;
    }
    if (is_agent) {
        look->parts[PYR_RESIDENT_AGENT] += found->rss_bytes;
    } else if (is_shared_memory(mapping)) {
        look->parts[PYR_RESIDENT_SHARED] += found->rss_bytes;
    } else {
        look->parts[PYR_RESIDENT_DATA] += written;
        look->parts[PYR_RESIDENT_FILES] += found->rss_bytes - written;
    }
}

static void take_mapping(struct look *look, const struct pyr_resident_mapping *found)
{
    const char *path = found->mapping.path;
    look->resident_bytes += found->rss_bytes;
    if (is_agents(look, &found->mapping))
        look->parts[PYR_RESIDENT_AGENT] += found->rss_bytes;
    else if (!*path)
        take_unnamed(look, found);
    else if (*path == '/')
        take_file(look, found);
    else if (strcmp(path, "[stack]") == 0)
        look->parts[PYR_RESIDENT_STACKS] += found->rss_bytes;
    else if (strcmp(path, "[heap]") == 0 || strncmp(path, "[anon:", 6) == 0)
        look->parts[PYR_RESIDENT_ANONYMOUS] += found->rss_bytes;
    else
        look->parts[found->mapping.shared ? PYR_RESIDENT_SHARED : PYR_RESIDENT_KERNEL] += found->rss_bytes;
}

/* The agent's tables lie among other anonymous memory. */
static void take_tables(struct look *look)
{
    struct pyr_tables tables;
    if (!look->head->tables_at ||
        pyr_target_read(look->target, PYR_ADDR(look->head->tables_at), &tables, sizeof tables) < 0)
        return;
    for (unsigned i = 0; i < PYR_TABLES_MAX; i++) {
        uint64_t at = tables.tables[i].at, bytes = tables.tables[i].bytes;
        if (!at || bytes > TABLE_MAX || at % PYR_PAGE_BYTES != 0 || at + bytes < at)
            continue;
        uint64_t there = in_memory(look, at, at + bytes), rest = look->parts[PYR_RESIDENT_ANONYMOUS];
        there = there < rest ? there : rest;
        look->parts[PYR_RESIDENT_ANONYMOUS] -= there;
        look->parts[PYR_RESIDENT_AGENT] += there;
    }
}

/* ---- one look ---- */

static int read_all(struct look *look, pid_t pid)
{
    int rc = pyr_target_open(&look->target, pid, NULL);
    look->arenas.target = look->target;
    if (rc == 0)
        rc = look->arenas.pages = pyr_resident_pages_open(pid);
    if (rc < 0)
        return rc;
    pyr_resident_stacks(pid, &look->stacks);
    return pyr_resident_read(pid, &look->text, &look->mappings);
}

static void take_sums(struct look *look, struct pyr_heap_reader *reader, struct pyr_resident_facts *facts)
{
    struct pyr_large_sum large = {0};
    if (look->head->large_at)
        pyr_target_read(look->target, PYR_ADDR(look->head->large_at), &large, sizeof large);
    *facts = (struct pyr_resident_facts){
        .resident_bytes = look->resident_bytes,
        .large_blocks = large.blocks,
        .large_bytes = large.bytes,
        .arenas = look->arenas.arenas,
        .empty_pools = look->arenas.empty_pools,
        .pinned_pools = look->arenas.pinned_pools,
        .pinned_used_bytes = look->arenas.pinned_used_bytes,
        .pinned_free_bytes = look->arenas.pinned_free_bytes,
        .pinned_read = look->arenas.pinned_read,
    };
    memcpy(facts->parts, look->parts, sizeof facts->parts);
    pyr_heap_reader_others(reader, &facts->raw_bytes, &facts->c_bytes);
}

static int more_kept(const void *left, const void *right)
{
    const struct pyr_site_pins *a = left, *b = right;
    if (a->free_bytes != b->free_bytes)
        return a->free_bytes < b->free_bytes ? 1 : -1;
    return a->site < b->site ? -1 : a->site > b->site;
}

static void take_rows(struct look *look, struct pyr_resident_look *result)
{
    struct pyr_vec *sites = &look->arenas.sites;
    result->classes.count = result->pins.count = 0;
    for (unsigned i = 0; i < PYR_SIZE_CLASSES; i++)
        if (look->arenas.classes[i].pools)
            pyr_vec_push(&result->classes, &look->arenas.classes[i]);
    if (sites->count)
        qsort(sites->items, sites->count, sizeof(struct pyr_site_pins), more_kept);
    for (size_t i = 0; i < sites->count && i < PINS_MAX; i++) {
        const struct pyr_site_pins *row = PYR_VEC_AT(sites, struct pyr_site_pins, i);
        const struct pyr_resident_pin pin = {row->site, row->blocks, row->pools, (uint64_t)(row->free_bytes + 0.5)};
        pyr_vec_push(&result->pins, &pin);
    }
}

static void release(struct look *look)
{
    if (look->arenas.pages >= 0)
        close(look->arenas.pages);
    pyr_target_close(look->target);
    pyr_buf_release(&look->text);
    pyr_vec_release(&look->mappings);
    pyr_vec_release(&look->stacks);
    pyr_arenas_release(&look->arenas);
}

static int look_now(struct pyr_resident_look *result, struct pyr_heap_reader *reader, const struct pyr_heap_head *head,
                    pid_t pid)
{
    struct look look = {
        .head = head,
        .arenas = {.pages = -1, .pinned = PYR_VEC(struct pyr_pinned_pool), .sites = PYR_VEC(struct pyr_site_pins)},
        .mappings = PYR_VEC(struct pyr_resident_mapping),
        .stacks = PYR_VEC(uint64_t)};
    look.parts = look.arenas.parts;
    int rc = read_all(&look, pid);
    for (size_t i = 0; rc == 0 && i < look.mappings.count; i++)
        take_mapping(&look, PYR_VEC_AT(&look.mappings, struct pyr_resident_mapping, i));
    if (rc == 0) {
        take_tables(&look);
        pyr_arenas_find_pins(&look.arenas);
        take_sums(&look, reader, &result->facts);
        take_rows(&look, result);
    }
    release(&look);
    return rc;
}

/* ---- when ---- */

static void init(struct pyr_resident_look *look)
{
    look->classes.item_size = sizeof(struct pyr_resident_class);
    look->pins.item_size = sizeof(struct pyr_resident_pin);
}

static bool is_due(const struct pyr_residents *residents, uint64_t rss_bytes, uint64_t time_ns, uint64_t spent_ns)
{
    uint64_t most = residents->most.facts.resident_bytes, rise = most / RISE_PART;
    uint64_t age_ns = time_ns - residents->last.facts.time_ns, wait_ns = (time_ns - residents->began_ns) / 16;
    uint64_t budget_ns = AT_FIRST_NS + time_ns / SHARE;
    bool rose = rss_bytes > most + (rise > RISE_MIN ? rise : RISE_MIN);
    if (!residents->last.done)
        return spent_ns < budget_ns;
    /* While memory grows not all is spent, so that what comes then is seen, too. */
    if (rose && spent_ns < budget_ns / 2)
        return true;
    return age_ns > (wait_ns > LOOK_NS ? wait_ns : LOOK_NS) && spent_ns < budget_ns;
}

/* The copy of the last as the most. Without memory for it the last serves alone. */
static void keep_most(struct pyr_residents *residents)
{
    struct pyr_resident_look *most = &residents->most, *last = &residents->last;
    if (most->done && most->facts.resident_bytes >= last->facts.resident_bytes)
        return;
    most->done = true;
    most->facts = last->facts;
    most->classes.count = most->pins.count = 0;
    for (size_t i = 0; i < last->classes.count; i++)
        pyr_vec_push(&most->classes, PYR_VEC_AT(&last->classes, struct pyr_resident_class, i));
    for (size_t i = 0; i < last->pins.count; i++)
        pyr_vec_push(&most->pins, PYR_VEC_AT(&last->pins, struct pyr_resident_pin, i));
}

void pyr_residents_look(struct pyr_residents *residents, struct pyr_heap_reader *reader,
                        const struct pyr_heap_head *head, pid_t pid, uint64_t rss_bytes, uint64_t time_ns,
                        uint64_t *spent_ns)
{
    if (!residents->began_ns)
        residents->began_ns = time_ns;
    if (!rss_bytes || !is_due(residents, rss_bytes, time_ns, *spent_ns))
        return;
    uint64_t began_ns = pyr_thread_cpu_ns();
    struct pyr_resident_look now = {0};
    init(&now);
    init(&residents->most);
    bool done = look_now(&now, reader, head, pid) == 0;
    *spent_ns += pyr_thread_cpu_ns() - began_ns;
    struct pyr_resident_look *gone = done ? &residents->last : &now;
    pyr_vec_release(&gone->classes);
    pyr_vec_release(&gone->pins);
    if (!done)
        return;
    now.done = true;
    now.facts.time_ns = time_ns;
    residents->last = now;
    keep_most(residents);
}

/* ---- into the recording ---- */

static int write_look(const struct pyr_resident_look *look, bool last, struct pyr_heap_reader *reader,
                      struct pyr_writer *writer, uint32_t process)
{
    struct pyr_resident_facts facts = look->facts;
    struct pyr_vec pins = PYR_VEC(struct pyr_resident_pin);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < look->pins.count; i++) {
        struct pyr_resident_pin pin = *PYR_VEC_AT(&look->pins, struct pyr_resident_pin, i);
        int64_t node = pyr_site_node(reader, writer, pin.node);
        if (node < 0 && node != PYR_E_LIMIT)
            rc = (int)node;
        pin.node = node < 0 ? PYR_NODE_EMPTY : (uint32_t)node;
        if (rc == 0 && !pyr_vec_push(&pins, &pin))
            rc = PYR_E_NOMEM;
    }
    facts.process = process;
    facts.last = last;
    facts.classes = look->classes.items;
    facts.class_count = (uint32_t)look->classes.count;
    facts.pins = pins.items;
    facts.pin_count = (uint32_t)pins.count;
    if (rc == 0)
        rc = pyr_writer_resident(writer, &facts);
    pyr_vec_release(&pins);
    return rc == PYR_E_LIMIT ? 0 : rc;
}

int pyr_residents_write(struct pyr_residents *residents, struct pyr_heap_reader *reader, struct pyr_writer *writer,
                        uint32_t process)
{
    int rc = residents->most.done ? write_look(&residents->most, false, reader, writer, process) : 0;
    if (rc == 0 && residents->last.done)
        rc = write_look(&residents->last, true, reader, writer, process);
    return rc;
}

static void release_look(struct pyr_resident_look *look)
{
    pyr_vec_release(&look->classes);
    pyr_vec_release(&look->pins);
}

void pyr_residents_release(struct pyr_residents *residents)
{
    release_look(&residents->most);
    release_look(&residents->last);
}
