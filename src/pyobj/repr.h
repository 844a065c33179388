/* What a value looks like, told without running any code of the target. */
#ifndef PYR_PYOBJ_REPR_H
#define PYR_PYOBJ_REPR_H

#include "base/buf.h"
#include "pyobj/view.h"

struct pyr_repr_limits {
    unsigned depth; /* of containers in containers */
    unsigned items; /* of each container */
    unsigned chars; /* of each str or bytes; 256 at most */
    unsigned total; /* bytes of the whole text; it is cut with "…" */
};

/* Appends a text as repr() would give it for bounded built-ins (None, bool, int, float, complex, str, bytes, bytearray,
 * tuple, list, dict, set, frozenset, range, slice, Ellipsis, NotImplemented), "<module.Type at 0x…>" for everything
 * else,
 * "<unreadable at 0x…>" for what is not an object. Fails only for want of memory. */
int pyr_repr(struct pyr_view view, pyr_addr object, const struct pyr_repr_limits *limits, struct pyr_buf *text);

#endif
