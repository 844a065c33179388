/* Private to memory: sites of an agent's file as nodes of the recording. */
#ifndef PYR_MEMORY_PLACE_H
#define PYR_MEMORY_PLACE_H

#include "record/heap_reader.h"
#include "record/writer.h"

/* The node of a site's line, without its callers; PYR_NODE_EMPTY if it has none or cannot be read. Or PYR_E_NOMEM,
 * PYR_E_LIMIT and what else the writer says. */
int64_t pyr_site_node(struct pyr_heap_reader *reader, struct pyr_writer *writer, uint32_t site);

#endif
