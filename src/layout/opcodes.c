#include "layout/opcodes.h"

#include "layout/layout.h"

const struct pyr_opcodes *pyr_layout_opcodes(const struct pyr_layout *layout)
{
    for (size_t i = 0; i < pyr_opcodes_source_count; i++)
        if (pyr_opcodes_sources[i].major == layout->version_major &&
            pyr_opcodes_sources[i].minor == layout->version_minor)
            return pyr_opcodes_sources[i].opcodes;
    return NULL;
}
