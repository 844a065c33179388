/* Snapshots of random graphs: what the file gives back, and dominators, retained sizes and what is reachable, each
 * against deleting an object and looking what can still be reached. */
#include "exercise.h"

#include "base/alloc.h"
#include "graph/garbage.h"
#include "graph/graph.h"
#include "pyrometer/heap.h"
#include "record/snapshot_file.h"
#include "record/snapshot_writer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NODES_MAX 40
#define EDGES_MAX 160

struct made {
    unsigned nodes, edges, roots;
    unsigned from[EDGES_MAX], to[EDGES_MAX]; /* to: NODES_MAX is no object */
    unsigned held[NODES_MAX];                /* references that no edge explains */
    unsigned root[NODES_MAX];
    unsigned order[NODES_MAX]; /* in which they are written */
};

static uint64_t seed = 1;

static unsigned draw(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % below;
}

/* Addresses of the nth object: not dense, over several pages and regions. */
static uint64_t address_of(unsigned node)
{
    return node == NODES_MAX ? 0x1234560 : 0x7f0000000000 + (uint64_t)(node / 8) * 0x1ff0f0 + (node % 8) * 48;
}

static uint64_t size_of(unsigned node)
{
    return 16 + (uint64_t)node * node;
}

static struct made make_random(void)
{
    struct made made = {.nodes = 1 + draw(NODES_MAX), .roots = 0};
    made.edges = draw(2 + draw(EDGES_MAX - 2));
    unsigned span = 1 + draw(made.nodes); /* few: long chains */
    for (unsigned i = 0; i < made.edges; i++) {
        made.from[i] = draw(made.nodes);
        made.to[i] = draw(20) ? (made.from[i] + draw(span) + made.nodes - draw(span)) % made.nodes : NODES_MAX;
    }
    for (unsigned i = 0; i < made.nodes; i++) {
        made.root[i] = i == 0 || draw(15) == 0;
        made.held[i] = draw(25) == 0;
        made.order[i] = i;
    }
    for (unsigned i = made.nodes; i > 1; i--) {
        unsigned other = draw(i), last = made.order[i - 1];
        made.order[i - 1] = made.order[other];
        made.order[other] = last;
    }
    return made;
}

/* ---- through a file ---- */

static void write_node(struct pyr_snapshot_writer *writer, const struct made *made, unsigned node)
{
    struct pyr_snapshot_edge edges[EDGES_MAX];
    size_t count = 0;
    unsigned references = made->held[node];
    for (unsigned i = 0; i < made->edges; i++) {
        if (made->from[i] == node)
            edges[count++] = (struct pyr_snapshot_edge){.to = address_of(made->to[i]), .kind = PYR_EDGE_ITEM};
        references += made->to[i] == node;
    }
    struct pyr_snapshot_object object = {
        .address = address_of(node), .type = 0x1000, .size = size_of(node), .length = count, .references = references};
    assert_int_equal(pyr_snapshot_writer_object(writer, &object, edges, count), 0);
}

static char path[64];

static struct pyr_snapshot *write_and_open(const struct made *made)
{
    struct pyr_snapshot_writer *writer;
    struct pyr_snapshot *snapshot;
    struct pyr_snapshot_facts facts = {.pid = 7};
    struct pyr_err err = {0};
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, true, &err), 0);
    for (unsigned i = 0; i < made->nodes; i++)
        write_node(writer, made, made->order[i]);
    for (unsigned i = 0; i < made->nodes; i++)
        if (made->root[i])
            pyr_snapshot_writer_root(writer, &(struct pyr_snapshot_root){.object = address_of(i)});
    assert_int_equal(pyr_snapshot_writer_finish(writer, &facts, &err), 0);
    if (pyr_snapshot_open(&snapshot, path, &err) < 0)
        fail_msg("%s", err.text);
    return snapshot;
}

/* ---- brute force ---- */

