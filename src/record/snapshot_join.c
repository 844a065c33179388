/* Parts of a snapshot's writer become one: what each has numbered for itself gets the numbers of the first. */
#include "base/alloc.h"
#include "record/snapshot_writer_private.h"

#include <string.h>

static int join_texts(struct pyr_snapshot_writer *writer)
{
    uint64_t before = writer->texts.spill.size / PYR_SNAPSHOT_TEXT_ALIGN;
    for (size_t i = 0; i < writer->parts.count; i++) {
        struct pyr_snapshot_writer *part = *PYR_VEC_AT(&writer->parts, struct pyr_snapshot_writer *, i);
        part->texts_before = (uint32_t)before;
        before += part->texts.spill.size / PYR_SNAPSHOT_TEXT_ALIGN;
    }
    return before > UINT32_MAX ? PYR_E_LIMIT : 0;
}

/* Of a type that a part has only met, nothing but the address is known. */
static int join_types(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_writer *part, uint32_t *numbers)
{
    for (size_t i = 0; i < part->types.count; i++) {
        struct pyr_snapshot_type_row row = *PYR_VEC_AT(&part->types, struct pyr_snapshot_type_row, i);
        int64_t number = pyr_snapshot_writer_type_row(writer, row.address);
        if (number < 0)
            return (int)number;
        numbers[i] = (uint32_t)number;
        row.module = pyr_snapshot_joined_text(part, row.module);
        row.name = pyr_snapshot_joined_text(part, row.name);
        if (row.basic_size)
            *PYR_VEC_AT(&writer->types, struct pyr_snapshot_type_row, number) = row;
    }
    return 0;
}

static int join_shapes(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_writer *part, uint32_t *numbers)
{
    struct pyr_vec *runs = &writer->runs;
    for (uint32_t i = 0; i < pyr_intern_count(&part->shapes); i++) {
        const struct pyr_interned *shape = pyr_intern_get(&part->shapes, i);
        size_t count = shape->size / sizeof(struct pyr_snapshot_run);
        int is_new;
        if (pyr_vec_reserve(runs, count + 1) < 0)
            return PYR_E_NOMEM;
        struct pyr_snapshot_run *run = runs->items;
        memcpy(run, shape->bytes, shape->size);
        for (size_t r = 0; r < count; r++)
            run[r].label = pyr_snapshot_joined_text(part, run[r].label);
        int64_t number = pyr_intern_put(&writer->shapes, run, shape->size, &is_new);
        if (number < 0)
            return (int)number;
        writer->run_count += is_new ? count : 0;
        numbers[i] = (uint32_t)number;
    }
    return 0;
}

static int join_forms(struct pyr_snapshot_writer *writer, struct pyr_snapshot_writer *part, const uint32_t *types,
                      const uint32_t *shapes)
{
    uint32_t count = pyr_intern_count(&part->forms);
    part->joined_forms = pyr_alloc(count * sizeof *part->joined_forms);
    if (!part->joined_forms)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        struct pyr_snapshot_form form;
        memcpy(&form, pyr_intern_get(&part->forms, i)->bytes, sizeof form);
        form.type = types[form.type];
        form.shape = shapes[form.shape];
        int64_t number = pyr_intern_put(&writer->forms, &form, sizeof form, NULL);
        if (number < 0)
            return (int)number;
        part->joined_forms[i] = (uint32_t)number;
    }
    return 0;
}

static int join_kinds(struct pyr_snapshot_writer *writer, struct pyr_snapshot_writer *part)
{
    uint32_t *types = pyr_alloc(part->types.count * sizeof *types);
    uint32_t *shapes = pyr_alloc(pyr_intern_count(&part->shapes) * sizeof *shapes);
    int rc = types && shapes ? join_types(writer, part, types) : PYR_E_NOMEM;
    if (rc == 0)
        rc = join_shapes(writer, part, shapes);
    if (rc == 0)
        rc = join_forms(writer, part, types, shapes);
    pyr_free(types);
    pyr_free(shapes);
    return rc;
}

static int join_roots(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_writer *part)
{
    for (size_t i = 0; i < part->roots.count; i++) {
        struct pyr_snapshot_root root = *PYR_VEC_AT(&part->roots, struct pyr_snapshot_root, i);
        root.holder = pyr_snapshot_joined_text(part, root.holder);
        root.name = pyr_snapshot_joined_text(part, root.name);
        if (!pyr_vec_push(&writer->roots, &root))
            return PYR_E_NOMEM;
    }
    return 0;
}

/* One of them has all. */
static int join_sites(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_writer *part)
{
    if (part->sites.count && writer->sites.count)
        return PYR_E_MISUSE;
    for (size_t i = 0; i < part->sites.count; i++) {
        struct pyr_snapshot_site site = *PYR_VEC_AT(&part->sites, struct pyr_snapshot_site, i);
        site.file = pyr_snapshot_joined_text(part, site.file);
        site.function = pyr_snapshot_joined_text(part, site.function);
        if (!pyr_vec_push(&writer->sites, &site) ||
            !pyr_vec_push(&writer->callers, PYR_VEC_AT(&part->callers, uint32_t, i)))
            return PYR_E_NOMEM;
    }
    writer->has_callers |= part->has_callers;
    return 0;
}

static int join_part(struct pyr_snapshot_writer *writer, struct pyr_snapshot_writer *part)
{
    int rc = pyr_snapshot_index_join(&writer->index, &part->index);
    pyr_snapshot_index_release(&part->index);
    if (rc == 0)
        rc = join_kinds(writer, part);
    if (rc == 0)
        rc = join_roots(writer, part);
    writer->torn += part->torn;
    return rc == PYR_E_EXISTS ? PYR_E_MISUSE : rc < 0 ? rc : join_sites(writer, part);
}

int pyr_snapshot_writer_join(struct pyr_snapshot_writer *writer)
{
    int rc = join_texts(writer);
    for (size_t i = 0; rc == 0 && i < writer->parts.count; i++)
        rc = join_part(writer, *PYR_VEC_AT(&writer->parts, struct pyr_snapshot_writer *, i));
    return rc;
}
