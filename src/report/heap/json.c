#include "base/alloc.h"
#include "base/json_out.h"
#include "graph/duplicates.h"
#include "graph/pools.h"
#include "graph/waste.h"
#include "report/heap/cycles.h"
#include "report/heap/suspects.h"

#include <inttypes.h>
#include <stdlib.h>

enum { STACK_MAX = 1000 };

static void put_address(struct pyr_heap *heap, struct pyr_json *json, const char *key, uint32_t object)
{
    char text[32];
    snprintf(text, sizeof text, "0x%" PRIx64, heap->snapshot->address[object]);
    pyr_json_string(json, key, text);
}

static void put_site(struct pyr_heap *heap, struct pyr_json *json, uint32_t site)
{
    if (site)
        pyr_json_string(json, "allocated_at", pyr_heap_site(heap, site));
}

/* The innermost first. */
static void put_stack(struct pyr_heap *heap, struct pyr_json *json, uint32_t site)
{
    const uint32_t *callers = heap->snapshot->caller;
    if (!callers || !site)
        return;
    pyr_json_row_array(json, "allocated_stack");
    for (unsigned n = 0; site && n < STACK_MAX; n++, site = callers[site - 1]) {
        const struct pyr_snapshot_site *row = &heap->snapshot->site_rows[site - 1];
        pyr_json_row(json, NULL);
        pyr_json_string(json, "function", pyr_heap_text(heap, row->function));
        pyr_json_string(json, "file", pyr_heap_text(heap, row->file));
        pyr_json_uint(json, "line", row->line);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
}

static void write_snapshot(struct pyr_heap *heap, struct pyr_json *json)
{
    const struct pyr_snapshot_facts *facts = heap->snapshot->facts;
    pyr_json_object(json, "snapshot");
    pyr_json_uint(json, "pid", facts->pid);
    pyr_json_string(json, "python", pyr_heap_text(heap, facts->python));
    pyr_json_uint(json, "pause_us", facts->pause_ns / 1000);
    pyr_json_uint(json, "objects", heap->graph->objects);
    pyr_json_uint(json, "bytes", heap->graph->bytes);
    pyr_json_string(json, "command", pyr_heap_text(heap, facts->command));
    pyr_json_uint(json, "taken_ns", facts->taken_ns);
    pyr_json_uint(json, "rss_bytes", facts->rss_bytes);
    pyr_json_uint(json, "references", heap->snapshot->edges);
    pyr_json_uint(json, "reachable_objects", heap->graph->reachable);
    pyr_json_uint(json, "reachable_bytes", heap->graph->reachable_bytes);
    pyr_json_uint(json, "objects_torn", facts->objects_torn);
    pyr_json_uint(json, "references_dangling", facts->edges_dangling);
    pyr_json_end_object(json);
}

static int write_types(struct pyr_heap *heap, struct pyr_json *json)
{
    struct pyr_census census;
    uint32_t *order = NULL;
    if (pyr_census_make(&census, heap->graph, &heap->children) < 0)
        return pyr_heap_no_memory(heap);
    int64_t count = pyr_census_order(census.types, heap->snapshot->types, &order);
    pyr_json_array(json, "types");
    for (int64_t i = 0; i < count; i++) {
        const struct pyr_census_row *row = &census.types[order[i]];
        pyr_json_row(json, NULL);
        pyr_json_string(json, "type", pyr_heap_type(heap, order[i]));
        pyr_json_uint(json, "count", row->count);
        pyr_json_uint(json, "shallow_bytes", row->bytes);
        pyr_json_uint(json, "retained_bytes", row->retained);
        pyr_json_uint(json, "garbage", row->garbage);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
    pyr_free(order);
    pyr_census_release(&census);
    return count < 0 ? pyr_heap_no_memory(heap) : 0;
}

static int put_sentence(struct pyr_heap *heap, struct pyr_json *json, const struct pyr_suspect *suspect)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return pyr_heap_no_memory(heap);
    pyr_heap_put_suspect(heap, suspect, memory);
    if (fclose(memory) == 0)
        pyr_json_string(json, "text", text);
    (free)(text); /* open_memstream's, not base/alloc.h's */
    return 0;
}

static int write_suspect(struct pyr_heap *heap, struct pyr_json *json, const struct pyr_suspect *suspect)
{
    pyr_json_object(json, NULL);
    int rc = put_sentence(heap, json, suspect);
    pyr_json_string(json, "type", pyr_heap_type(heap, suspect->type));
    pyr_json_uint(json, "retained_bytes", suspect->retained);
    if (suspect->object != PYR_SNAPSHOT_NONE) {
        put_address(heap, json, "address", suspect->object);
        pyr_json_string(json, "path", pyr_heap_path(heap, suspect->object));
        pyr_json_string(json, "role", pyr_paths_role(&heap->paths, suspect->object));
        pyr_json_string(json, "root", pyr_heap_root(heap, pyr_paths_beginning(&heap->paths, suspect->object)));
    }
    pyr_json_bool(json, "garbage", suspect->garbage);
    if (suspect->entries_type != PYR_SNAPSHOT_NONE) {
        pyr_json_string(json, "entries_type", pyr_heap_type(heap, suspect->entries_type));
        pyr_json_uint(json, "entries", suspect->entries);
        pyr_json_uint(json, "entries_retained_bytes", suspect->entries_retained);
    }
    put_site(heap, json, suspect->site.site);
    if (suspect->site.site)
        pyr_json_number(json, "allocated_share", suspect->site.share);
    put_stack(heap, json, suspect->site.site);
    pyr_json_end_object(json);
    return rc;
}

static int write_suspects(struct pyr_heap *heap, struct pyr_json *json)
{
    struct pyr_vec suspects;
    int rc = pyr_heap_suspects(heap, &suspects);
    if (rc < 0)
        return rc;
    pyr_json_array(json, "suspects");
    for (size_t i = 0; rc == 0 && i < suspects.count; i++)
        rc = write_suspect(heap, json, PYR_VEC_AT(&suspects, struct pyr_suspect, i));
    pyr_json_end_array(json);
    pyr_vec_release(&suspects);
    return rc;
}

static void write_cycle(struct pyr_heap *heap, struct pyr_json *json, const struct pyr_garbage *garbage,
                        const struct pyr_heap_cycle_row *row)
{
    pyr_json_row(json, NULL);
    pyr_json_row_array(json, "types");
    for (uint32_t i = 0; i < row->example->count && i < 20; i++)
        pyr_json_string(json, NULL,
                        pyr_heap_type(heap, pyr_graph_type(heap->graph, garbage->members[row->example->first + i])));
    pyr_json_end_array(json);
    pyr_json_uint(json, "cycles", row->cycles);
    pyr_json_uint(json, "objects", row->objects);
    pyr_json_uint(json, "bytes", row->bytes);
    pyr_json_uint(json, "with_finalizer", row->finalizers);
    pyr_json_uint(json, "unfreeable", row->unfreeable);
    put_address(heap, json, "address", garbage->members[row->example->first]);
    put_site(heap, json, pyr_heap_cycle_site(heap, garbage, row->example));
    pyr_json_end_object(json);
}

static int write_cycles(struct pyr_heap *heap, struct pyr_json *json)
{
    struct pyr_garbage garbage;
    struct pyr_vec rows;
    if (pyr_garbage_find(&garbage, heap->graph) < 0)
        return pyr_heap_no_memory(heap);
    int rc = pyr_heap_cycle_rows(heap, &garbage, &rows);
    pyr_json_array(json, "cycles");
    for (size_t i = 0; rc == 0 && i < rows.count && i < pyr_heap_limit(heap, 100); i++)
        write_cycle(heap, json, &garbage, PYR_VEC_AT(&rows, struct pyr_heap_cycle_row, i));
    pyr_json_end_array(json);
    pyr_vec_release(&rows);
    pyr_garbage_release(&garbage);
    return rc;
}

static int write_duplicates(struct pyr_heap *heap, struct pyr_json *json)
{
    struct pyr_duplicates duplicates;
    if (pyr_duplicates_find(&duplicates, heap->graph, pyr_heap_limit(heap, 100)) < 0)
        return pyr_heap_no_memory(heap);
    pyr_json_array(json, "duplicates");
    for (size_t i = 0; i < duplicates.top.count; i++) {
        const struct pyr_duplicate *row = PYR_VEC_AT(&duplicates.top, struct pyr_duplicate, i);
        pyr_json_row(json, NULL);
        pyr_json_string(json, "type", pyr_heap_type(heap, pyr_graph_type(heap->graph, row->object)));
        pyr_json_string(json, "object", pyr_heap_object(heap, row->object));
        pyr_json_uint(json, "count", row->count);
        pyr_json_uint(json, "bytes", row->bytes);
        pyr_json_uint(json, "saved_bytes", row->saved);
        put_address(heap, json, "address", row->object);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
    pyr_duplicates_release(&duplicates);
    return 0;
}

static int write_containers(struct pyr_heap *heap, struct pyr_json *json)
{
    static const char *const kinds[] = {[PYR_WASTE_EMPTY] = "empty",     [PYR_WASTE_ROOM] = "room",
                                        [PYR_WASTE_NUMBERS] = "numbers", [PYR_WASTE_INSTANCES] = "instances",
                                        [PYR_WASTE_RECORDS] = "records", [PYR_WASTE_WIDE] = "wide",
                                        [PYR_WASTE_OBJECTS] = "objects", [PYR_WASTE_COLLISIONS] = "collisions"};
    struct pyr_vec wastes;
    if (pyr_waste_find(&wastes, heap->graph) < 0)
        return pyr_heap_no_memory(heap);
    pyr_json_array(json, "containers");
    for (size_t i = 0; i < wastes.count && i < pyr_heap_limit(heap, 100); i++) {
        const struct pyr_waste *row = PYR_VEC_AT(&wastes, struct pyr_waste, i);
        pyr_json_row(json, NULL);
        pyr_json_string(json, "kind", kinds[row->kind]);
        pyr_json_string(json, "type", pyr_heap_type(heap, row->type));
        pyr_json_uint(json, "count", row->count);
        pyr_json_uint(json, "bytes", row->bytes);
        pyr_json_uint(json, "saved_bytes", row->saved);
        if (*row->detail)
            pyr_json_string(json, "detail", row->detail);
        put_address(heap, json, "example", row->example);
        pyr_json_string(json, "path", pyr_heap_path(heap, row->example));
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
    pyr_vec_release(&wastes);
    return 0;
}

static void write_class(struct pyr_json *json, uint32_t number, const struct pyr_pool_class *row)
{
    pyr_json_row(json, NULL);
    pyr_json_uint(json, "block_bytes", number * PYR_POOL_CLASS_STEP);
    pyr_json_uint(json, "pools", row->pools);
    pyr_json_uint(json, "blocks_used", row->used);
    pyr_json_uint(json, "blocks_free", row->total - row->used);
    pyr_json_uint(json, "pool_bytes", row->bytes);
    pyr_json_row_array(json, "pools_by_eighth_full");
    for (unsigned i = 0; number && i < PYR_POOL_EIGHTHS; i++)
        pyr_json_uint(json, NULL, row->eighths[i]);
    pyr_json_end_array(json);
    pyr_json_end_object(json);
}

static void write_allocator(struct pyr_heap *heap, struct pyr_json *json, const char *key, bool ours)
{
    struct pyr_pool_census census;
    pyr_pool_census_make(&census, heap->snapshot, ours);
    pyr_json_object(json, key);
    pyr_json_uint(json, "arenas", census.arenas);
    pyr_json_uint(json, "arena_bytes", census.arena_bytes);
    pyr_json_uint(json, "used_bytes", census.all.used_bytes);
    pyr_json_uint(json, "free_block_bytes", census.all.free_bytes);
    pyr_json_uint(json, "empty_pools", census.classes[0].pools);
    pyr_json_uint(json, "empty_pool_bytes", census.classes[0].bytes);
    pyr_json_array(json, "classes");
    for (uint32_t i = 1; i < PYR_POOL_CLASSES; i++)
        if (census.classes[i].pools)
            write_class(json, i, &census.classes[i]);
    pyr_json_end_array(json);
    pyr_json_end_object(json);
}

static int write_pins(struct pyr_heap *heap, struct pyr_json *json)
{
    struct pyr_pins pins;
    int rc = pyr_pins_find(&pins, heap->snapshot, false);
    pyr_json_object(json, "nearly_empty");
    pyr_json_uint(json, "pools", pins.pools);
    pyr_json_uint(json, "bytes", pins.bytes);
    pyr_json_uint(json, "used_bytes", pins.used_bytes);
    pyr_json_array(json, "held_by");
    for (size_t i = 0; i < pins.rows.count && i < pyr_heap_limit(heap, 100); i++) {
        const struct pyr_pin *pin = PYR_VEC_AT(&pins.rows, struct pyr_pin, i);
        pyr_json_row(json, NULL);
        if (pin->number != PYR_SNAPSHOT_NONE)
            pyr_json_string(json, "type", pyr_heap_type(heap, pin->number));
        pyr_json_uint(json, "blocks", pin->blocks);
        pyr_json_uint(json, "pools", pin->pools);
        pyr_json_uint(json, "free_bytes", (uint64_t)(pin->free_bytes + 0.5));
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
    pyr_json_end_object(json);
    pyr_pins_release(&pins);
    return rc < 0 ? pyr_heap_no_memory(heap) : 0;
}

static int write_arenas(struct pyr_heap *heap, struct pyr_json *json)
{
    pyr_json_object(json, "arenas");
    write_allocator(heap, json, "cpython", false);
    write_allocator(heap, json, "pyrometer", true);
    int rc = write_pins(heap, json);
    pyr_json_end_object(json);
    return rc;
}

int pyr_heap_write_json(struct pyr_heap *heap)
{
    struct pyr_json json = {.out = heap->out};
    int rc = pyr_heap_need_children_and_paths(heap);
    if (rc < 0)
        return rc;
    pyr_json_object(&json, NULL);
    write_snapshot(heap, &json);
    rc = write_types(heap, &json);
    if (rc == 0)
        rc = write_suspects(heap, &json);
    if (rc == 0)
        rc = write_cycles(heap, &json);
    if (rc == 0)
        rc = write_duplicates(heap, &json);
    if (rc == 0)
        rc = write_containers(heap, &json);
    if (rc == 0)
        rc = write_arenas(heap, &json);
    pyr_json_end_object(&json);
    return rc;
}
