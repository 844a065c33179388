#include "pyobj/type.h"

#include "pyobj/dict.h"
#include "pyobj/str.h"

/* A C string of the target, cut at size − 1. It may end just before unmapped memory. */
static int read_text(struct pyr_view view, pyr_addr at, char *text, size_t size)
{
    size_t done = 0;
    while (done < size - 1) {
        uint64_t page_end = (at.v + done) | 4095;
        size_t step = (size_t)(page_end + 1 - (at.v + done));
        if (step > size - 1 - done)
            step = size - 1 - done;
        int rc = pyr_target_read(view.target, pyr_addr_add(at, (int64_t)done), text + done, step);
        if (rc < 0)
            return rc;
        if (memchr(text + done, 0, step))
            return 0;
        done += step;
    }
    text[size - 1] = 0;
    return 0;
}

int pyr_type_read(struct pyr_view view, pyr_addr type, struct pyr_type *out)
{
    const struct pyr_layout *layout = &view.python->layout;
    pyr_addr name;
    *out = (struct pyr_type){.at = type};
    int rc = pyr_target_read_addr(view.target, pyr_addr_add(type, layout->type_name), &name);
    if (rc == 0)
        rc = read_text(view, name, out->name, sizeof out->name);
    if (rc == 0)
        rc = pyr_target_read(view.target, pyr_addr_add(type, layout->type_flags), &out->flags, 8);
    if (rc == 0)
        rc = pyr_target_read(view.target, pyr_addr_add(type, layout->type_basicsize), &out->basicsize, 8);
    if (rc == 0 && PYR_HAS(layout, type_dictoffset))
        rc = pyr_target_read(view.target, pyr_addr_add(type, layout->type_dictoffset), &out->dictoffset, 8);
    return rc;
}

int pyr_type_of(struct pyr_view view, pyr_addr object, struct pyr_type *out)
{
    pyr_addr type;
    if (!object.v || object.v & 7)
        return PYR_E_FORMAT;
    int rc = pyr_target_read_addr(view.target, pyr_addr_add(object, view.python->layout.object_type), &type);
    return rc < 0 ? rc : pyr_type_read(view, type, out);
}

bool pyr_type_is(const struct pyr_type *type, const char *name)
{
    return !(type->flags & PYR_TYPE_HEAP) && strcmp(type->name, name) == 0;
}

int pyr_type_describe(struct pyr_view view, const struct pyr_type *type, struct pyr_buf *text)
{
    const struct pyr_layout *layout = &view.python->layout;
    pyr_addr dict, module;
    if ((type->flags & PYR_TYPE_HEAP) && !strchr(type->name, '.') && PYR_HAS(layout, type_dict) &&
        pyr_target_read_addr(view.target, pyr_addr_add(type->at, layout->type_dict), &dict) == 0 && dict.v &&
        pyr_dict_get(view, dict, "__module__", &module) == 0) {
        size_t before = text->size;
        if (pyr_str_read(view, module, 200, text) < 0)
            text->size = before;
        else
            pyr_buf_u8(text, '.');
    }
    pyr_buf_append(text, type->name, strlen(type->name));
    return text->failed ? PYR_E_NOMEM : 0;
}
