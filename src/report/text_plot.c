/* Something over time, drawn with eighths of characters. */
#include "report/text.h"

#include <string.h>

#define HEIGHT 8u
#define EIGHTHS 8u

/* Of a cell that `eighths` of are filled. */
static const char *cell(uint64_t eighths)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    return blocks[eighths < EIGHTHS ? eighths : EIGHTHS];
}

static void write_row(struct pyr_report *report, const uint64_t *heights, size_t columns, unsigned row,
                      const char *label)
{
    size_t used = columns;
    while (used && heights[used - 1] <= (uint64_t)row * EIGHTHS)
        used--;
    fprintf(report->out, "  %10s │", label);
    for (size_t i = 0; i < used; i++)
        fputs(cell(heights[i] > (uint64_t)row * EIGHTHS ? heights[i] - (uint64_t)row * EIGHTHS : 0), report->out);
    fputc('\n', report->out);
}

uint64_t pyr_text_plot_most(const struct pyr_text_plot *plot)
{
    uint64_t most = 0;
    for (size_t i = 0; i < plot->columns; i++)
        most = plot->values[i] > most ? plot->values[i] : most;
    return most;
}

void pyr_text_plot(struct pyr_report *report, const struct pyr_text_plot *plot)
{
    uint64_t heights[PYR_PLOT_WIDTH], most = pyr_text_plot_most(plot);
    char from[40], to[40];
    for (size_t i = 0; i < plot->columns; i++)
        heights[i] = most ? (uint64_t)((double)plot->values[i] / (double)most * HEIGHT * EIGHTHS + 0.999) : 0;
    for (unsigned row = HEIGHT; row-- > 0;)
        write_row(report, heights, plot->columns, row, row == HEIGHT - 1 ? plot->top : "");
    pyr_text_seconds(from, sizeof from, plot->from_s);
    pyr_text_seconds(to, sizeof to, plot->to_s);
    fprintf(report->out, "  %10s └", plot->bottom);
    for (size_t i = 0; i < plot->columns; i++)
        fputs("─", report->out);
    fprintf(report->out, "\n  %10s  %s", "", from);
    size_t used = strlen(from) + strlen(to);
    fprintf(report->out, "%*s%s\n", plot->columns > used ? (int)(plot->columns - used) : 2, "", to);
}
