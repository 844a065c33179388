#include "pyobj/locals.h"

#include "pyobj/str.h"
#include "pyobj/type.h"

#define KIND_HIDDEN 0x10 /* CO_FAST_HIDDEN: comprehension variables of an enclosing scope */

struct walk {
    struct pyr_view view;
    pyr_addr frame;
    pyr_local_visit *visit;
    void *context;
    struct pyr_buf name;
};

static int tuple_size(struct pyr_view view, pyr_addr tuple, uint64_t *size)
{
    return pyr_target_read(view.target, pyr_addr_add(tuple, view.python->layout.varobject_size), size, 8);
}

/* Variables that functions share live in cells; which may not be made yet. */
static int look_into_cell(struct pyr_view view, pyr_addr *value)
{
    struct pyr_type type;
    int rc = pyr_type_of(view, *value, &type);
    if (rc < 0 || !pyr_type_is(&type, "cell"))
        return rc;
    return pyr_target_read_addr(view.target, pyr_addr_add(*value, view.python->layout.cell_value), value);
}

static int visit_slot(struct walk *walk, pyr_addr name, uint64_t slot)
{
    const struct pyr_layout *layout = &walk->view.python->layout;
    pyr_addr value;
    int rc = pyr_target_read_addr(walk->view.target,
                                  pyr_addr_add(walk->frame, layout->frame_localsplus + (int64_t)slot * 8), &value);
    if (rc < 0)
        return rc;
    value.v &= ~layout->frame_ref_mask;
    if (value.v && look_into_cell(walk->view, &value) < 0)
        return 0;
    if (!value.v)
        return 0;
    walk->name.size = 0;
    if (pyr_str_read(walk->view, name, 200, &walk->name) < 0)
        return 0;
    return walk->visit((const char *)walk->name.bytes, value, walk->context);
}

/* Every name of a tuple, standing for the slots from first on. */
static int visit_names(struct walk *walk, pyr_addr names, pyr_addr kinds, uint64_t *slot)
{
    const struct pyr_layout *layout = &walk->view.python->layout;
    uint64_t count;
    int rc = tuple_size(walk->view, names, &count);
    for (uint64_t i = 0; rc == 0 && i < count && i < PYR_LOCALS_MAX; i++) {
        pyr_addr name;
        uint8_t kind = 0;
        if (kinds.v)
            rc = pyr_target_read(walk->view.target, pyr_addr_add(kinds, layout->bytes_data + (int64_t)i), &kind, 1);
        if (rc == 0)
            rc = pyr_target_read_addr(walk->view.target, pyr_addr_add(names, layout->tuple_items + (int64_t)i * 8),
                                      &name);
        if (rc == 0 && !(kind & KIND_HIDDEN))
            rc = visit_slot(walk, name, *slot + i);
    }
    *slot += rc == 0 ? count : 0;
    return rc;
}

static int tuple_of(const struct walk *walk, pyr_addr code, int32_t field, pyr_addr *tuple)
{
    *tuple = PYR_NULL;
    return field == PYR_ABSENT ? 0 : pyr_target_read_addr(walk->view.target, pyr_addr_add(code, field), tuple);
}

int pyr_locals_each(struct pyr_view view, pyr_addr frame, pyr_addr code, pyr_local_visit *visit, void *context)
{
    const struct pyr_layout *layout = &view.python->layout;
    struct walk walk = {.view = view, .frame = frame, .visit = visit, .context = context};
    const int32_t fields[] = {layout->code_localsplusnames, layout->code_varnames, layout->code_cellvars,
                              layout->code_freevars};
    pyr_addr kinds, names;
    uint64_t slot = 0;
    int rc = tuple_of(&walk, code, layout->code_localspluskinds, &kinds);
    for (size_t i = 0; rc == 0 && i < sizeof fields / sizeof *fields; i++) {
        rc = tuple_of(&walk, code, fields[i], &names);
        if (rc == 0 && names.v)
            rc = visit_names(&walk, names, kinds, &slot);
    }
    pyr_buf_release(&walk.name);
    return rc;
}
