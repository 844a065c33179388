#include "pyobj/thread_names.h"

#include "pyobj/attr.h"
#include "pyobj/long.h"
#include "pyobj/str.h"

#define NAME_MAX_CHARS 200

int pyr_threading_active(struct pyr_view view, pyr_addr interp, pyr_addr *active)
{
    const struct pyr_layout *layout = &view.python->layout;
    pyr_addr modules, module, dict;
    int rc = pyr_target_read_addr(view.target, pyr_addr_add(interp, layout->interp_modules), &modules);
    if (rc == 0)
        rc = pyr_dict_get(view, modules, "threading", &module);
    if (rc == 0)
        rc = pyr_target_read_addr(view.target, pyr_addr_add(module, layout->module_dict), &dict);
    return rc < 0 ? rc : pyr_dict_get(view, dict, "_active", active);
}

struct idents {
    struct pyr_view view;
    struct pyr_map *by_ident;
};

static int note_ident(const struct pyr_dict_entry *entry, void *context)
{
    struct idents *idents = context;
    uint64_t ident;
    if (pyr_long_read_u64(idents->view, entry->key, &ident) < 0)
        return 0;
    return pyr_map_put(idents->by_ident, ident, entry->value.v);
}

int pyr_threading_by_ident(struct pyr_view view, pyr_addr active, struct pyr_map *by_ident)
{
    struct idents idents = {.view = view, .by_ident = by_ident};
    return pyr_dict_each(view, active, PYR_THREADS_MAX, note_ident, &idents);
}

int pyr_threading_name(struct pyr_view view, pyr_addr thread, struct pyr_buf *name)
{
    pyr_addr text;
    int rc = pyr_attr_get(view, thread, "_name", &text);
    return rc < 0 ? rc : pyr_str_read(view, text, NAME_MAX_CHARS, name);
}
