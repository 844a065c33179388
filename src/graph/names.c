#include "graph/paths.h"

#include "record/snapshot_number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct pyr_buf *name, const char *text)
{
    pyr_buf_append(name, text, strlen(text));
}

static void put_text(const struct pyr_snapshot *snapshot, pyr_snapshot_text text, struct pyr_buf *name)
{
    struct pyr_snapshot_string string = pyr_snapshot_string(snapshot, text);
    pyr_buf_append(name, string.bytes, string.size);
}

static bool equals(struct pyr_snapshot_string string, const char *text)
{
    return string.size == strlen(text) && memcmp(string.bytes, text, string.size) == 0;
}

static bool begins(struct pyr_snapshot_string string, const char *text)
{
    return string.size >= strlen(text) && memcmp(string.bytes, text, strlen(text)) == 0;
}

void pyr_name_type(const struct pyr_snapshot *snapshot, uint32_t type, struct pyr_buf *name)
{
    const struct pyr_snapshot_type_row *row = &snapshot->type_rows[type];
    struct pyr_snapshot_string module = pyr_snapshot_string(snapshot, row->module);
    if (module.size && !equals(module, "builtins")) {
        pyr_buf_append(name, module.bytes, module.size);
        put(name, ".");
    }
    if (pyr_snapshot_string(snapshot, row->name).size)
        put_text(snapshot, row->name, name);
    else
        put(name, "<unknown type>");
}

static bool is_type(const struct pyr_snapshot *snapshot, uint32_t object, const char *name)
{
    const struct pyr_snapshot_type_row *row = &snapshot->type_rows[pyr_snapshot_form(snapshot, object)->type];
    return equals(pyr_snapshot_string(snapshot, row->name), name);
}

/* How it begins, in quotes. */
static void put_quoted(const struct pyr_snapshot *snapshot, uint32_t object, struct pyr_buf *name)
{
    struct pyr_snapshot_string text = pyr_snapshot_string(snapshot, snapshot->text[object]);
    uint64_t length = pyr_snapshot_form(snapshot, object)->length;
    bool is_bytes = is_type(snapshot, object, "bytes"), full = text.size >= PYR_SNAPSHOT_TEXT_MAX - 3;
    bool escaped = is_bytes && text.size && memchr(text.bytes, '\\', text.size); /* longer than the bytes */
    put(name, is_bytes ? "b'" : "'");
    pyr_buf_append(name, text.bytes, text.size);
    put(name, full && (escaped || length > text.size) ? "…'" : "'");
}

static bool put_number(const struct pyr_snapshot *snapshot, uint32_t object, struct pyr_buf *name)
{
    bool is_bool;
    int64_t number;
    char text[24];
    if (!pyr_snapshot_number(snapshot, object, &is_bool, &number))
        return false;
    snprintf(text, sizeof text, "%" PRId64, number);
    put(name, !is_bool ? text : number ? "True" : "False");
    return true;
}

static void put_between(const struct pyr_snapshot *snapshot, const char *before, pyr_snapshot_text text,
                        const char *after, struct pyr_buf *name)
{
    put(name, before);
    put_text(snapshot, text, name);
    put(name, after);
}

enum { ITEMS_SHOWN = 4 };

/* As a key of a dict often is: ('GET', 17). The items of items are left out. */
static void put_tuple(const struct pyr_snapshot *snapshot, uint32_t object, struct pyr_buf *name)
{
    uint64_t length = pyr_snapshot_form(snapshot, object)->length;
    struct pyr_edge_cursor edge = {0};
    unsigned shown = 0;
    put(name, "(");
    while (shown < ITEMS_SHOWN && pyr_snapshot_next_edge(snapshot, object, &edge)) {
        if ((edge.kind & PYR_EDGE_KIND_MASK) != PYR_EDGE_ITEM || edge.to == PYR_SNAPSHOT_NONE)
            continue;
        put(name, shown++ ? ", " : "");
        if (is_type(snapshot, edge.to, "tuple"))
            put(name, pyr_snapshot_form(snapshot, edge.to)->length ? "(…)" : "()");
        else
            pyr_name_object(snapshot, edge.to, name);
    }
    put(name, shown < length ? ", …)" : shown == 1 ? ",)" : ")");
}

