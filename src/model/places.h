/* Private to model: from the recording's stack tree to functions and lines. */
#ifndef PYR_MODEL_PLACES_H
#define PYR_MODEL_PLACES_H

struct pyr_model;

int pyr_places_init(struct pyr_model *model);    /* the special ones; before anything else */
int pyr_places_resolve(struct pyr_model *model); /* fills model->nodes; when all of the recording has been read */
void pyr_places_release(struct pyr_model *model);

#endif
