/* Private to model: from the recording's stack tree to functions and lines. */
#ifndef PYR_MODEL_PLACES_H
#define PYR_MODEL_PLACES_H

struct pyr_model;

int pyr_places_init(struct pyr_model *model); /* the special ones; before anything else */
int pyr_places_resolve(
    struct pyr_model *model); /* fills model->nodes with those that were read and are not in it yet */
void pyr_places_settle(struct pyr_model *model); /* no more nodes will come: what only they would need is released */
void pyr_places_release(struct pyr_model *model);

#endif
