#include "memory/collections.h"

#include "memory/place.h"
#include "record/heap_file.h"

#include <string.h>

#define LOOK_NS 100000000u /* when there is little to read */
#define MANY 4096u         /* pauses: a frame of the recording */
#define WRITE_MIN_NS 1000000000u
#define WRITE_MAX_NS UINT64_C(10000000000)
#define WAITING_MAX 65536u /* whose process is not known yet */
/* A recording keeps each of the first; then those that somebody would notice; then no more. Sums go on. */
#define KEPT_ALL (UINT64_C(1) << 19)
#define KEPT_MAX (UINT64_C(1) << 20)
#define NOTICED_NS 1000000u

void pyr_collections_init(struct pyr_collections *collections)
{
    *collections = (struct pyr_collections){.pauses = PYR_VEC(struct pyr_gc_pause)};
}

void pyr_collections_release(struct pyr_collections *collections)
{
    pyr_vec_release(&collections->pauses);
    pyr_map_release(&collections->nodes);
}

static bool is_kept(const struct pyr_collections *collections, const struct pyr_memory_budget *budget,
                    const struct pyr_heap_collection *collection)
{
    if (collections->pauses.count >= WAITING_MAX || budget->kept >= KEPT_MAX)
        return false;
    return budget->kept < KEPT_ALL || collection->pause_ns >= NOTICED_NS;
}

static void keep(struct pyr_collections *collections, struct pyr_memory_budget *budget,
                 const struct pyr_heap_collection *collection)
{
    if (!is_kept(collections, budget, collection))
        return;
    const struct pyr_gc_pause pause = {
        .start_ns = collection->start_ns > budget->started_ns ? collection->start_ns - budget->started_ns : 0,
        .pause_ns = collection->pause_ns,
        .collected = collection->collected,
        .uncollectable = collection->uncollectable,
        .generation = collection->generation,
        .node = collection->site < UINT32_MAX ? collection->site + 1 : 0,
    };
    budget->kept += pyr_vec_push(&collections->pauses, &pause) ? 1 : 0;
}

void pyr_collections_look(struct pyr_collections *collections, struct pyr_heap_reader *reader,
                          struct pyr_memory_budget *budget, uint64_t time_ns, bool now)
{
    if (!now && time_ns < collections->due_ns)
        return;
    uint64_t before = collections->next;
    /* Bounded: the process may go on as fast as we read. */
    for (unsigned n = 0; n < PYR_HEAP_PAUSES / PYR_HEAP_COLLECTIONS_AT_ONCE + 1; n++) {
        struct pyr_heap_collection some[PYR_HEAP_COLLECTIONS_AT_ONCE];
        int64_t count = pyr_heap_reader_collections(reader, &collections->next, some);
        for (int64_t i = 0; i < count; i++)
            keep(collections, budget, &some[i]);
        if (count <= 0)
            break;
    }
    bool many = collections->next - before > PYR_HEAP_PAUSES / 8;
    collections->due_ns = time_ns + (many ? 0 : LOOK_NS);
}

bool pyr_collections_are_due(const struct pyr_collections *collections, uint64_t time_ns)
{
    return collections->pauses.count >= MANY || (collections->pauses.count && time_ns >= collections->write_ns);
}

/* What is written begins compression anew: rarely in a long run. */
static uint64_t write_wait_ns(uint64_t time_ns)
{
    uint64_t wait = time_ns / 8;
    return wait < WRITE_MIN_NS ? WRITE_MIN_NS : wait < WRITE_MAX_NS ? wait : WRITE_MAX_NS;
}

/* ---- into the recording ---- */

static int64_t node_of(struct pyr_collections *collections, struct pyr_heap_reader *reader, struct pyr_writer *writer,
                       uint32_t site)
{
    const uint64_t *known = pyr_map_find(&collections->nodes, site);
    if (known)
        return (int64_t)*known;
    int64_t node = pyr_site_node(reader, writer, site);
    if (node == PYR_E_LIMIT)
        node = PYR_NODE_EMPTY;
    int rc = node < 0 ? (int)node : pyr_map_put(&collections->nodes, site, (uint64_t)node);
    return rc < 0 ? rc : node;
}

static int resolve(struct pyr_collections *collections, struct pyr_heap_reader *reader, struct pyr_writer *writer)
{
    for (size_t i = 0; i < collections->pauses.count; i++) {
        struct pyr_gc_pause *pause = PYR_VEC_AT(&collections->pauses, struct pyr_gc_pause, i);
        int64_t node = pause->node ? node_of(collections, reader, writer, pause->node - 1) : PYR_NODE_EMPTY;
        if (node < 0)
            return (int)node;
        pause->node = (uint32_t)node;
    }
    return 0;
}

int pyr_collections_write(struct pyr_collections *collections, struct pyr_heap_reader *reader,
                          const struct pyr_heap_head *head, struct pyr_writer *writer, uint32_t process,
                          uint64_t time_ns)
{
    struct pyr_gc_facts facts = {.process = process, .interpreter = head->interpreter, .time_ns = time_ns};
    if (!head->collections_noted)
        return 0;
    int rc = resolve(collections, reader, writer);
    memcpy(facts.sums, head->collections, sizeof facts.sums);
    facts.has_thresholds = head->has_thresholds;
    facts.enabled = head->enabled;
    memcpy(facts.thresholds, head->thresholds, sizeof facts.thresholds);
    facts.pauses = collections->pauses.items;
    facts.pause_count = (uint32_t)collections->pauses.count;
    if (rc == 0)
        rc = pyr_writer_gc(writer, &facts);
    if (rc == PYR_E_LIMIT && facts.pause_count) {
        facts.pause_count = 0;
        rc = pyr_writer_gc(writer, &facts);
    }
    collections->pauses.count = 0;
    collections->write_ns = time_ns + write_wait_ns(time_ns);
    return rc == PYR_E_LIMIT ? 0 : rc;
}
