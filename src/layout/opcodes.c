#include "layout/opcodes.h"

#include "layout/layout.h"

#include <string.h>

const struct pyr_opcodes *pyr_layout_opcodes(const struct pyr_layout *layout)
{
    for (size_t i = 0; i < pyr_opcodes_source_count; i++)
        if (pyr_opcodes_sources[i].major == layout->version_major &&
            pyr_opcodes_sources[i].minor == layout->version_minor)
            return pyr_opcodes_sources[i].opcodes;
    return NULL;
}

/* Specialised forms of calls that only C functions get are missing, and those of loops that only built-in iterators
 * get.
 */
static const char *const calls[] = {"CALL",
                                    "CALL_PY_EXACT_ARGS",
                                    "CALL_PY_GENERAL",
                                    "CALL_BOUND_METHOD_EXACT_ARGS",
                                    "CALL_BOUND_METHOD_GENERAL",
                                    "CALL_ALLOC_AND_ENTER_INIT",
                                    "CALL_KW",
                                    "CALL_KW_PY",
                                    "CALL_KW_BOUND_METHOD",
                                    "CALL_FUNCTION_EX",
                                    "CALL_EX_PY",
                                    "FOR_ITER",
                                    "FOR_ITER_GEN",
                                    "SEND",
                                    "SEND_GEN",
                                    "SEND_ASYNC_GEN",
                                    "BINARY_OP_SUBSCR_GETITEM",
                                    "LOAD_ATTR_PROPERTY",
                                    "LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN",
                                    "INSTRUMENTED_CALL",
                                    "INSTRUMENTED_CALL_KW",
                                    "INSTRUMENTED_CALL_FUNCTION_EX",
                                    "INSTRUMENTED_FOR_ITER"};

bool pyr_opcode_may_call(const struct pyr_opcodes *opcodes, uint8_t number)
{
    const struct pyr_opcode *opcode = &opcodes->of[number];
    if (!opcode->name || !opcode->base)
        return opcode->name != NULL;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(opcode->name, calls[i]) == 0)
            return true;
    return false;
}