void pyr_name_object(const struct pyr_snapshot *snapshot, uint32_t object, struct pyr_buf *name)
{
    const struct pyr_snapshot_form *form = pyr_snapshot_form(snapshot, object);
    char address[32];
    bool has_text = pyr_snapshot_string(snapshot, snapshot->text[object]).size > 0;
    if (is_type(snapshot, object, "str") || is_type(snapshot, object, "bytes")) {
        put_quoted(snapshot, object, name);
        return;
    }
    if (has_text && is_type(snapshot, object, "ContextVar")) {
        put_between(snapshot, "ContextVar '", snapshot->text[object], "'", name);
        return;
    }
    if (has_text && form->length == PYR_SNAPSHOT_NO_COUNT) { /* a container's tells what it is like, not its name */
        put_text(snapshot, snapshot->text[object], name);
        return;
    }
    if (put_number(snapshot, object, name))
        return;
    put(name, "<");
    pyr_name_type(snapshot, form->type, name);
    snprintf(address, sizeof address, " at 0x%" PRIx64 ">", snapshot->address[object]);
    put(name, address);
}

static void put_holder(const struct pyr_snapshot *snapshot, const char *what, const struct pyr_snapshot_root_row *row,
                       struct pyr_buf *name)
{
    struct pyr_snapshot_string holder = pyr_snapshot_string(snapshot, row->holder);
    put(name, "<");
    if (!begins(holder, what)) { /* "thread 17" says it by itself */
        put(name, what);
        put(name, holder.size ? " " : "");
    }
    put_text(snapshot, row->holder, name);
    put(name, ">");
    if (pyr_snapshot_string(snapshot, row->name).size) {
        put(name, ".");
        put_text(snapshot, row->name, name);
    }
}

void pyr_name_root(const struct pyr_snapshot *snapshot, const struct pyr_graph_root *root, struct pyr_buf *name)
{
    static const char *const whats[PYR_ROOT_KINDS] = {
        [PYR_ROOT_FRAME] = "frame", [PYR_ROOT_THREAD] = "thread", [PYR_ROOT_INTERPRETER] = "interpreter"};
    const struct pyr_snapshot_root_row *row = root->row == PYR_GRAPH_HELD ? NULL : &snapshot->root_rows[root->row];
    bool held = row && row->kind == PYR_ROOT_HELD;
    if (held && pyr_snapshot_string(snapshot, row->name).size) {
        put_text(snapshot, row->name, name);
    } else if (!row || held || row->kind == PYR_ROOT_STATIC) {
        pyr_name_object(snapshot, root->object, name);
    } else if (row->kind == PYR_ROOT_MODULE) {
        put_text(snapshot, row->holder, name);
    } else {
        put_holder(snapshot, whats[row->kind], row, name);
        if (!pyr_snapshot_string(snapshot, row->name).size)
            put(name, row->kind == PYR_ROOT_FRAME ? ".<stack>" : ".<field>");
    }
}

/* ---- steps ---- */

static bool is_identifier(struct pyr_snapshot_string text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = (uint8_t)text.bytes[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!letter && c != '_' && c < 0x80 && !(i && c >= '0' && c <= '9'))
            return false;
    }
    return text.size > 0;
}

/* ---- what threading.local() has for each thread: up to 3.12 in the thread's dict, then in the local's own ---- */

#define LOCAL_KEY "thread.local."

static const struct pyr_snapshot_root_row *thread_of(const struct pyr_snapshot *snapshot, uint32_t object)
{
    for (uint32_t row = 0; row < snapshot->roots; row++)
        if (snapshot->root_rows[row].object == object && snapshot->root_rows[row].kind == PYR_ROOT_THREAD)
            return &snapshot->root_rows[row];
    return NULL;
}

static bool put_thread_local(const struct pyr_snapshot *snapshot, uint32_t key, struct pyr_buf *name)
{
    if (key == PYR_SNAPSHOT_NONE)
        return false;
    if (is_type(snapshot, key, "_localdummy")) {
        const struct pyr_snapshot_root_row *thread = thread_of(snapshot, key);
        put(name, ".<threading.local");
        put(name, thread ? " of " : "");
        put_text(snapshot, thread ? thread->holder : 0, name);
        put(name, ">");
        return true;
    }
    if (!is_type(snapshot, key, "str") || !begins(pyr_snapshot_string(snapshot, snapshot->text[key]), LOCAL_KEY))
        return false;
    put(name, ".<threading.local>");
    return true;
}

/* Of a dict: an attribute if the dict is an object's own, else an item. */
static void put_value(const struct pyr_snapshot *snapshot, const struct pyr_edge_cursor *edge, bool in_dict,
                      struct pyr_buf *name)
{
    bool has_key = edge->key != PYR_SNAPSHOT_NONE;
    pyr_snapshot_text text = !has_key                              ? edge->label
                             : is_type(snapshot, edge->key, "str") ? snapshot->text[edge->key]
                                                                   : 0;
    if (in_dict && is_identifier(pyr_snapshot_string(snapshot, text)))
        put_between(snapshot, ".", text, "", name);
    else if (!has_key)
        put_between(snapshot, text ? "['" : "[…", text, text ? "']" : "]", name);
    else {
        put(name, "[");
        if (is_type(snapshot, edge->key, "tuple"))
            put_tuple(snapshot, edge->key, name);
        else
            pyr_name_object(snapshot, edge->key, name);
        put(name, "]");
    }
}

