/* Private to report/heap: what a view is given, and what views share. One file per view. */
#ifndef PYR_REPORT_HEAP_HEAP_H
#define PYR_REPORT_HEAP_HEAP_H

#include "graph/census.h"
#include "graph/children.h"
#include "graph/paths.h"
#include "graph/suspects.h"
#include "pyrometer/heap.h"

enum { PYR_HEAP_NAMES = 4 };

struct pyr_heap {
    struct pyr_snapshot *snapshot;
    bool borrowed; /* the snapshot: that of options */
    struct pyr_graph *graph;
    const struct pyr_heap_report_options *options;
    FILE *out;
    struct pyr_err *err;
    struct pyr_children children; /* made when first needed */
    struct pyr_paths paths;       /* likewise */
    struct pyr_buf names[PYR_HEAP_NAMES];
    unsigned next_name;
};

int pyr_heap_open(struct pyr_heap *heap, const char *path, const struct pyr_heap_report_options *options, FILE *out,
                  struct pyr_err *err);
void pyr_heap_close(struct pyr_heap *heap);

int pyr_heap_need_children(struct pyr_heap *heap);               /* PYR_E_NOMEM, described */
int pyr_heap_need_paths(struct pyr_heap *heap);                  /* likewise */
int pyr_heap_need_children_and_paths(struct pyr_heap *heap);     /* both, at the same time */
int pyr_heap_check_query(const char *text, struct pyr_err *err); /* PYR_E_MISUSE, described */
int pyr_heap_no_memory(struct pyr_heap *heap);                   /* describes and returns PYR_E_NOMEM */

/* Every view: pyr_heap_write_NAME, in a file of its own, writes it and returns 0 or a negative status. */
#define PYR_HEAP_WRITERS(X)                                                                                            \
    X(OVERVIEW, overview)                                                                                              \
    X(CENSUS, census)                                                                                                  \
    X(SUSPECTS, suspects)                                                                                              \
    X(TOP, top)                                                                                                        \
    X(DOMINATORS, dominators)                                                                                          \
    X(PATHS, paths)                                                                                                    \
    X(CYCLES, cycles)                                                                                                  \
    X(DUPLICATES, duplicates)                                                                                          \
    X(CONTAINERS, containers)                                                                                          \
    X(ARENAS, arenas)                                                                                                  \
    X(GC, gc)                                                                                                          \
    X(DOT, dot)                                                                                                        \
    X(JSON, json)                                                                                                      \
    X(QUERY, query)

#define PYR_HEAP_WRITER(view, name) int pyr_heap_write_##name(struct pyr_heap *heap);
PYR_HEAP_WRITERS(PYR_HEAP_WRITER)
#undef PYR_HEAP_WRITER

/* ---- names: fit to be shown, NUL-terminated; valid until three others were asked for ---- */

const char *pyr_heap_type(struct pyr_heap *heap, uint32_t type);
const char *pyr_heap_object(struct pyr_heap *heap, uint32_t object);
const char *pyr_heap_path(struct pyr_heap *heap, uint32_t object); /* as Python would write it; needs paths */
const char *pyr_heap_root(struct pyr_heap *heap, uint32_t object);
const char *pyr_heap_step(struct pyr_heap *heap, uint32_t from, uint32_t to, enum pyr_name_state *state);
const char *pyr_heap_site(struct pyr_heap *heap, uint32_t site); /* "app/views.py:88"; "" for 0 */
const char *pyr_heap_text(struct pyr_heap *heap, pyr_snapshot_text text);
const char *pyr_heap_string(struct pyr_heap *heap, const char *bytes, size_t size);

/* ---- figures ---- */

enum { PYR_FIGURE = 24 };
const char *pyr_heap_bytes(char figure[PYR_FIGURE], uint64_t bytes); /* "12.3 MiB" */
const char *pyr_heap_count(char figure[PYR_FIGURE], uint64_t count); /* "812", "12.3 k", "1.2 M" */
unsigned pyr_heap_limit(const struct pyr_heap *heap, unsigned usual);
double pyr_heap_share(const struct pyr_heap *heap, uint64_t bytes); /* of all bytes, in percent */

void pyr_heap_heading(struct pyr_heap *heap, const char *text);
void pyr_heap_write_summary(struct pyr_heap *heap); /* whose heap, how big, how true: the first lines of every text */

/* ---- sections of the overview; without the summary ---- */

int pyr_heap_write_types_alone(struct pyr_heap *heap, unsigned limit);
void pyr_heap_write_top_alone(struct pyr_heap *heap, unsigned limit); /* needs paths */

/* ---- owners ---- */

/* A module, or a module's dict; needs paths. */
bool pyr_heap_is_namespace(const struct pyr_heap *heap, uint32_t object);

/* Calls visit for what the roots lead to first, below modules and their dicts, with what it retains. Ends when visit
 * returns a negative status, which is returned; else 0, PYR_E_NOMEM. */
typedef int pyr_heap_owner_object(void *context, uint32_t object, uint64_t retained);
int pyr_heap_each_owner(struct pyr_heap *heap, pyr_heap_owner_object *visit, void *context);

/* The same by name; small ones go by one name, again and again. */
typedef int pyr_heap_owner(void *context, const char *name, uint64_t retained);
int pyr_heap_owners(struct pyr_heap *heap, pyr_heap_owner *visit, void *context);

/* ---- objects that are asked for ---- */

bool pyr_heap_is_address(const char *text);

/* The object at "0x…"; PYR_E_NOT_FOUND, described. */
int pyr_heap_find(struct pyr_heap *heap, const char *address, uint32_t *object);

#endif
