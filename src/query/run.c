#include "base/alloc.h"
#include "query/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX                                                                                                      \
    ((size_t)256 << 20) /* bytes of the names of types and sites: a hostile file has few texts, and many               \
                         * types of each */

/* ---- the query ---- */

int pyr_query_open(struct pyr_query **out, const char *text, struct pyr_err *err)
{
    if (strlen(text) > PYR_QUERY_TEXT_MAX)
        return pyr_err_set(err, PYR_E_MISUSE, "the query is too long; it may have %d bytes", PYR_QUERY_TEXT_MAX);
    struct pyr_query *query = pyr_alloc(sizeof *query);
    if (!query)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    query->where = PYR_QUERY_NO_NODE;
    query->text = pyr_arena_dup(&query->arena, text, strlen(text));
    int rc = query->text ? pyr_query_parse(query, err) : pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    if (rc == 0)
        rc = pyr_query_check(query, err);
    if (rc < 0) {
        pyr_query_close(query);
        return rc;
    }
    *out = query;
    return 0;
}

void pyr_query_close(struct pyr_query *query)
{
    if (!query)
        return;
    pyr_arena_release(&query->arena);
    pyr_free(query);
}

bool pyr_query_needs_paths(const struct pyr_query *query)
{
    return query->needs_paths;
}

uint32_t pyr_query_columns(const struct pyr_query *query)
{
    return query->column_count;
}

const char *pyr_query_column(const struct pyr_query *query, uint32_t column, enum pyr_query_unit *unit)
{
    *unit = query->nodes[query->columns[column].node].unit;
    return query->columns[column].label;
}

/* ---- names of types and sites ---- */

static int no_memory(struct pyr_query_run *run)
{
    return pyr_err_set(run->err, PYR_E_NOMEM, "not enough memory to ask a heap of %u objects", run->snapshot->objects);
}

static int keep_name(struct pyr_query_run *run, struct pyr_buf *name, struct pyr_query_value *value)
{
    run->text_bytes += name->size;
    if (run->text_bytes > NAMES_MAX)
        return pyr_err_set(run->err, PYR_E_LIMIT, "the names of the snapshot's types and lines are too long");
    const char *kept = name->failed ? NULL : pyr_arena_dup(&run->texts, name->bytes, name->size);
    if (!kept)
        return no_memory(run);
    *value = pyr_query_string(kept, name->size);
    pyr_buf_clear(name);
    return 0;
}

static int name_types(struct pyr_query_run *run)
{
    struct pyr_buf name = {0};
    int rc = 0;
    run->type_names = pyr_alloc(((size_t)run->snapshot->types + 1) * sizeof *run->type_names);
    if (!run->type_names)
        return no_memory(run);
    for (uint32_t i = 0; rc == 0 && i < run->snapshot->types; i++) {
        pyr_name_type(run->snapshot, i, &name);
        rc = keep_name(run, &name, &run->type_names[i]);
    }
    pyr_buf_release(&name);
    return rc;
}

static int name_sites(struct pyr_query_run *run)
{
    struct pyr_buf name = {0};
    int rc = 0;
    run->site_names = pyr_alloc(((size_t)run->snapshot->sites + 1) * sizeof *run->site_names);
    if (!run->site_names)
        return no_memory(run);
    for (uint32_t i = 0; rc == 0 && i < run->snapshot->sites; i++) {
        const struct pyr_snapshot_site *site = &run->snapshot->site_rows[i];
        struct pyr_snapshot_string file = pyr_snapshot_string(run->snapshot, site->file);
        char line[16];
        int size = snprintf(line, sizeof line, ":%" PRIu32, site->line);
        pyr_buf_append(&name, file.bytes, file.size);
        pyr_buf_append(&name, line, (size_t)size);
        rc = keep_name(run, &name, &run->site_names[i]);
    }
    pyr_buf_release(&name);
    return rc;
}

/* ---- from ---- */

/* By its whole name, or by that without its module. */
static bool is_called(const struct pyr_query_run *run, uint32_t type, struct pyr_query_value name)
{
    struct pyr_snapshot_string own = pyr_snapshot_string(run->snapshot, run->snapshot->type_rows[type].name);
    return pyr_query_compare(run->type_names[type], name) == 0 ||
           (own.size == name.size && (!own.size || !memcmp(own.bytes, name.text, own.size)));
}

