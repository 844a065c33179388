#include "report/heap/heap.h"

#include "base/alloc.h"
#include "base/parallel.h"
#include "report/report.h"
#include "report/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int pyr_heap_no_memory(struct pyr_heap *heap)
{
    return pyr_err_set(heap->err, PYR_E_NOMEM, "not enough memory for a heap of %u objects", heap->snapshot->objects);
}

int pyr_heap_open(struct pyr_heap *heap, const char *path, const struct pyr_heap_report_options *options, FILE *out,
                  struct pyr_err *err)
{
    *heap = (struct pyr_heap){
        .options = options, .out = out, .err = err, .snapshot = options->open, .borrowed = options->open != NULL};
    int rc = options->open ? 0 : pyr_snapshot_open(&heap->snapshot, path, err);
    if (rc == 0)
        rc = pyr_graph_open(&heap->graph, heap->snapshot, err);
    if (rc < 0)
        pyr_heap_close(heap);
    return rc;
}

void pyr_heap_close(struct pyr_heap *heap)
{
    pyr_children_release(&heap->children);
    pyr_paths_release(&heap->paths);
    pyr_graph_close(heap->graph);
    if (!heap->borrowed)
        pyr_snapshot_close(heap->snapshot);
    for (unsigned i = 0; i < PYR_HEAP_NAMES; i++)
        pyr_buf_release(&heap->names[i]);
    *heap = (struct pyr_heap){0};
}

int pyr_heap_need_children(struct pyr_heap *heap)
{
    return heap->children.at || pyr_children_make(&heap->children, heap->graph) == 0 ? 0 : pyr_heap_no_memory(heap);
}

int pyr_heap_need_paths(struct pyr_heap *heap)
{
    return heap->paths.from || pyr_paths_make(&heap->paths, heap->graph) == 0 ? 0 : pyr_heap_no_memory(heap);
}

struct making {
    struct pyr_heap *heap;
    int rc[2];
};

static void make_one(void *context, unsigned part, size_t from, size_t to)
{
    struct making *making = context;
    struct pyr_heap *heap = making->heap;
    (void)part;
    for (size_t i = from; i < to; i++)
        if (i == 0 && !heap->children.at)
            making->rc[0] = pyr_children_make(&heap->children, heap->graph);
        else if (i == 1 && !heap->paths.from)
            making->rc[1] = pyr_paths_make(&heap->paths, heap->graph);
}

int pyr_heap_need_children_and_paths(struct pyr_heap *heap)
{
    struct making making = {.heap = heap};
    pyr_parallel(2, make_one, &making);
    return making.rc[0] < 0 || making.rc[1] < 0 ? pyr_heap_no_memory(heap) : 0;
}

/* ---- names ---- */

static struct pyr_buf *new_name(struct pyr_heap *heap)
{
    struct pyr_buf *name = &heap->names[heap->next_name++ % PYR_HEAP_NAMES];
    pyr_buf_clear(name);
    return name;
}

/* NUL-terminated, control characters replaced in place. */
static const char *finish_name(struct pyr_buf *name)
{
    pyr_buf_u8(name, 0);
    if (name->failed)
        return "?";
    char *text = (char *)name->bytes;
    for (size_t i = 0; i + 1 < name->size; i++)
        if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
        else if ((uint8_t)text[i] == 0xc2 && (uint8_t)text[i + 1] < 0xa0 && (uint8_t)text[i + 1] >= 0x80)
            text[i] = text[i + 1] = '?';
    return text;
}

const char *pyr_heap_type(struct pyr_heap *heap, uint32_t type)
{
    struct pyr_buf *name = new_name(heap);
    pyr_name_type(heap->snapshot, type, name);
    return finish_name(name);
}

const char *pyr_heap_object(struct pyr_heap *heap, uint32_t object)
{
    struct pyr_buf *name = new_name(heap);
    pyr_name_object(heap->snapshot, object, name);
    return finish_name(name);
}

const char *pyr_heap_path(struct pyr_heap *heap, uint32_t object)
{
    struct pyr_buf *name = new_name(heap);
    pyr_paths_name(&heap->paths, object, name);
    return finish_name(name);
}

const char *pyr_heap_root(struct pyr_heap *heap, uint32_t object)
{
    struct pyr_buf *name = new_name(heap);
    const struct pyr_graph_root *root = pyr_paths_root(&heap->paths, object);
    if (root)
        pyr_name_root(heap->snapshot, root, name);
    return finish_name(name);
}

const char *pyr_heap_step(struct pyr_heap *heap, uint32_t from, uint32_t to, enum pyr_name_state *state)
{
    struct pyr_buf *name = new_name(heap);
    struct pyr_edge_cursor edge = {0};
    while (pyr_snapshot_next_edge(heap->snapshot, from, &edge))
        if (edge.to == to) {
            pyr_name_step(heap->snapshot, from, &edge, state, name);
            break;
        }
    return finish_name(name);
}

const char *pyr_heap_string(struct pyr_heap *heap, const char *bytes, size_t size)
{
    struct pyr_buf *name = new_name(heap);
    pyr_buf_append(name, bytes, size);
    return finish_name(name);
}

const char *pyr_heap_text(struct pyr_heap *heap, pyr_snapshot_text text)
{
    struct pyr_snapshot_string string = pyr_snapshot_string(heap->snapshot, text);
    return pyr_heap_string(heap, string.bytes, string.size);
}