static void reach(const struct made *made, unsigned without, bool *seen)
{
    memset(seen, 0, NODES_MAX * sizeof *seen);
    for (unsigned i = 0; i < made->nodes; i++)
        seen[i] = i != without && (made->root[i] || made->held[i]);
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < made->edges; i++) {
            unsigned to = made->to[i];
            if (to < NODES_MAX && seen[made->from[i]] && to != without && !seen[to])
                seen[to] = more = true;
        }
    }
}

struct truth {
    bool reachable[NODES_MAX];
    bool dominates[NODES_MAX][NODES_MAX];
    uint64_t retained[NODES_MAX];
};

static void find_truth(const struct made *made, struct truth *truth)
{
    bool left[NODES_MAX];
    memset(truth, 0, sizeof *truth);
    reach(made, NODES_MAX, truth->reachable);
    for (unsigned i = 0; i < made->nodes; i++) {
        reach(made, i, left);
        for (unsigned j = 0; j < made->nodes; j++) {
            truth->dominates[i][j] = truth->reachable[i] && truth->reachable[j] && !left[j];
            truth->retained[i] += truth->dominates[i][j] ? size_of(j) : 0;
        }
    }
}

/* The one that all others which dominate it dominate, too. */
static unsigned immediate(const struct made *made, const struct truth *truth, unsigned node)
{
    unsigned best = NODES_MAX;
    for (unsigned i = 0; i < made->nodes; i++)
        if (i != node && truth->dominates[i][node] && (best == NODES_MAX || truth->dominates[best][i]))
            best = i;
    return best;
}

static void check_node(const struct pyr_graph *graph, const struct made *made, const struct truth *truth, unsigned node)
{
    uint32_t object = pyr_snapshot_at(graph->snapshot, address_of(node));
    assert_int_not_equal(object, PYR_SNAPSHOT_NONE);
    assert_int_equal(pyr_graph_size(graph, object), size_of(node));
    if (!truth->reachable[node]) {
        assert_int_equal(graph->dominator[object], PYR_GRAPH_GARBAGE);
        return;
    }
    unsigned above = immediate(made, truth, node);
    if (above == NODES_MAX)
        assert_int_equal(graph->dominator[object], PYR_GRAPH_ROOT);
    else
        assert_int_equal(graph->dominator[object], pyr_snapshot_at(graph->snapshot, address_of(above)));
    assert_int_equal(graph->retained[object], truth->retained[node]);
}

static void random_graphs_are_dominated_as_by_deleting(void **state)
{
    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct made made = make_random();
        struct truth truth;
        struct pyr_graph *graph;
        find_truth(&made, &truth);
        struct pyr_snapshot *snapshot = write_and_open(&made);
        assert_int_equal(pyr_graph_open(&graph, snapshot, NULL), 0);
        assert_int_equal(snapshot->objects, made.nodes);
        for (unsigned i = 0; i < made.nodes; i++)
            check_node(graph, &made, &truth, i);
        pyr_graph_close(graph);
        pyr_snapshot_close(snapshot);
    }
}

/* ---- cycles of garbage ---- */

static void reach_from(const struct made *made, unsigned node, bool *seen)
{
    memset(seen, 0, NODES_MAX * sizeof *seen);
    for (unsigned i = 0; i < made->edges; i++)
        if (made->from[i] == node && made->to[i] < NODES_MAX)
            seen[made->to[i]] = true;
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < made->edges; i++) {
            unsigned to = made->to[i];
            if (to < NODES_MAX && seen[made->from[i]] && !seen[to])
                seen[to] = more = true;
        }
    }
}

static unsigned node_of(const struct pyr_snapshot *snapshot, const struct made *made, uint32_t object)
{
    for (unsigned i = 0; i < made->nodes; i++)
        if (address_of(i) == snapshot->address[object])
            return i;
    fail();
    return 0;
}

