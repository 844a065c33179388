/* Private to the formats that show memory to be read: what they share. */
#ifndef PYR_REPORT_TEXT_MEMORY_H
#define PYR_REPORT_TEXT_MEMORY_H

#include "analyze/allocations.h"
#include "report/text.h"

/* "peak 12.3 MiB at 1.23 s · …" */
void pyr_text_memory_figures(struct pyr_report *report, const struct pyr_allocations *allocations);

/* The lines with the most of a weight of one kind of memory, with their source. */
int pyr_text_memory_lines(struct pyr_report *report, const struct pyr_allocations *allocations,
                          enum pyr_memory_kind kind, enum pyr_weigh weight, size_t rows);

/* The same of what was temporary, of the heap; nothing where it was not counted. */
int pyr_text_memory_temporary(struct pyr_report *report, const struct pyr_allocations *allocations, size_t rows);

/* The stacks with the most of a weight, innermost frame first; nothing where only lines were recorded. */
int pyr_text_memory_stacks(struct pyr_report *report, const struct pyr_allocations *allocations, enum pyr_weigh weight,
                           size_t rows);

/* What is to be known beside the figures: processes without any, allocations that could not be told apart. */
void pyr_text_memory_notes(struct pyr_report *report, const struct pyr_allocations *allocations);

#endif
