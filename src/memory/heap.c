#include "memory/heap.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/vec.h"
#include "record/heap_file.h"
#include "target/target.h"

#include <string.h>

#define LOOK_MAX_NS 100000000u /* a look is not due later than after this, unless looking costs much */
#define LOOK_REST 200u         /* times as long as a look took, there is none: half a percent of a CPU */
#define RSS_MIN_NS 50000000u   /* reading it costs more */

static uint64_t started_ns(const struct pyr_heap_head *head, uint64_t started_wall_ns, uint64_t time_ns)
{
    uint64_t at = head->started_ns > started_wall_ns ? head->started_ns - started_wall_ns : 0;
    return at < time_ns ? at : time_ns;
}

int pyr_watched_open(struct pyr_watched_heap **out, int directory, const char *name, uint64_t started_wall_ns,
                     uint64_t time_ns, struct pyr_memory_budget *budget)
{
    struct pyr_watched_heap *heap = pyr_alloc(sizeof *heap);
    if (!heap)
        return PYR_E_NOMEM;
    heap->process = PYR_HEAP_NO_PROCESS;
    heap->budget = budget;
    pyr_collections_init(&heap->collections);
    size_t size = strlen(name) + 1;
    int rc = size <= sizeof heap->name ? pyr_heap_reader_open(&heap->reader, directory, name, NULL) : PYR_E_FORMAT;
    if (rc == 0)
        rc = pyr_heap_reader_head(heap->reader, &heap->head);
    if (rc < 0) {
        pyr_watched_close(heap);
        return rc;
    }
    memcpy(heap->name, name, size);
    heap->timeline.start_ns = started_ns(&heap->head, started_wall_ns, time_ns);
    heap->timeline.step_ns = PYR_TIMELINE_STEP_NS;
    *out = heap;
    return 0;
}

void pyr_watched_close(struct pyr_watched_heap *heap)
{
    pyr_heap_reader_close(heap->reader);
    pyr_collections_release(&heap->collections);
    pyr_residents_release(&heap->residents);
    pyr_free(heap);
}

static void read_rss(struct pyr_watched_heap *heap, uint64_t time_ns)
{
    uint64_t rss, peak, cpu;
    if (!heap->pid || time_ns < heap->rss_ns)
        return;
    uint64_t step = heap->timeline.step_ns;
    heap->rss_ns = time_ns + (step > RSS_MIN_NS ? step : RSS_MIN_NS);
    if (pyr_process_usage(heap->pid, &rss, &peak, &cpu) == 0)
        heap->rss_bytes = rss;
    else
        return;
    /* What an interpreter still has while it is torn down explains nothing that a user could do something about. */
    if (heap->head.at_main_end && heap->residents.last.done)
        return;
    pyr_residents_look(&heap->residents, heap->reader, &heap->head, heap->pid, rss, time_ns, &heap->budget->looks_ns);
}

/* Whether the heap's own has risen since the last look: then it belongs into this step. */
static bool note_peaks(struct pyr_watched_heap *heap, const struct pyr_heap_head *now, uint64_t time_ns)
{
    bool rose[PYR_MEMORY_KINDS];
    for (unsigned kind = 0; kind < PYR_MEMORY_KINDS; kind++) {
        rose[kind] = now->peak_bytes[kind] > (heap->peak_ns[kind] ? heap->head.peak_bytes[kind] : 0);
        if (rose[kind])
            heap->peak_ns[kind] = time_ns;
    }
    return rose[PYR_MEMORY_HEAP];
}

static void look_at_totals(struct pyr_watched_heap *heap, uint64_t time_ns, bool now)
{
    struct pyr_heap_head head;
    if (!now && time_ns < heap->next_ns)
        return;
    uint64_t step = heap->timeline.step_ns, live;
    uint64_t began_ns = pyr_now_ns();
    if (pyr_heap_reader_head(heap->reader, &head) < 0 || pyr_heap_reader_live(heap->reader, &live) < 0)
        return;
    uint64_t rest = (pyr_now_ns() - began_ns) * LOOK_REST;
    heap->next_ns = time_ns + (step < LOOK_MAX_NS ? step : LOOK_MAX_NS);
    if (heap->next_ns < time_ns + rest)
        heap->next_ns = time_ns + rest;
    if (heap->once) {
        heap->head = head;
        return;
    }
    bool rose = note_peaks(heap, &head, time_ns);
    heap->head = head;
    read_rss(heap, time_ns);
    const struct pyr_memory_point seen = {rose ? head.peak_bytes[PYR_MEMORY_HEAP] : live, heap->rss_bytes};
    pyr_timeline_add(&heap->timeline, time_ns, &seen);
}

/* The collections after the sums: what comes in between is then among them, not missing. */
void pyr_watched_look(struct pyr_watched_heap *heap, uint64_t time_ns, bool now)
{
    look_at_totals(heap, time_ns, now);
    pyr_collections_look(&heap->collections, heap->reader, heap->budget, time_ns, now);
}

/* ---- into the recording ---- */

struct writing {
    struct pyr_writer *writer;
    struct pyr_map codes; /* number of the reader to number of the recording */
    struct {
        struct pyr_vec sites; /* of struct pyr_memory_site */
        struct pyr_memory_facts facts;
    } kinds[PYR_MEMORY_KINDS];
    struct pyr_map nodes; /* of the recording, by number of the site; of stacks only */
    bool stacks;
};

