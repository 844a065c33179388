/* Attributes that an instance keeps itself, wherever its version keeps them. */
#ifndef PYR_PYOBJ_ATTR_H
#define PYR_PYOBJ_ATTR_H

#include "pyobj/dict.h"

/* Calls visit for each attribute in the instance's own dictionary, real or not yet made. Same results as
 * pyr_dict_each; PYR_E_NOT_FOUND if it keeps none. */
int pyr_attr_each(struct pyr_view view, pyr_addr object, size_t max_entries, pyr_dict_visit *visit, void *context);

int pyr_attr_get(struct pyr_view view, pyr_addr object, const char *name, pyr_addr *value);

#endif