const char *pyr_heap_site(struct pyr_heap *heap, uint32_t site)
{
    struct pyr_buf *name = new_name(heap);
    char line[16];
    if (site) {
        const struct pyr_snapshot_site *row = &heap->snapshot->site_rows[site - 1];
        struct pyr_snapshot_string file = pyr_snapshot_string(heap->snapshot, row->file);
        int size = snprintf(line, sizeof line, ":%" PRIu32, row->line);
        pyr_buf_append(name, file.bytes, file.size);
        pyr_buf_append(name, line, (size_t)size);
    }
    return finish_name(name);
}

/* ---- figures ---- */

const char *pyr_heap_bytes(char figure[PYR_FIGURE], uint64_t bytes)
{
    pyr_text_bytes(figure, PYR_FIGURE, bytes);
    return figure;
}

const char *pyr_heap_count(char figure[PYR_FIGURE], uint64_t count)
{
    if (count < 10000)
        snprintf(figure, PYR_FIGURE, "%" PRIu64, count);
    else if (count < 999950)
        snprintf(figure, PYR_FIGURE, "%.1f k", (double)count / 1e3);
    else
        snprintf(figure, PYR_FIGURE, "%.1f M", (double)count / 1e6);
    return figure;
}

unsigned pyr_heap_limit(const struct pyr_heap *heap, unsigned usual)
{
    return heap->options->limit ? heap->options->limit : usual;
}

double pyr_heap_share(const struct pyr_heap *heap, uint64_t bytes)
{
    return heap->graph->bytes ? 100.0 * (double)bytes / (double)heap->graph->bytes : 0;
}

void pyr_heap_heading(struct pyr_heap *heap, const char *text)
{
    fprintf(heap->out, heap->options->colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", text);
}

static void write_taken(struct pyr_heap *heap)
{
    const struct pyr_snapshot_facts *facts = heap->snapshot->facts;
    char text[40], pause[PYR_FIGURE];
    time_t seconds = (time_t)(facts->taken_ns / 1000000000u);
    struct tm utc;
    if (!facts->taken_ns || !gmtime_r(&seconds, &utc))
        return;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    pyr_text_seconds(pause, sizeof pause, (double)facts->pause_ns * 1e-9);
    if (facts->source == PYR_SNAPSHOT_IMAGE)
        fprintf(heap->out, "  from a core file of %s\n", text);
    else
        fprintf(heap->out, "  taken %s; the process stood still for %s\n", text, pause);
}

void pyr_heap_write_summary(struct pyr_heap *heap)
{
    const struct pyr_snapshot_facts *facts = heap->snapshot->facts;
    const struct pyr_graph *graph = heap->graph;
    char objects[PYR_FIGURE], bytes[PYR_FIGURE], resident[PYR_FIGURE];
    fprintf(heap->out, "Heap of process %" PRIu64, facts->pid);
    if (pyr_snapshot_string(heap->snapshot, facts->command).size)
        fprintf(heap->out, " (%s)", pyr_heap_text(heap, facts->command));
    fprintf(heap->out, "  ·  Python %s\n  %s objects of %s", pyr_heap_text(heap, facts->python),
            pyr_heap_count(objects, graph->objects), pyr_heap_bytes(bytes, graph->bytes));
    if (facts->rss_bytes)
        fprintf(heap->out, "; resident memory %s", pyr_heap_bytes(resident, facts->rss_bytes));
    if (graph->reachable < graph->objects)
        fprintf(heap->out, "; %s objects of %s are garbage", pyr_heap_count(objects, graph->objects - graph->reachable),
                pyr_heap_bytes(bytes, graph->bytes - graph->reachable_bytes));
    fputc('\n', heap->out);
    write_taken(heap);
    if (facts->objects_torn || facts->edges_dangling)
        fprintf(heap->out, "  %" PRIu64 " objects could not be read; %" PRIu64 " references lead to what is none\n",
                facts->objects_torn, facts->edges_dangling);
}

/* ---- what is asked for ---- */

bool pyr_heap_is_address(const char *text)
{
    return text[0] == '0' && (text[1] | 0x20) == 'x';
}

int pyr_heap_find(struct pyr_heap *heap, const char *address, uint32_t *object)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(address, &end, 16);
    uint32_t found = *end || errno ? PYR_SNAPSHOT_NONE : pyr_snapshot_at(heap->snapshot, value);
    if (found == PYR_SNAPSHOT_NONE)
        return pyr_err_set(heap->err, PYR_E_NOT_FOUND, "the snapshot has no object at '%.40s'", address);
    *object = found;
    return 0;
}

/* ---- the public function ---- */

static int write_view(struct pyr_heap *heap)
{
    switch (heap->options->view) {
#define WRITE(view, name)                                                                                              \
    case PYR_HEAP_##view:                                                                                              \
        return pyr_heap_write_##name(heap);
        PYR_HEAP_WRITERS(WRITE)
#undef WRITE
    default:
        return pyr_err_set(heap->err, PYR_E_MISUSE, "there is no such view of a heap");
    }
}

int pyr_heap_report(const char *snapshot, const struct pyr_heap_report_options *options, FILE *out, struct pyr_err *err)
{
    struct pyr_heap heap;
    /* Before the work of opening a big one. */
    int rc = options->view == PYR_HEAP_QUERY ? pyr_heap_check_query(options->what, err) : 0;
    if (rc == 0)
        rc = pyr_heap_open(&heap, snapshot, options, out, err);
    if (rc < 0)
        return rc;
    rc = write_view(&heap);
    if (rc == 0 && (fflush(out) != 0 || ferror(out)))
        rc = pyr_err_set(err, PYR_E_IO, "the report could not be written: %s", strerror(errno));
    pyr_heap_close(&heap);
    return rc;
}

bool pyr_heap_is_snapshot(const char *path)
{
    return pyr_snapshot_is(path);
}
