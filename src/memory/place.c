#include "memory/place.h"

int64_t pyr_site_node(struct pyr_heap_reader *reader, struct pyr_writer *writer, uint32_t site)
{
    struct pyr_heap_place place;
    int rc = pyr_heap_reader_place(reader, site, &place);
    if (rc == PYR_E_NOMEM)
        return rc;
    if (rc < 0 || !place.code)
        return PYR_NODE_EMPTY;
    int64_t code = pyr_writer_code(writer, place.code);
    return code < 0 ? code : pyr_writer_node(writer, PYR_NODE_EMPTY, (uint32_t)code, place.instruction);
}