static void check_cycles(const struct pyr_graph *graph, const struct made *made, const struct truth *truth)
{
    struct pyr_garbage garbage;
    bool reaches[NODES_MAX][NODES_MAX];
    unsigned cycle_of[NODES_MAX], in_cycles = 0;
    assert_int_equal(pyr_garbage_find(&garbage, graph), 0);
    for (unsigned i = 0; i < made->nodes; i++) {
        reach_from(made, i, reaches[i]);
        cycle_of[i] = NODES_MAX;
    }
    for (size_t c = 0; c < garbage.cycles.count; c++) {
        const struct pyr_cycle *cycle = PYR_VEC_AT(&garbage.cycles, struct pyr_cycle, c);
        for (uint32_t i = 0; i < cycle->count; i++)
            cycle_of[node_of(graph->snapshot, made, garbage.members[cycle->first + i])] = (unsigned)c;
        in_cycles += cycle->count;
    }
    unsigned expected = 0;
    for (unsigned i = 0; i < made->nodes; i++) {
        bool cyclic = !truth->reachable[i] && reaches[i][i];
        expected += cyclic;
        assert_int_equal(cycle_of[i] < NODES_MAX, cyclic);
        for (unsigned j = 0; cyclic && j < made->nodes; j++)
            if (!truth->reachable[j] && reaches[j][j])
                assert_int_equal(cycle_of[i] == cycle_of[j], reaches[i][j] && reaches[j][i]);
    }
    assert_int_equal(in_cycles, expected);
    pyr_garbage_release(&garbage);
}

static void garbage_is_divided_into_cycles(void **state)
{
    (void)state;
    for (int round = 0; round < 600; round++) {
        struct made made = make_random();
        struct truth truth;
        struct pyr_graph *graph;
        for (unsigned i = 0; i < made.nodes; i++)
            made.root[i] = made.held[i] = i == 0;
        find_truth(&made, &truth);
        struct pyr_snapshot *snapshot = write_and_open(&made);
        assert_int_equal(pyr_graph_open(&graph, snapshot, NULL), 0);
        check_cycles(graph, &made, &truth);
        pyr_graph_close(graph);
        pyr_snapshot_close(snapshot);
    }
}

/* ---- a chain and a fan: what would be quadratic, or recurse ---- */

static void long_chain_is_dominated(void **state)
{
    (void)state;
    enum { LENGTH = 300000 };
    struct pyr_snapshot_writer *writer;
    struct pyr_snapshot *snapshot;
    struct pyr_graph *graph;
    uint64_t leaf = 0x20000000;
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, true, NULL), 0);
    for (uint64_t i = 0; i < LENGTH; i++) {
        struct pyr_snapshot_edge edges[] = {{.to = 0x1000 + (i + 1) * 64}, {.to = leaf + i / 2 * 16}, {.to = 0x1000}};
        struct pyr_snapshot_object object = {.address = 0x1000 + i * 64, .size = 64};
        pyr_snapshot_writer_object(writer, &object, edges, 3);
    }
    for (uint64_t i = 0; i < LENGTH / 2; i++)
        pyr_snapshot_writer_object(writer, &(struct pyr_snapshot_object){.address = leaf + i * 16, .size = 16}, NULL,
                                   0);
    pyr_snapshot_writer_root(writer, &(struct pyr_snapshot_root){.object = 0x1000});
    assert_int_equal(pyr_snapshot_writer_finish(writer, &(struct pyr_snapshot_facts){0}, NULL), 0);
    assert_int_equal(pyr_snapshot_open(&snapshot, path, NULL), 0);
    assert_int_equal(pyr_graph_open(&graph, snapshot, NULL), 0);
    for (uint32_t i = 1; i < LENGTH; i++)
        assert_int_equal(graph->dominator[i], i - 1);
    for (uint32_t i = 0; i < LENGTH / 2; i++)
        assert_int_equal(graph->dominator[LENGTH + i], 2 * i);
    assert_int_equal(graph->retained[0], LENGTH * 64ul + LENGTH / 2 * 16ul);
    assert_int_equal(graph->retained[LENGTH - 2], 128 + 16);
    pyr_graph_close(graph);
    pyr_snapshot_close(snapshot);
    struct pyr_heap_report_options options = {.view = PYR_HEAP_JSON};
    FILE *out = fopen("/dev/null", "w");
    assert_int_equal(pyr_heap_report(path, &options, out, NULL), 0);
    fclose(out);
}

/* ---- damage, and no memory ---- */

