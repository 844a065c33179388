/* The names that Python's threading module gives its threads. */
#ifndef PYR_PYOBJ_THREAD_NAMES_H
#define PYR_PYOBJ_THREAD_NAMES_H

#include "base/buf.h"
#include "base/map.h"
#include "pyobj/interp.h"

/* threading's dict of live threads in this interpreter: it stays the same object. PYR_E_NOT_FOUND where threading is
 * not imported. */
int pyr_threading_active(struct pyr_view view, pyr_addr interp, pyr_addr *active);

/* Reads that dict into a map from ident to the address of the Thread object. */
int pyr_threading_by_ident(struct pyr_view view, pyr_addr active, struct pyr_map *by_ident);

/* Appends a Thread's name as UTF-8 and a NUL that is not counted. */
int pyr_threading_name(struct pyr_view view, pyr_addr thread, struct pyr_buf *name);

#endif
