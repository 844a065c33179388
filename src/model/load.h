/* Private to model: from what was counted to a model. Each may be done again when more was counted. */
#ifndef PYR_MODEL_LOAD_H
#define PYR_MODEL_LOAD_H

struct pyr_counts;
struct pyr_model;
struct pyr_model_filter;

void pyr_model_fill_facts(struct pyr_model *model, const struct pyr_counts *counts);
int pyr_model_fill_processes(struct pyr_model *model, const struct pyr_counts *counts,
                             const struct pyr_model_filter *filter);

/* After processes and tallies. */
int pyr_model_fill_threads(struct pyr_model *model, const struct pyr_model_filter *filter);

/* By thread, node and flags; a node that the recording did not define becomes unresolved. */
void pyr_model_sort_tallies(struct pyr_model *model);

#endif