static void damage_is_refused_or_harmless(void **state)
{
    (void)state;
    struct pyr_buf whole = {0};
    make_snapshot(&whole);
    assert_int_equal(exercise_snapshot(whole.bytes, whole.size), 0);
    for (size_t size = 1; size < whole.size; size += 1 + size / 7)
        assert_int_not_equal(exercise_snapshot(whole.bytes, size), 0);
    struct pyr_buf damaged = {0};
    pyr_buf_append(&damaged, whole.bytes, whole.size);
    for (unsigned round = 0; round < 600; round++) {
        size_t place = draw((unsigned)whole.size / 4) * 4;
        uint32_t value = (uint32_t[]){0, 1, UINT32_MAX, UINT32_MAX - 1, 0x7fffffff, draw(64), draw(1u << 30)}[draw(7)];
        memcpy(damaged.bytes, whole.bytes, whole.size);
        memcpy(damaged.bytes + place, &value, sizeof value);
        if (memcmp(damaged.bytes, whole.bytes, whole.size) != 0 && draw(8) == 0)
            exercise_snapshot(damaged.bytes, whole.size);
        repair_sums(damaged.bytes, whole.size);
        exercise_snapshot(damaged.bytes, whole.size);
    }
    pyr_buf_release(&damaged);
    pyr_buf_release(&whole);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct made made = make_random();
    for (unsigned i = 1; i < made.nodes; i++)
        made.root[i] = made.held[i] = 0; /* so that there is garbage */
    pyr_snapshot_close(write_and_open(&made));
    static const enum pyr_heap_view views[] = {PYR_HEAP_JSON, PYR_HEAP_OVERVIEW, PYR_HEAP_CENSUS, PYR_HEAP_TOP,
                                               PYR_HEAP_DOT,  PYR_HEAP_CYCLES,   PYR_HEAP_QUERY};
    FILE *out = fopen("/dev/null", "w");
    for (size_t v = 0; v < sizeof views / sizeof *views; v++) {
        struct pyr_heap_report_options options = {.view = views[v]};
        if (views[v] == PYR_HEAP_QUERY)
            options.what = "select count(), max(site), owner, 'a' from * where type like '*x' or site != text "
                           "group by type, owner, len order by type, count()";
        int rc = -1;
        for (long n = 1; n < 3000 && rc < 0; n++) {
            struct pyr_err err = {0};
            pyr_alloc_fail_after(n);
            rc = pyr_heap_report(path, &options, out, &err);
            pyr_alloc_fail_after(0);
            if (rc < 0) {
                assert_int_equal(rc, PYR_E_NOMEM);
                assert_true(err.text[0]);
            }
        }
        assert_int_equal(rc, 0);
    }
    fclose(out);
}

static void writing_may_run_out_of_memory(void **state)
{
    (void)state;
    int rc = -1;
    for (long n = 1; n < 1000 && rc < 0; n++) {
        struct pyr_snapshot_writer *writer, *part;
        unlink(path);
        pyr_alloc_fail_after(n);
        rc = pyr_snapshot_writer_open(&writer, path, false, NULL);
        bool opened = rc == 0;
        if (rc == 0)
            rc = pyr_snapshot_writer_part(writer, &part);
        for (unsigned i = 0; rc == 0 && i < 20; i++) {
            struct pyr_snapshot_edge edge = {.to = address_of(i / 2), .kind = i % PYR_EDGE_KINDS};
            struct pyr_snapshot_object object = {.address = address_of(i), .type = address_of(i % 3), .size = i};
            pyr_snapshot_writer_object(i % 3 ? part : writer, &object, &edge, i % 2);
        }
        if (rc == 0)
            rc = pyr_snapshot_writer_finish(writer, &(struct pyr_snapshot_facts){0}, NULL);
        else if (opened)
            pyr_snapshot_writer_discard(writer);
        pyr_alloc_fail_after(0);
        assert_int_equal(access(path, F_OK) == 0, rc == 0); /* whole, or not there */
    }
    assert_int_equal(rc, 0);
}

/* ---- the writer ---- */