static void put_nth(uint32_t nth, struct pyr_buf *name)
{
    char text[16];
    snprintf(text, sizeof text, "[%u]", nth);
    put(name, text);
}

/* Of a Context: it is shown as if it had its variables' values itself. */
static bool is_trie(const struct pyr_snapshot *snapshot, uint32_t object)
{
    static const char *const names[] = {"hamt", "hamt_bitmap_node", "hamt_array_node", "hamt_collision_node"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_type(snapshot, object, names[i]))
            return true;
    return false;
}

/* Members that Python reads by functions, so that their type does not tell of them. */
static const char *member_by_types(const struct pyr_snapshot *snapshot, uint32_t from, uint32_t to)
{
    bool from_traceback = is_type(snapshot, from, "traceback"), from_frame = is_type(snapshot, from, "frame");
    if (to == PYR_SNAPSHOT_NONE)
        return NULL;
    if (is_type(snapshot, to, "traceback") && !from_frame)
        return from_traceback ? ".tb_next" : ".__traceback__";
    if (is_type(snapshot, to, "frame"))
        return from_frame ? ".f_back" : from_traceback ? ".tb_frame" : NULL;
    if (is_type(snapshot, from, "Task") && is_type(snapshot, to, "coroutine"))
        return ".get_coro()";
    if (is_type(snapshot, from, "Task") && is_type(snapshot, to, "Context"))
        return ".get_context()";
    return is_type(snapshot, from, "_local") || is_trie(snapshot, to) ? "" : NULL;
}

static void put_member(const struct pyr_snapshot *snapshot, uint32_t from, const struct pyr_edge_cursor *edge,
                       struct pyr_buf *name)
{
    const char *known = member_by_types(snapshot, from, edge->to);
    if (pyr_snapshot_string(snapshot, edge->label).size)
        put_between(snapshot, ".", edge->label, "", name);
    else
        put(name, known ? known : ".<reference>");
}

/* Of a function that functools.lru_cache decorates. */
static bool is_cache(const struct pyr_snapshot *snapshot, uint32_t from, uint32_t to)
{
    return is_type(snapshot, from, "_lru_cache_wrapper") && is_type(snapshot, to, "dict");
}

void pyr_name_step(const struct pyr_snapshot *snapshot, uint32_t from, const struct pyr_edge_cursor *edge,
                   enum pyr_name_state *state, struct pyr_buf *name)
{
    enum pyr_name_state before = *state;
    *state = PYR_NAME_PLAIN;
    switch (edge->kind & PYR_EDGE_KIND_MASK) {
    case PYR_EDGE_DICT:
        *state = PYR_NAME_DICT;
        break;
    case PYR_EDGE_VALUE:
        if (put_thread_local(snapshot, edge->key, name))
            *state = is_type(snapshot, edge->key, "str") ? PYR_NAME_LOCAL : PYR_NAME_DICT;
        else
            put_value(snapshot, edge, before == PYR_NAME_DICT, name);
        break;
    case PYR_EDGE_ITEM:
        put_nth(edge->nth, name);
        break;
    case PYR_EDGE_KEY:
        put(name, ".<key ");
        if (edge->to != PYR_SNAPSHOT_NONE)
            pyr_name_object(snapshot, edge->to, name);
        put(name, ">");
        break;
    case PYR_EDGE_ELEMENT:
        put(name, ".<element>");
        break;
    case PYR_EDGE_LOCAL:
        put_between(snapshot, ".<local ", edge->label, ">", name);
        break;
    case PYR_EDGE_STACK:
        put(name, ".<stack>");
        break;
    case PYR_EDGE_CELL:
        put_between(snapshot, ".<closure ", edge->label, ">", name);
        *state = PYR_NAME_CELL;
        break;
    case PYR_EDGE_CLASS:
        put(name, ".__class__");
        break;
    default:
        if (edge->to != PYR_SNAPSHOT_NONE && is_cache(snapshot, from, edge->to))
            put(name, ".<cache>");
        else if (before == PYR_NAME_LOCAL)
            *state = PYR_NAME_DICT;
        else if (before != PYR_NAME_CELL)
            put_member(snapshot, from, edge, name);
    }
}
