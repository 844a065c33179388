/* Snapshots of random graphs: what the file gives back, and dominators, retained sizes and what is reachable, each
 * against deleting an object and looking what can still be reached. */
#include "base/alloc.h"
#include "graph/graph.h"
#include "record/snapshot_writer.h"

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
    for (int round = 0; round < 3000; round++) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_graphs_are_dominated_as_by_deleting)};
    snprintf(path, sizeof path, "/tmp/test_graph.%d", (int)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