static void same_address_counts_once(void **state)
{
    (void)state;
    struct pyr_snapshot_writer *writer;
    struct pyr_snapshot *snapshot;
    struct pyr_snapshot_object object = {.address = 0x1000, .size = 16};
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, true, NULL), 0);
    pyr_snapshot_writer_object(writer, &object, NULL, 0);
    object.size = 32;
    pyr_snapshot_writer_object(writer, &object, NULL, 0);
    object.address = 0x1003; /* no object lies there */
    pyr_snapshot_writer_object(writer, &object, NULL, 0);
    assert_int_equal(pyr_snapshot_writer_finish(writer, &(struct pyr_snapshot_facts){0}, NULL), 0);
    assert_int_equal(pyr_snapshot_open(&snapshot, path, NULL), 0);
    assert_int_equal(snapshot->objects, 1);
    assert_int_equal(pyr_snapshot_form(snapshot, 0)->size, 16);
    assert_int_equal(snapshot->facts->objects_torn, 2);
    pyr_snapshot_close(snapshot);
}

static void edges_come_back_as_they_were(void **state)
{
    (void)state;
    struct pyr_snapshot_writer *writer;
    struct pyr_snapshot *snapshot;
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, true, NULL), 0);
    pyr_snapshot_text name = pyr_snapshot_writer_text(writer, "name", 4);
    const struct pyr_snapshot_edge edges[] = {
        {0x1000, 0, PYR_EDGE_CLASS}, {0x2000, 0, PYR_EDGE_KEY | PYR_EDGE_HIDDEN},
        {0x1000, 0, PYR_EDGE_VALUE}, {0x1000, 0, PYR_EDGE_KEY | PYR_EDGE_HIDDEN},
        {0x2000, 0, PYR_EDGE_VALUE}, {0x9990, 0, PYR_EDGE_ITEM},
        {0x2000, 0, PYR_EDGE_ITEM},  {0x1000, name, PYR_EDGE_VALUE},
        {0x2000, 0, PYR_EDGE_KEY},
    };
    enum { COUNT = sizeof edges / sizeof *edges };
    pyr_snapshot_writer_object(writer, &(struct pyr_snapshot_object){.address = 0x2000}, edges, COUNT);
    pyr_snapshot_writer_object(writer, &(struct pyr_snapshot_object){.address = 0x1000}, NULL, 0);
    assert_int_equal(pyr_snapshot_writer_finish(writer, &(struct pyr_snapshot_facts){0}, NULL), 0);
    assert_int_equal(pyr_snapshot_open(&snapshot, path, NULL), 0);
    struct pyr_edge_cursor edge = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(pyr_snapshot_next_edge(snapshot, 1, &edge));
        assert_int_equal(edge.to, edges[i].to == 0x9990 ? PYR_SNAPSHOT_NONE : edges[i].to == 0x2000);
        assert_int_equal(edge.kind, edges[i].kind);
        assert_int_equal(edge.number, i);
        assert_int_equal(edge.key, i == 2 ? 1 : i == 4 ? 0 : PYR_SNAPSHOT_NONE);
        if (i == 5 || i == 6)
            assert_int_equal(edge.nth, i - 5);
    }
    assert_false(pyr_snapshot_next_edge(snapshot, 1, &edge));
    assert_int_equal(snapshot->facts->edges_dangling, 1);
    pyr_snapshot_close(snapshot);
}

/* ---- parts: what several threads write ---- */

enum { PART_OBJECTS = 3 * 4096 };

/* Every other object: each has a text, and refers to the one before, by a name of its own and one that all have. */
struct part_of_two {
    struct pyr_snapshot_writer *writer;
    unsigned first;
};

static uint64_t part_address(unsigned i)
{
    return 0x100000 + i * 64ull;
}

