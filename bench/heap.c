/* A synthetic heap through the file and the graph, timed. Like a program's: a module's dict of records, each an
 * instance with a dict, a list and values of its own, others shared by all, a class above, links among neighbours and
 * some far. usage: heap_bench OBJECTS [PATH] */
#include "base/clock.h"
#include "graph/graph.h"
#include "record/snapshot_writer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PER_RECORD = 8, SHARED = 1000 };

static const uint64_t base = 0x7f0000000000;
static uint64_t seed = 88172645463325252u;
static struct pyr_snapshot_writer *writer;
static pyr_snapshot_text body_text, links_text;
static int linked;

static uint64_t draw(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % below;
}

static void put(uint64_t address, uint64_t type, uint64_t size, uint64_t length, uint32_t references,
                const struct pyr_snapshot_edge *edges, size_t count)
{
    struct pyr_snapshot_object object = {.address = address,
                                         .type = type,
                                         .size = size,
                                         .length = length,
                                         .capacity = PYR_SNAPSHOT_NO_COUNT,
                                         .references = references,
                                         .content = count ? 0 : draw(1u << 30) + 1,
                                         .generation = count ? 2 : PYR_SNAPSHOT_UNTRACKED};
    if (pyr_snapshot_writer_object(writer, &object, edges, count) < 0)
        exit(1);
}

/* record: instance → class, dict; dict → key (shared), str, float, list; list → 3 values, the record before, one far.
 */
static void put_record(uint64_t at, uint64_t records, uint64_t i, uint64_t stride)
{
    const uint64_t instance = at, dict = at + 64, list = at + 128, values = at + 208;
    struct pyr_snapshot_edge edges[8] = {{base, 0, PYR_EDGE_CLASS}, {dict, 0, PYR_EDGE_DICT}};
    put(instance, base, 48, PYR_SNAPSHOT_NO_COUNT, 1, edges, 2);
    memset(edges, 0, sizeof edges);
    edges[0] = (struct pyr_snapshot_edge){values, body_text, PYR_EDGE_VALUE};
    edges[1] = (struct pyr_snapshot_edge){values + 32, 0, PYR_EDGE_VALUE};
    edges[2] = (struct pyr_snapshot_edge){list, links_text, PYR_EDGE_VALUE};
    edges[3] = (struct pyr_snapshot_edge){base + 4096 + draw(SHARED) * 64, 0, PYR_EDGE_VALUE};
    put(dict, base + 512, 64, 4, 1, edges, 4);
    for (int v = 0; v < 3; v++)
        edges[v] = (struct pyr_snapshot_edge){values + 64 + (uint64_t)v * 32, 0, PYR_EDGE_ITEM};
    uint64_t before = linked && i ? at - stride : base + 2048;
    edges[3] = (struct pyr_snapshot_edge){before, 0, PYR_EDGE_ITEM};
    edges[4] = (struct pyr_snapshot_edge){base + (1 << 20) + draw(records) * stride, 0, PYR_EDGE_ITEM};
    put(list, base + 1024, 80, 5, 1, edges, linked || i % 10 == 0 ? 5 : 4);
    for (int v = 0; v < 5; v++)
        put(values + (uint64_t)v * 32, base + 1536, 32, 8, 1, NULL, 0);
}

static void make(uint64_t objects)
{
    const uint64_t records = objects / PER_RECORD, stride = 384;
    struct pyr_snapshot_edge *all = calloc(records + 1, sizeof *all);
    for (uint64_t i = 0; i < records; i++)
        put_record(base + (1 << 20) + i * stride, records, i, stride);
    for (uint64_t i = 0; i < SHARED; i++)
        put(base + 4096 + i * 64, base + 1536, 50, 1, 1, NULL, 0);
    for (uint64_t i = 0; i < records; i++)
        all[i] = (struct pyr_snapshot_edge){base + (1 << 20) + i * stride, 0, PYR_EDGE_ITEM};
    put(base + 2048, base + 1024, 56 + 8 * records, records, 1, all, records);
    put(base, base, 1064, PYR_SNAPSHOT_NO_COUNT, 1, NULL, 0);
    pyr_snapshot_writer_root(writer, &(struct pyr_snapshot_root){.object = base + 2048});
    free(all);
}

/* ---- timing ---- */

struct moment {
    uint64_t wall_ns, cpu_ns;
};

static struct moment now(void)
{
    return (struct moment){.wall_ns = pyr_now_ns(), .cpu_ns = pyr_process_cpu_ns()};
}

static void print_phase(const char *name, struct moment from, struct moment to, double objects)
{
    printf("%s_ns %.1f\n%s_cpu_ns %.1f\n", name, (double)(to.wall_ns - from.wall_ns) / objects, name,
           (double)(to.cpu_ns - from.cpu_ns) / objects);
}

static uint64_t anonymous_kib(void)
{
    char line[128];
    uint64_t kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "RssAnon: %" SCNu64, &kib);
    if (status)
        fclose(status);
    return kib;
}

static _Atomic int watching;
static _Atomic uint64_t peak_kib;

static void *watch(void *nothing)
{
    while (watching) {
        uint64_t kib = anonymous_kib();
        if (kib > peak_kib)
            peak_kib = kib;
        usleep(5000);
    }
    return nothing;
}

static int fail(const struct pyr_err *err)
{
    fprintf(stderr, "bench_heap: %s\n", err->text);
    return 1;
}

static int measure(uint64_t objects, const char *path)
{
    struct pyr_err err = {0};
    struct pyr_snapshot *snapshot;
    struct pyr_graph *graph;
    pthread_t watcher;
    struct moment start = now();
    if (pyr_snapshot_writer_open(&writer, path, true, &err) < 0)
        return fail(&err);
    body_text = pyr_snapshot_writer_text(writer, "body", 4);
    links_text = pyr_snapshot_writer_text(writer, "links", 5);
    make(objects);
    struct moment made = now();
    uint64_t writer_kib = anonymous_kib();
    if (pyr_snapshot_writer_finish(writer, &(struct pyr_snapshot_facts){.pid = 1}, &err) < 0)
        return fail(&err);
    struct moment finished = now();
    uint64_t before_kib = anonymous_kib();
    watching = 1;
    pthread_create(&watcher, NULL, watch, NULL);
    struct moment opening = now();
    if (pyr_snapshot_open(&snapshot, path, &err) < 0)
        return fail(&err);
    struct moment opened = now();
    if (pyr_graph_open(&graph, snapshot, &err) < 0)
        return fail(&err);
    struct moment graphed = now();
    watching = 0;
    pthread_join(watcher, NULL);
    double n = snapshot->objects;
    printf("objects %u\nreferences %u\nfile_bytes %.1f\n", snapshot->objects, snapshot->edges,
           (double)snapshot->map_size / n);
    print_phase("collect", start, made, n);
    print_phase("finish", made, finished, n);
    print_phase("open", opening, opened, n);
    print_phase("graph", opened, graphed, n);
    printf("writer_bytes %.1f\ngraph_bytes %.1f\n", (double)writer_kib * 1024 / n,
           (double)(peak_kib - before_kib) * 1024 / n);
    printf("whole %d\n", graph->retained[pyr_snapshot_at(snapshot, base + 2048)] == graph->bytes);
    pyr_graph_close(graph);
    pyr_snapshot_close(snapshot);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: bench_heap OBJECTS records|linked PATH\n", stderr);
        return 2;
    }
    linked = !strcmp(argv[2], "linked");
    return measure(strtoull(argv[1], NULL, 10), argv[3]);
}