static int64_t code_number(struct writing *writing, const struct pyr_heap_place *place)
{
    static const struct pyr_code_facts other = {.name = "<other code>"};
    uint64_t key = place->other ? UINT64_MAX : place->code_number;
    const uint64_t *known = pyr_map_find(&writing->codes, key);
    if (known)
        return (int64_t)*known;
    int64_t number = pyr_writer_code(writing->writer, place->other ? &other : place->code);
    int rc = number < 0 ? (int)number : pyr_map_put(&writing->codes, key, (uint64_t)number);
    return rc < 0 ? rc : number;
}

static int64_t node_number(struct writing *writing, const struct pyr_heap_place *place)
{
    if (!place->code && !place->other)
        return PYR_NODE_EMPTY;
    const uint64_t *caller = place->caller ? pyr_map_find(&writing->nodes, place->caller) : NULL;
    uint32_t parent = caller ? (uint32_t)*caller : PYR_NODE_EMPTY;
    int64_t code = code_number(writing, place);
    return code < 0 ? code : pyr_writer_node(writing->writer, parent, (uint32_t)code, place->instruction);
}

/* In lines mode a site has no stack: a stack of one frame. */
static int take_site(void *context, const struct pyr_heap_place *place, const struct pyr_memory_site *figures)
{
    struct writing *writing = context;
    struct pyr_memory_site site = *figures;
    int64_t node = node_number(writing, place);
    if (node < 0)
        return (int)node;
    if (writing->stacks && pyr_map_put(&writing->nodes, place->number, (uint64_t)node) < 0)
        return PYR_E_NOMEM;
    if (!site.allocated_blocks)
        return 0;
    site.node = (uint32_t)node;
    struct pyr_memory_facts *facts = &writing->kinds[place->kind].facts;
    facts->allocated_blocks += site.allocated_blocks;
    facts->allocated_bytes += site.allocated_bytes;
    facts->live_blocks += site.live_blocks;
    facts->live_bytes += site.live_bytes;
    if (place->caller == PYR_SITE_OTHER)
        facts->lost_allocations += site.allocated_blocks;
    return pyr_vec_push(&writing->kinds[place->kind].sites, &site) ? 0 : PYR_E_NOMEM;
}

static struct pyr_memory_facts facts_of(const struct pyr_watched_heap *heap, enum pyr_memory_kind kind,
                                        uint64_t time_ns)
{
    struct pyr_memory_facts facts = {
        .kind = kind,
        .process = heap->process,
        .interpreter = heap->head.interpreter,
        .at_main_end = heap->head.at_main_end,
        .stacks = heap->head.stacks,
        .begun_late = heap->head.begun_late,
        .time_ns = time_ns,
        .peak_bytes = heap->head.peak_bytes[kind],
        .peak_ns = heap->peak_ns[kind],
        .why = "",
    };
    if (kind != PYR_MEMORY_HEAP)
        return facts;
    facts.arena_bytes = heap->head.peak_arena_bytes;
    facts.lost_allocations = heap->head.lost_allocations;
    facts.temporary_within = PYR_HEAP_RECENT;
    facts.start_ns = heap->timeline.start_ns;
    facts.step_ns = heap->timeline.step_ns;
    facts.points = heap->timeline.points;
    facts.point_count = heap->timeline.count;
    return facts;
}

/* Memory of another kind is only told where it was counted. */
static int write_kinds(struct writing *writing, bool others)
{
    int rc = 0;
    for (unsigned kind = 0; rc == 0 && kind < (others ? PYR_MEMORY_KINDS : PYR_MEMORY_HEAP + 1); kind++) {
        struct pyr_memory_facts *facts = &writing->kinds[kind].facts;
        facts->sites = writing->kinds[kind].sites.items;
        facts->site_count = (uint32_t)writing->kinds[kind].sites.count;
        rc = pyr_writer_memory(writing->writer, facts);
    }
    return rc;
}

int pyr_watched_write(struct pyr_watched_heap *heap, struct pyr_writer *writer, uint64_t time_ns)
{
    struct writing writing = {.writer = writer};
    pyr_watched_look(heap, time_ns, true);
    writing.stacks = heap->head.stacks;
    for (unsigned kind = 0; kind < PYR_MEMORY_KINDS; kind++) {
        writing.kinds[kind].sites = PYR_VEC(struct pyr_memory_site);
        writing.kinds[kind].facts = facts_of(heap, kind, time_ns);
    }
    int rc = pyr_heap_reader_sites(heap->reader, take_site, &writing);
    if (rc == 0)
        rc = write_kinds(&writing, heap->head.counts_others);
    if (rc == 0)
        rc = pyr_collections_write(&heap->collections, heap->reader, &heap->head, writer, heap->process, time_ns);
    if (rc == 0)
        rc = pyr_residents_write(&heap->residents, heap->reader, writer, heap->process);
    pyr_map_release(&writing.codes);
    pyr_map_release(&writing.nodes);
    for (unsigned kind = 0; kind < PYR_MEMORY_KINDS; kind++)
        pyr_vec_release(&writing.kinds[kind].sites);
    return rc;
}

int pyr_watched_write_collections(struct pyr_watched_heap *heap, struct pyr_writer *writer, uint64_t time_ns)
{
    if (!pyr_collections_are_due(&heap->collections, time_ns))
        return 0;
    return pyr_collections_write(&heap->collections, heap->reader, &heap->head, writer, heap->process, time_ns);
}