static void *write_part(void *context)
{
    const struct part_of_two *part = context;
    char text[16];
    for (unsigned i = part->first; i < PART_OBJECTS; i += 2) {
        size_t size = (size_t)snprintf(text, sizeof text, "text %u", i);
        const struct pyr_snapshot_edge edges[] = {
            {part_address(i ? i - 1 : 0), pyr_snapshot_writer_text(part->writer, "name", 4), PYR_EDGE_MEMBER},
            {part_address(0), pyr_snapshot_writer_text(part->writer, text, size), PYR_EDGE_ATTRIBUTE},
        };
        pyr_snapshot_writer_object(part->writer,
                                   &(struct pyr_snapshot_object){.address = part_address(i),
                                                                 .type = part_address(i % 3),
                                                                 .size = i,
                                                                 .site = i % 4 == 3,
                                                                 .new_text = text,
                                                                 .new_text_size = (uint32_t)size},
                                   edges, i % 5 ? 2 : 1);
    }
    /* Each tells of one of the three types, but has met all. */
    pyr_snapshot_writer_type(part->writer,
                             &(struct pyr_snapshot_type){.address = part_address(part->first),
                                                         .basic_size = 16,
                                                         .name = pyr_snapshot_writer_text(part->writer, "Type", 4),
                                                         .module = pyr_snapshot_writer_text(part->writer, text, 5)});
    pyr_snapshot_writer_root(part->writer,
                             &(struct pyr_snapshot_root){.object = part_address(part->first),
                                                         .holder = pyr_snapshot_writer_text(part->writer, "app", 3),
                                                         .name = pyr_snapshot_writer_text(part->writer, "x", 1)});
    return NULL;
}

static void write_in_parts(const char *file)
{
    struct part_of_two parts[2] = {{.first = 0}, {.first = 1}};
    struct pyr_snapshot_writer *sites;
    pthread_t thread;
    assert_int_equal(pyr_snapshot_writer_open(&parts[0].writer, file, true, NULL), 0);
    assert_int_equal(pyr_snapshot_writer_part(parts[0].writer, &parts[1].writer), 0);
    assert_int_equal(pyr_snapshot_writer_part(parts[0].writer, &sites), 0);
    pyr_snapshot_writer_site(
        sites, &(struct pyr_snapshot_site){.file = pyr_snapshot_writer_text(sites, "app.py", 6), .line = 8}, 0);
    assert_int_equal(pthread_create(&thread, NULL, write_part, &parts[1]), 0);
    write_part(&parts[0]);
    pthread_join(thread, NULL);
    assert_int_equal(pyr_snapshot_writer_finish(parts[0].writer, &(struct pyr_snapshot_facts){0}, NULL), 0);
}

static void assert_text(const struct pyr_snapshot *snapshot, pyr_snapshot_text text, const char *expected)
{
    struct pyr_snapshot_string found = pyr_snapshot_string(snapshot, text);
    assert_int_equal(found.size, strlen(expected));
    assert_memory_equal(found.bytes, expected, found.size);
}

static void assert_part_object(const struct pyr_snapshot *snapshot, unsigned i)
{
    struct pyr_edge_cursor edge = {0};
    char text[16];
    snprintf(text, sizeof text, "text %u", i);
    const struct pyr_snapshot_form *form = pyr_snapshot_form(snapshot, i);
    assert_int_equal(snapshot->address[i], part_address(i));
    assert_int_equal(form->size, i);
    assert_int_equal(snapshot->type_rows[form->type].address, part_address(i % 3));
    assert_int_equal(snapshot->site[i], i % 4 == 3);
    assert_text(snapshot, snapshot->text[i], text);
    assert_true(pyr_snapshot_next_edge(snapshot, i, &edge));
    assert_int_equal(edge.to, i ? i - 1 : 0);
    assert_int_equal(edge.kind, PYR_EDGE_MEMBER);
    assert_text(snapshot, edge.label, "name");
    assert_int_equal(pyr_snapshot_next_edge(snapshot, i, &edge), i % 5 != 0);
    if (i % 5) {
        assert_int_equal(edge.to, 0);
        assert_text(snapshot, edge.label, text);
    }
    assert_false(pyr_snapshot_next_edge(snapshot, i, &edge));
}

