#include "pyobj/long.h"

#define DIGITS_MAX 3 /* of an int below 2**64 */

int pyr_long_shape(struct pyr_view view, pyr_addr object, bool *negative, uint64_t *digits)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint64_t word;
    int rc = pyr_target_read(view.target, pyr_addr_add(object, layout->long_tag), &word, 8);
    if (rc < 0)
        return rc;
    if (layout->long_kind == PYR_LONG_TAG) {
        /* The low two bits are 0 for positive, 1 for zero, 2 for negative. */
        *negative = (word & 3) == 2;
        *digits = (word & 3) == 1 ? 0 : word >> 3;
    } else {
        *negative = (int64_t)word < 0;
        *digits = *negative ? 0 - word : word;
    }
    return 0;
}

int pyr_long_read_u64(struct pyr_view view, pyr_addr object, uint64_t *value)
{
    bool negative;
    uint64_t count;
    uint32_t digits[DIGITS_MAX] = {0};
    int rc = pyr_long_shape(view, object, &negative, &count);
    if (rc < 0)
        return rc;
    if (negative || count > DIGITS_MAX)
        return PYR_E_LIMIT;
    rc = pyr_target_read(view.target, pyr_addr_add(object, view.python->layout.long_digits), digits, count * 4);
    if (rc < 0)
        return rc;
    if (digits[2] > 15)
        return PYR_E_LIMIT;
    *value = (uint64_t)digits[2] << 2 * PYR_LONG_SHIFT | (uint64_t)digits[1] << PYR_LONG_SHIFT | digits[0];
    return 0;
}
