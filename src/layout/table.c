#include "layout/private.h"

#include <stdio.h>

const struct pyr_layout_source *pyr_layout_source_find(int major, int minor, bool free_threaded)
{
    for (size_t i = 0; i < pyr_layout_source_count; i++) {
        const struct pyr_layout *layout = pyr_layout_sources[i]->layout;
        if (layout->version_major == major && layout->version_minor == minor && layout->free_threaded == free_threaded)
            return pyr_layout_sources[i];
    }
    return NULL;
}

const struct pyr_layout *pyr_layout_table(int major, int minor, bool free_threaded)
{
    const struct pyr_layout_source *source = pyr_layout_source_find(major, minor, free_threaded);
    return source ? source->layout : NULL;
}

void pyr_layout_known(char *text, size_t size)
{
    const struct pyr_layout *first = pyr_layout_sources[0]->layout;
    const struct pyr_layout *last = pyr_layout_sources[pyr_layout_source_count - 1]->layout;
    snprintf(text, size, "%d.%d to %d.%d", first->version_major, first->version_minor, last->version_major,
             last->version_minor);
}
