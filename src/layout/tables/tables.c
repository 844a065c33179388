/* One row for each known version, oldest first; by tools/gen_layout.py: do not edit. */
#include "layout/source.h"

extern const struct pyr_layout_source pyr_layout_cp38;
extern const struct pyr_layout_source pyr_layout_cp39;
extern const struct pyr_layout_source pyr_layout_cp310;
extern const struct pyr_layout_source pyr_layout_cp311;
extern const struct pyr_layout_source pyr_layout_cp312;
extern const struct pyr_layout_source pyr_layout_cp313;
extern const struct pyr_layout_source pyr_layout_cp314;
extern const struct pyr_layout_source pyr_layout_cp315;

const struct pyr_layout_source *const pyr_layout_sources[] = {
    &pyr_layout_cp38,  &pyr_layout_cp39,  &pyr_layout_cp310, &pyr_layout_cp311,
    &pyr_layout_cp312, &pyr_layout_cp313, &pyr_layout_cp314, &pyr_layout_cp315,
};

const size_t pyr_layout_source_count = sizeof pyr_layout_sources / sizeof pyr_layout_sources[0];
