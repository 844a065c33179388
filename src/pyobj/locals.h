/* A frame's local variables by name. */
#ifndef PYR_PYOBJ_LOCALS_H
#define PYR_PYOBJ_LOCALS_H

#include "base/buf.h"
#include "pyobj/view.h"

#define PYR_LOCALS_MAX 1000 /* shown of one frame */

/* Calls visit for each variable that is set, in the code object's order: arguments first; cells are looked into. The
 * frame's thread must hold still. name is borrowed during the call. */
typedef int pyr_local_visit(const char *name, pyr_addr value, void *context);
int pyr_locals_each(struct pyr_view view, pyr_addr frame, pyr_addr code, pyr_local_visit *visit, void *context);

#endif
