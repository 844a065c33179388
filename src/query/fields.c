/* What can be asked of an object. docs/heap-snapshot.md has the same table in words. */
#include "query/private.h"

typedef struct pyr_query_value value;

static value none(void)
{
    return (value){0};
}

static value text_or_none(const struct pyr_snapshot *snapshot, pyr_snapshot_text text)
{
    struct pyr_snapshot_string string = pyr_snapshot_string(snapshot, text);
    return string.size ? pyr_query_string(string.bytes, string.size) : none();
}

static value count_or_none(uint64_t count)
{
    return count == PYR_SNAPSHOT_NO_COUNT ? none() : pyr_query_integer(count);
}

static value get_address(const struct pyr_query_run *run, uint32_t object)
{
    return pyr_query_integer(run->snapshot->address[object]);
}

static value get_type(const struct pyr_query_run *run, uint32_t object)
{
    return run->type_names[pyr_graph_type(run->graph, object)];
}

static value get_module(const struct pyr_query_run *run, uint32_t object)
{
    return text_or_none(run->snapshot, run->snapshot->type_rows[pyr_graph_type(run->graph, object)].module);
}

static value get_size(const struct pyr_query_run *run, uint32_t object)
{
    return pyr_query_integer(pyr_graph_size(run->graph, object));
}

static value get_retained(const struct pyr_query_run *run, uint32_t object)
{
    return pyr_query_integer(run->graph->retained[object]);
}

static value get_len(const struct pyr_query_run *run, uint32_t object)
{
    return count_or_none(pyr_snapshot_form(run->snapshot, object)->length);
}

static value get_capacity(const struct pyr_query_run *run, uint32_t object)
{
    return count_or_none(pyr_snapshot_form(run->snapshot, object)->capacity);
}

static value get_refs(const struct pyr_query_run *run, uint32_t object)
{
    bool immortal = pyr_snapshot_form(run->snapshot, object)->flags & PYR_SNAPSHOT_IMMORTAL;
    return immortal ? none() : pyr_query_integer(run->snapshot->references[object]);
}

static value get_gen(const struct pyr_query_run *run, uint32_t object)
{
    uint8_t generation = pyr_snapshot_form(run->snapshot, object)->generation;
    return generation == PYR_SNAPSHOT_UNTRACKED ? none() : pyr_query_integer(generation);
}

static value get_text(const struct pyr_query_run *run, uint32_t object)
{
    return text_or_none(run->snapshot, run->snapshot->text[object]);
}

static value get_name(const struct pyr_query_run *run, uint32_t object)
{
    (void)run;
    return (value){.kind = PYR_QUERY_OBJECT, .object = object};
}

static value get_owner(const struct pyr_query_run *run, uint32_t object)
{
    return (value){.kind = PYR_QUERY_OBJECT, .object = run->graph->dominator[object]};
}

static value get_garbage(const struct pyr_query_run *run, uint32_t object)
{
    return pyr_query_bool(run->graph->dominator[object] == PYR_GRAPH_GARBAGE);
}

/* ---- where it was allocated ---- */

static uint32_t site_of(const struct pyr_query_run *run, uint32_t object)
{
    return run->snapshot->site ? run->snapshot->site[object] : 0;
}

static value get_site(const struct pyr_query_run *run, uint32_t object)
{
    uint32_t site = site_of(run, object);
    return site ? run->site_names[site - 1] : none();
}

static value get_file(const struct pyr_query_run *run, uint32_t object)
{
    uint32_t site = site_of(run, object);
    return site ? text_or_none(run->snapshot, run->snapshot->site_rows[site - 1].file) : none();
}

static value get_line(const struct pyr_query_run *run, uint32_t object)
{
    uint32_t site = site_of(run, object);
    return site ? pyr_query_integer(run->snapshot->site_rows[site - 1].line) : none();
}

static value get_function(const struct pyr_query_run *run, uint32_t object)
{
    uint32_t site = site_of(run, object);
    return site ? text_or_none(run->snapshot, run->snapshot->site_rows[site - 1].function) : none();
}

const struct pyr_query_field pyr_query_fields[PYR_QUERY_FIELDS] = {
    {"address", PYR_TYPE_NUMBER, PYR_QUERY_ADDRESS, false, get_address},
    {"type", PYR_TYPE_TEXT, PYR_QUERY_PLAIN, false, get_type},
    {"module", PYR_TYPE_TEXT, PYR_QUERY_PLAIN, false, get_module},
    {"size", PYR_TYPE_NUMBER, PYR_QUERY_BYTES, false, get_size},
    {"retained", PYR_TYPE_NUMBER, PYR_QUERY_BYTES, false, get_retained},
    {"len", PYR_TYPE_NUMBER, PYR_QUERY_PLAIN, false, get_len},
    {"capacity", PYR_TYPE_NUMBER, PYR_QUERY_PLAIN, false, get_capacity},
    {"refs", PYR_TYPE_NUMBER, PYR_QUERY_PLAIN, false, get_refs},
    {"gen", PYR_TYPE_NUMBER, PYR_QUERY_PLAIN, false, get_gen},
    {"text", PYR_TYPE_TEXT, PYR_QUERY_PLAIN, false, get_text},
    {"name", PYR_TYPE_TEXT, PYR_QUERY_PLAIN, true, get_name},
    {"owner", PYR_TYPE_TEXT, PYR_QUERY_PLAIN, true, get_owner},
    {"garbage", PYR_TYPE_CONDITION, PYR_QUERY_PLAIN, false, get_garbage},
    {"site", PYR_TYPE_TEXT, PYR_QUERY_PLAIN, false, get_site},
    {"file", PYR_TYPE_TEXT, PYR_QUERY_PLAIN, false, get_file},
    {"line", PYR_TYPE_NUMBER, PYR_QUERY_PLAIN, false, get_line},
    {"function", PYR_TYPE_TEXT, PYR_QUERY_PLAIN, false, get_function},
};

const char *const pyr_query_functions[PYR_FUNCTIONS] = {
    [PYR_COUNT] = "count", [PYR_SUM] = "sum", [PYR_MIN] = "min", [PYR_MAX] = "max", [PYR_AVG] = "avg"};
