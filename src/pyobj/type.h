/* Type objects: what kind of thing an object is. */
#ifndef PYR_PYOBJ_TYPE_H
#define PYR_PYOBJ_TYPE_H

#include "base/buf.h"
#include "pyobj/view.h"

struct pyr_type {
    pyr_addr at;
    char name[128]; /* tp_name: with its module for types made in C, "list"; without for classes */
    uint64_t flags; /* tp_flags */
    uint64_t basicsize;
    int64_t dictoffset;
};

/* The bits of tp_flags that mark subclasses of built-in types: part of CPython's stable ABI. */
#define PYR_TYPE_LONG (1ull << 24)
#define PYR_TYPE_LIST (1ull << 25)
#define PYR_TYPE_TUPLE (1ull << 26)
#define PYR_TYPE_BYTES (1ull << 27)
#define PYR_TYPE_UNICODE (1ull << 28)
#define PYR_TYPE_DICT (1ull << 29)
#define PYR_TYPE_HEAP (1ull << 9)
#define PYR_TYPE_INLINE_VALUES (1ull << 2)
#define PYR_TYPE_MANAGED_DICT (1ull << 4)

int pyr_type_read(struct pyr_view view, pyr_addr type, struct pyr_type *out);
int pyr_type_of(struct pyr_view view, pyr_addr object, struct pyr_type *out);

/* Whether it is this very built-in type ("dict"), not a class of the same name. */
bool pyr_type_is(const struct pyr_type *type, const char *name);

/* Appends the name with its module ("collections.OrderedDict"), as far as it can be read. */
int pyr_type_describe(struct pyr_view view, const struct pyr_type *type, struct pyr_buf *text);

#endif
