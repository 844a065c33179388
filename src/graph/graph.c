#include "graph/graph.h"

#include "base/alloc.h"
#include "graph/private.h"
#include "graph/site_vote.h"

int pyr_graph_open(struct pyr_graph **out, const struct pyr_snapshot *snapshot, struct pyr_err *err)
{
    struct pyr_search search = {0};
    struct pyr_graph *graph = pyr_alloc(sizeof *graph);
    if (!graph)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    *graph = (struct pyr_graph){.snapshot = snapshot, .objects = snapshot->objects};
    graph->site_lines = pyr_site_lines_make(snapshot);
    int rc = graph->site_lines ? pyr_graph_find_roots(graph) : PYR_E_NOMEM;
    if (rc == 0)
        rc = pyr_graph_search(graph, &search);
    if (rc == 0)
        rc = pyr_graph_dominate(graph, &search);
    if (rc < 0) {
        pyr_graph_close(graph);
        return pyr_err_set(err, rc, "not enough memory for a graph of %u objects", snapshot->objects);
    }
    *out = graph;
    return 0;
}

void pyr_graph_close(struct pyr_graph *graph)
{
    if (!graph)
        return;
    pyr_free(graph->dominator);
    pyr_free(graph->retained);
    pyr_free(graph->site_lines);
    pyr_vec_release(&graph->roots);
    pyr_free(graph);
}