static void parts_become_one(void **state)
{
    (void)state;
    struct pyr_snapshot *snapshot;
    write_in_parts(path);
    assert_int_equal(pyr_snapshot_open(&snapshot, path, NULL), 0);
    assert_int_equal(snapshot->objects, PART_OBJECTS);
    for (unsigned i = 0; i < PART_OBJECTS; i++)
        assert_part_object(snapshot, i);
    assert_int_equal(snapshot->types, 3);
    for (uint32_t t = 0; t < 3; t++) {
        const struct pyr_snapshot_type_row *row = &snapshot->type_rows[t];
        bool told = row->address != part_address(2);
        assert_text(snapshot, row->name, told ? "Type" : "");
        assert_text(snapshot, row->module, told ? "text " : "");
        assert_int_equal(row->object, (row->address - part_address(0)) / 64);
    }
    assert_int_equal(snapshot->roots, 2);
    for (uint32_t r = 0; r < 2; r++) {
        assert_int_equal(snapshot->root_rows[r].object, r);
        assert_text(snapshot, snapshot->root_rows[r].holder, "app");
        assert_text(snapshot, snapshot->root_rows[r].name, "x");
    }
    assert_text(snapshot, snapshot->site_rows[0].file, "app.py");
    assert_int_equal(snapshot->facts->objects_torn + snapshot->facts->edges_dangling, 0);
    pyr_snapshot_close(snapshot);
}

static void an_address_is_given_to_one_part(void **state)
{
    (void)state;
    struct pyr_snapshot_writer *writer, *part;
    struct pyr_snapshot_object object = {.address = 0x1000, .size = 16};
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, true, NULL), 0);
    assert_int_equal(pyr_snapshot_writer_part(writer, &part), 0);
    pyr_snapshot_writer_object(writer, &object, NULL, 0);
    pyr_snapshot_writer_object(part, &object, NULL, 0);
    assert_int_equal(pyr_snapshot_writer_finish(writer, &(struct pyr_snapshot_facts){0}, NULL), PYR_E_MISUSE);
}

/* Addresses as far from each other as they can be, numbers as large; more references than are handed over together. */
static void extremes_come_back(void **state)
{
    (void)state;
    static const uint64_t addresses[] = {8, 16, 1ull << 47, (1ull << 63) - 8, 1ull << 63, UINT64_MAX - 7};
    enum { COUNT = sizeof addresses / sizeof *addresses, EDGES = 20000 };
    struct pyr_snapshot_edge *edges = calloc(EDGES, sizeof *edges);
    struct pyr_snapshot_writer *writer;
    struct pyr_snapshot *snapshot;
    char text[16];
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, true, NULL), 0);
    pyr_snapshot_writer_site(writer, &(struct pyr_snapshot_site){.line = 7}, 0);
    for (unsigned e = 0; e < EDGES; e++)
        edges[e] = (struct pyr_snapshot_edge){
            .to = e % (COUNT + 1) == COUNT ? 0x7f0000000003 : addresses[e % (COUNT + 1)], .kind = PYR_EDGE_ITEM};
    for (unsigned i = COUNT; i-- > 0;) {
        int size = snprintf(text, sizeof text, "text %u", i);
        struct pyr_snapshot_object object = {.address = addresses[i],
                                             .size = UINT64_MAX - i,
                                             .content = i % 2 ? UINT64_MAX - i : 0,
                                             .references = UINT32_MAX - i,
                                             .site = i % 3 == 0,
                                             .new_text = i ? text : NULL,
                                             .new_text_size = i ? (uint32_t)size : 0};
        assert_int_equal(pyr_snapshot_writer_object(writer, &object, edges, i % 2 ? EDGES : i), 0);
    }
    assert_int_equal(pyr_snapshot_writer_finish(writer, &(struct pyr_snapshot_facts){0}, NULL), 0);
    assert_int_equal(pyr_snapshot_open(&snapshot, path, NULL), 0);
    assert_int_equal(snapshot->objects, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        struct pyr_snapshot_string found = pyr_snapshot_string(snapshot, snapshot->text[i]);
        snprintf(text, sizeof text, "text %u", i);
        assert_true(snapshot->address[i] == addresses[i]);
        assert_true(snapshot->content[i] == (i % 2 ? UINT64_MAX - i : 0));
        assert_int_equal(snapshot->references[i], UINT32_MAX - i);
        assert_int_equal(snapshot->site[i], i % 3 == 0);
        assert_int_equal(found.size, i ? strlen(text) : 0);
        assert_memory_equal(found.bytes, text, found.size);
        assert_int_equal(snapshot->edges_at[i + 1] - snapshot->edges_at[i], i % 2 ? EDGES : i);
        for (unsigned e = 0; e < (i % 2 ? EDGES : i); e++)
            assert_int_equal(snapshot->edge[snapshot->edges_at[i] + e],
                             e % (COUNT + 1) == COUNT ? PYR_SNAPSHOT_NONE : e % (COUNT + 1));
    }
    pyr_snapshot_close(snapshot);
    free(edges);
}

