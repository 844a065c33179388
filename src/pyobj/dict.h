/* dict objects: their entries in insertion order. */
#ifndef PYR_PYOBJ_DICT_H
#define PYR_PYOBJ_DICT_H

#include "pyobj/view.h"

struct pyr_dict_entry {
    pyr_addr key, value;
};

/* The number of items a dict says it has. */
int pyr_dict_used(struct pyr_view view, pyr_addr dict, uint64_t *used);

/* Calls visit for each entry of a keys table (deleted ones are left out) until it returns non-zero; returns that, or 0,
 * or a negative status. At most max_entries are looked at: PYR_E_LIMIT where there are more. Values of a split table
 * (instances' attributes) lie elsewhere: `values` is where, or PYR_NULL for a combined one; an unset one is left out.
 */
typedef int pyr_dict_visit(const struct pyr_dict_entry *entry, void *context);
int pyr_dictkeys_each(struct pyr_view view, pyr_addr keys, pyr_addr values, size_t max_entries, pyr_dict_visit *visit,
                      void *context);

/* The same for a dict object. */
int pyr_dict_each(struct pyr_view view, pyr_addr dict, size_t max_entries, pyr_dict_visit *visit, void *context);

/* The value under an ASCII str key; PYR_E_NOT_FOUND. */
int pyr_dict_get(struct pyr_view view, pyr_addr dict, const char *key, pyr_addr *value);

#endif
