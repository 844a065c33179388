#include "sample/chain.h"

#include "base/alloc.h"
#include "pyobj/frame.h"
#include "pyrometer/err.h"

#define INNERMOST 6 /* frames that come and go as fast as two reads */

int pyr_chain_push(struct pyr_chain *chain, const struct pyr_link *link)
{
    if (chain->depth == chain->capacity) {
        unsigned capacity = chain->capacity ? chain->capacity * 2 : 64;
        struct pyr_link *links = pyr_realloc(chain->links, capacity * sizeof *links);
        if (!links)
            return PYR_E_NOMEM;
        chain->links = links;
        chain->capacity = capacity;
    }
    chain->links[chain->depth++] = *link;
    return 0;
}

void pyr_chain_release(struct pyr_chain *chain)
{
    pyr_free(chain->links);
    *chain = (struct pyr_chain){0};
}

bool pyr_chain_plausible(const struct pyr_chain *chain)
{
    if (chain->depth && chain->links[0].code && chain->links[0].activity == PYR_FRAME_WAITS)
        return false;
    if (chain->depth && chain->links[0].activity == PYR_FRAME_OVER)
        return false;
    for (unsigned i = 1; i < chain->depth; i++) {
        const struct pyr_link *caller = &chain->links[i], *callee = &chain->links[i - 1];
        if (caller->activity == PYR_FRAME_OVER)
            return false;
        if (caller->code && callee->code && !callee->is_entry && caller->activity == PYR_FRAME_RUNS)
            return false;
    }
    return true;
}

bool pyr_chain_steady(const struct pyr_chain *chain)
{
    for (unsigned i = 0; i < INNERMOST && i < chain->depth; i++)
        if (chain->links[i].is_generator)
            return false;
    return true;
}

bool pyr_chain_same(const struct pyr_chain *a, const struct pyr_chain *b)
{
    if (a->depth != b->depth || a->truncated != b->truncated)
        return false;
    for (unsigned i = 0; i < a->depth; i++) {
        const struct pyr_link *x = &a->links[i], *y = &b->links[i];
        if (x->frame != y->frame || x->code != y->code || (i > 0 && x->instr != y->instr))
            return false;
    }
    return true;
}