/* What is open when it is written is what is read from the file. */
static void what_was_written_is_open(void **state)
{
    (void)state;
    struct pyr_snapshot_writer *writer;
    struct pyr_snapshot *written = NULL, *snapshot;
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, true, NULL), 0);
    for (uint64_t i = 0; i < 100; i++) {
        struct pyr_snapshot_edge edge = {.to = 0x1000 + (i + 1) * 64};
        pyr_snapshot_writer_object(writer, &(struct pyr_snapshot_object){.address = 0x1000 + i * 64, .size = i}, &edge,
                                   1);
    }
    assert_int_equal(pyr_snapshot_writer_finish_open(writer, &(struct pyr_snapshot_facts){.pid = 7}, &written, NULL),
                     0);
    assert_int_equal(pyr_snapshot_open(&snapshot, path, NULL), 0);
    assert_int_equal(written->map_size, snapshot->map_size);
    assert_memory_equal(written->map, snapshot->map, snapshot->map_size);
    assert_int_equal(written->objects, 100);
    assert_int_equal(written->facts->pid, 7);
    assert_int_equal(pyr_snapshot_at(written, 0x1000 + 99 * 64), 99);
    assert_int_equal(written->edge[98], 99);
    pyr_snapshot_close(written);
    struct pyr_heap_report_options options = {.view = PYR_HEAP_JSON, .open = snapshot};
    FILE *out = fopen("/dev/null", "w");
    assert_int_equal(pyr_heap_report("/nowhere", &options, out, NULL), 0);
    fclose(out);
    assert_int_equal(snapshot->objects, 100); /* the report has not closed it */
    pyr_snapshot_close(snapshot);
}

static void existing_file_is_kept(void **state)
{
    (void)state;
    struct pyr_snapshot_writer *writer;
    FILE *stream = fopen(path, "w");
    fputs("mine", stream);
    fclose(stream);
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, false, NULL), PYR_E_EXISTS);
    unlink(path);
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, false, NULL), 0);
    stream = fopen(path, "w");
    fputs("mine", stream);
    fclose(stream);
    assert_int_equal(pyr_snapshot_writer_finish(writer, &(struct pyr_snapshot_facts){0}, NULL), PYR_E_EXISTS);
    assert_false(pyr_heap_is_snapshot(path));
    assert_int_equal(pyr_snapshot_writer_open(&writer, path, true, NULL), 0);
    pyr_snapshot_writer_discard(writer);
    assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_are_dominated_as_by_deleting),
        cmocka_unit_test(garbage_is_divided_into_cycles),
        cmocka_unit_test(long_chain_is_dominated),
        cmocka_unit_test(damage_is_refused_or_harmless),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(writing_may_run_out_of_memory),
        cmocka_unit_test(same_address_counts_once),
        cmocka_unit_test(edges_come_back_as_they_were),
        cmocka_unit_test(parts_become_one),
        cmocka_unit_test(an_address_is_given_to_one_part),
        cmocka_unit_test(extremes_come_back),
        cmocka_unit_test(what_was_written_is_open),
        cmocka_unit_test(existing_file_is_kept),
    };
    snprintf(path, sizeof path, "/tmp/test_graph.%d", (int)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
