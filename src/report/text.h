/* Private to the text format: its sections, and what they are made with. */
#ifndef PYR_REPORT_TEXT_H
#define PYR_REPORT_TEXT_H

#include "analyze/totals.h"
#include "report/report.h"
#include "report/source.h"

#define PYR_TEXT_NAME_WIDTH 60

/* A heading of a section; bold where colours are wanted. */
void pyr_text_heading(struct pyr_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The file of a path, cut from the left, and the line. */
void pyr_text_location(FILE *out, const char *file, uint32_t line);

/* The rest of a row that is about a line: where it is, its function; then, indented, its source if it is to be had. */
void pyr_text_place(struct pyr_report *report, uint32_t place, struct pyr_source *source, int indent);

/* "12.3 s", "4.56 ms", "34.5 MiB": to three figures. */
void pyr_text_seconds(char *text, size_t size, double seconds);
void pyr_text_bytes(char *text, size_t size, uint64_t bytes);

#define PYR_PLOT_WIDTH 64u

struct pyr_text_plot {
    size_t columns; /* at most PYR_PLOT_WIDTH */
    uint64_t values[PYR_PLOT_WIDTH];
    const char *top, *bottom; /* what the highest value, and 0, are called */
    double from_s, to_s;
};

uint64_t pyr_text_plot_most(const struct pyr_text_plot *plot);
void pyr_text_plot(struct pyr_report *report, const struct pyr_text_plot *plot);

int pyr_text_hot(struct pyr_report *report);     /* hottest functions and lines; where idle threads wait */
int pyr_text_memory(struct pyr_report *report);  /* peak, and the lines that allocate */
int pyr_text_threads(struct pyr_report *report); /* processes and threads */
void pyr_text_quality(struct pyr_report *report);

#endif