static int find_types(struct pyr_query_run *run)
{
    const struct pyr_query *query = run->query;
    if (!query->type_count)
        return 0;
    run->wanted_types = pyr_alloc(((size_t)run->snapshot->types + 1) * sizeof *run->wanted_types);
    if (!run->wanted_types)
        return no_memory(run);
    for (uint32_t t = 0; t < query->type_count; t++) {
        bool any = false;
        for (uint32_t i = 0; i < run->snapshot->types; i++)
            if (is_called(run, i, query->types[t]))
                any = run->wanted_types[i] = true;
        if (!any) {
            uint32_t size = query->types[t].size;
            pyr_query_wrong(query, query->types_at[t], run->err,
                            "the snapshot has no type '%.*s'; --census lists those that it has",
                            size > 100 ? 100 : (int)size, query->types[t].text);
            if (run->err)
                run->err->status = PYR_E_NOT_FOUND;
            return PYR_E_NOT_FOUND;
        }
    }
    return 0;
}

/* ---- the pass ---- */

static bool is_wanted(struct pyr_query_run *run, uint32_t object)
{
    const struct pyr_query_scope scope = {.run = run, .object = object};
    if (run->wanted_types && !run->wanted_types[pyr_graph_type(run->graph, object)])
        return false;
    return run->query->where == PYR_QUERY_NO_NODE || pyr_query_true(pyr_query_evaluate(&scope, run->query->where));
}

static int pass(struct pyr_query_run *run, struct pyr_query_groups *groups, struct pyr_query_rows *rows)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < run->snapshot->objects; i++) {
        const struct pyr_query_scope scope = {.run = run, .object = i};
        if (is_wanted(run, i))
            rc = run->query->grouped ? pyr_query_groups_add(groups, run, i) : pyr_query_rows_add(rows, &scope, i);
    }
    if (rc == 0 && run->query->grouped)
        rc = pyr_query_groups_at_least_one(groups, run) < 0 ? no_memory(run) : 0;
    for (uint32_t i = 0; rc == 0 && i < groups->count; i++) {
        const struct pyr_query_scope scope = pyr_query_group(groups, run, i);
        rc = pyr_query_rows_add(rows, &scope, i);
    }
    return rc;
}

static int fill(struct pyr_query_answer *answer, struct pyr_query_run *run, const struct pyr_query_groups *groups,
                const struct pyr_query_rows *rows)
{
    const struct pyr_query *query = run->query;
    uint32_t columns = query->column_count, count = (uint32_t)rows->items.count;
    struct pyr_query_value *values = pyr_alloc(((size_t)count * columns + 1) * sizeof *values);
    if (!values)
        return no_memory(run);
    for (uint32_t r = 0; r < count; r++) {
        uint32_t id = PYR_VEC_AT(&rows->items, struct pyr_query_row, r)->id;
        const struct pyr_query_scope scope =
            query->grouped ? pyr_query_group(groups, run, id) : (struct pyr_query_scope){.run = run, .object = id};
        for (uint32_t c = 0; c < columns; c++)
            values[(size_t)r * columns + c] = pyr_query_evaluate(&scope, query->columns[c].node);
    }
    *answer = (struct pyr_query_answer){
        .values = values, .rows = count, .columns = columns, .found = rows->found, .texts = run->texts};
    run->texts = (struct pyr_arena){0};
    return 0;
}

static void run_release(struct pyr_query_run *run)
{
    pyr_free(run->type_names);
    pyr_free(run->site_names);
    pyr_free(run->wanted_types);
    pyr_arena_release(&run->texts);
}

static uint32_t limit_of(const struct pyr_query *query, uint32_t usual)
{
    uint32_t limit = query->limit ? query->limit : usual;
    return limit > PYR_QUERY_LIMIT_MAX ? PYR_QUERY_LIMIT_MAX : limit ? limit : 1;
}

int pyr_query_run(struct pyr_query_answer *answer, const struct pyr_query *query, const struct pyr_graph *graph,
                  uint32_t usual_limit, struct pyr_err *err)
{
    struct pyr_query_run run = {
        .query = query, .graph = graph, .snapshot = graph->snapshot, .limit = limit_of(query, usual_limit), .err = err};
    struct pyr_query_groups groups = {0};
    struct pyr_query_rows rows = {0};
    int rc = name_types(&run);
    if (rc == 0 && query->needs_sites)
        rc = name_sites(&run);
    if (rc == 0)
        rc = find_types(&run);
    if (rc == 0)
        rc = pass(&run, &groups, &rows);
    if (rc == 0) {
        pyr_query_rows_sort(&rows, query);
        rc = fill(answer, &run, &groups, &rows);
    }
    pyr_query_rows_release(&rows);
    pyr_query_groups_release(&groups);
    run_release(&run);
    return rc;
}

void pyr_query_answer_release(struct pyr_query_answer *answer)
{
    pyr_free(answer->values);
    pyr_arena_release(&answer->texts);
    *answer = (struct pyr_query_answer){0};
}
