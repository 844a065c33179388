/* What the variables of a closure are called: the last of the names that its code has are those of its cells. */
#include "graph/paths.h"

#include <string.h>

static bool is_type(const struct pyr_snapshot *snapshot, uint32_t object, const char *name)
{
    const struct pyr_snapshot_type_row *row = &snapshot->type_rows[pyr_snapshot_form(snapshot, object)->type];
    struct pyr_snapshot_string type = pyr_snapshot_string(snapshot, row->name);
    return type.size == strlen(name) && memcmp(type.bytes, name, type.size) == 0;
}

/* What the member of that name refers to. NONE: there is none. */
static uint32_t member(const struct pyr_snapshot *snapshot, uint32_t object, const char *name)
{
    struct pyr_edge_cursor edge = {0};
    while (pyr_snapshot_next_edge(snapshot, object, &edge)) {
        struct pyr_snapshot_string label = pyr_snapshot_string(snapshot, edge.label);
        if (label.size == strlen(name) && memcmp(label.bytes, name, label.size) == 0)
            return edge.to;
    }
    return PYR_SNAPSHOT_NONE;
}

static uint32_t count_items(const struct pyr_snapshot *snapshot, uint32_t tuple)
{
    return snapshot->edges_at[tuple + 1] - snapshot->edges_at[tuple];
}

static uint32_t names_of(const struct pyr_snapshot *snapshot, uint32_t function)
{
    uint32_t code = member(snapshot, function, "__code__"), names = PYR_SNAPSHOT_NONE;
    if (code != PYR_SNAPSHOT_NONE)
        names = member(snapshot, code, "co_freevars");
    if (code != PYR_SNAPSHOT_NONE && names == PYR_SNAPSHOT_NONE)
        names = member(snapshot, code, "co_localsplusnames");
    return names != PYR_SNAPSHOT_NONE && is_type(snapshot, names, "tuple") ? names : PYR_SNAPSHOT_NONE;
}

bool pyr_name_closure(const struct pyr_snapshot *snapshot, uint32_t function, uint32_t closure,
                      const struct pyr_edge_cursor *edge, enum pyr_name_state *state, struct pyr_buf *name)
{
    if ((edge->kind & PYR_EDGE_KIND_MASK) != PYR_EDGE_ITEM || !is_type(snapshot, function, "function") ||
        !is_type(snapshot, closure, "tuple") || edge->to == PYR_SNAPSHOT_NONE || !is_type(snapshot, edge->to, "cell"))
        return false;
    uint32_t names = names_of(snapshot, function), cells = count_items(snapshot, closure);
    if (names == PYR_SNAPSHOT_NONE || count_items(snapshot, names) < cells || edge->nth >= cells)
        return false;
    uint32_t variable = snapshot->edge[snapshot->edges_at[names + 1] - cells + edge->nth];
    if (variable == PYR_SNAPSHOT_NONE || !is_type(snapshot, variable, "str"))
        return false;
    struct pyr_snapshot_string text = pyr_snapshot_string(snapshot, snapshot->text[variable]);
    pyr_buf_append(name, ".<", 2);
    pyr_buf_append(name, text.bytes, text.size);
    pyr_buf_append(name, ">", 1);
    *state = PYR_NAME_CELL;
    return true;
}
