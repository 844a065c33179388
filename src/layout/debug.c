/* _Py_DebugOffsets (3.13+): what the process itself says about its structures. Nothing in it is believed unseen. */
#include "layout/private.h"

#include <string.h>

/* The largest structure there is, the interpreter, is below half a megabyte; some room for what is to come. */
enum { STRUCT_MAX = 1 << 26, OFFSET_RUNTIME_SIZE = 24 };

static uint64_t word(const uint8_t *bytes, size_t position)
{
    uint64_t value;
    memcpy(&value, bytes + position, sizeof value);
    return value;
}

static int32_t member(const struct pyr_layout *layout, size_t at)
{
    int32_t value;
    memcpy(&value, (const char *)layout + at, sizeof value);
    return value;
}

/* False if what the process says cannot be. */
static bool field_value(const struct pyr_debug_field *field, const uint8_t *bytes, int32_t *value)
{
    uint64_t offset = word(bytes, field->position);
    uint64_t plus = field->plus ? word(bytes, field->plus) : 0;
    uint64_t minus = field->minus ? word(bytes, field->minus) : 0;
    uint64_t limit = field->limit ? word(bytes, field->limit) : STRUCT_MAX;
    if (offset > STRUCT_MAX || plus > STRUCT_MAX || limit > STRUCT_MAX || minus > offset)
        return false;
    if (offset + plus + field->align > limit || (offset + plus - minus) % field->align != 0)
        return false;
    *value = (int32_t)(offset + plus - minus);
    return true;
}

static const char *member_name(size_t at)
{
    static const struct {
        size_t at;
        const char *name;
    } names[] = {
#define PYR_LAYOUT_NAME(structure, field) {offsetof(struct pyr_layout, structure##_##field), #structure "." #field},
        PYR_LAYOUT_FIELDS(PYR_LAYOUT_NAME)
#undef PYR_LAYOUT_NAME
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].at == at)
            return names[i].name;
    return "a size";
}

int pyr_layout_apply_debug(struct pyr_layout *layout, const struct pyr_layout_source *source, const uint8_t *bytes,
                           uint64_t runtime_size, struct pyr_err *err)
{
    struct pyr_layout result = *layout;
    uint64_t stated = word(bytes, OFFSET_RUNTIME_SIZE);
    if (stated < source->debug_size || stated > STRUCT_MAX || (runtime_size && stated != runtime_size))
        return pyr_err_set(err, PYR_E_FORMAT, "its debug offsets state a wrong size of _PyRuntime");
    for (size_t i = 0; i < source->debug_count; i++) {
        const struct pyr_debug_field *field = &source->debug[i];
        int32_t value;
        /* No field moves to the start of its structure within a minor version: 0 where the table has none is a hole. */
        if (!field_value(field, bytes, &value) || (value == 0 && member(&result, field->at) != 0))
            return pyr_err_set(err, PYR_E_FORMAT, "its debug offsets are wrong about %s", member_name(field->at));
        memcpy((char *)&result + field->at, &value, sizeof value);
    }
    *layout = result;
    return 0;
}
