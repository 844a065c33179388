#include "report/chart.h"

#include "report/report.h"
#include "report/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { WIDTH = 960, HEIGHT = 420, LEFT = 84, RIGHT = 24, TOP = 64, BOTTOM = 48 };
enum { LEGEND_WIDTH = 210, LEGEND_PER_ROW = 4, LEGEND_HEIGHT = 16 };
enum { PLOT_WIDTH = WIDTH - LEFT - RIGHT, PLOT_HEIGHT = HEIGHT - TOP - BOTTOM };
#define TEXT_MAX 120
#define TICKS 6.0
enum { BRACKET = 16, ARM = 4 }; /* height, width */

/* What is drawn: from … to seconds, 0 … most bytes. */
struct frame {
    FILE *out;
    double from_s, to_s, most;
};

static double x_of(const struct frame *frame, double seconds)
{
    return LEFT + (seconds - frame->from_s) / (frame->to_s - frame->from_s) * PLOT_WIDTH;
}

static double y_of(const struct frame *frame, double bytes)
{
    return TOP + PLOT_HEIGHT - bytes / frame->most * PLOT_HEIGHT;
}

/* The step of an axis: 1, 2 or 5 times a power of ten. */
static double decimal_step(double length)
{
    double step = pow(10, floor(log10(length / TICKS)));
    if (length / step > 5 * TICKS)
        return 10 * step;
    if (length / step > 2 * TICKS)
        return 5 * step;
    return length / step > TICKS ? 2 * step : step;
}

/* A power of two, so that labels are whole KiB, MiB. */
static double binary_step(double length)
{
    return exp2(ceil(log2(length / TICKS)));
}

static struct frame measure(const struct pyr_chart *chart, FILE *out)
{
    struct frame frame = {out, INFINITY, -INFINITY, 1};
    for (size_t i = 0; i < chart->count; i++)
        for (size_t j = 0; j < chart->series[i].points.count; j++) {
            const struct pyr_chart_point *point = PYR_VEC_AT(&chart->series[i].points, struct pyr_chart_point, j);
            frame.from_s = fmin(frame.from_s, point->seconds);
            frame.to_s = fmax(frame.to_s, point->seconds);
            frame.most = fmax(frame.most, (double)point->bytes);
        }
    for (size_t i = 0; i < chart->bracket_count; i++)
        for (size_t j = 0; j < chart->brackets[i].spans->count; j++) {
            const struct pyr_chart_span *span = PYR_VEC_AT(chart->brackets[i].spans, struct pyr_chart_span, j);
            frame.from_s = fmin(frame.from_s, span->from_s);
            frame.to_s = fmax(frame.to_s, span->to_s);
        }
    if (frame.from_s > frame.to_s)
        frame.from_s = frame.to_s = 0;
    if (frame.to_s - frame.from_s < 1e-6)
        frame.to_s = frame.from_s + 1e-6;
    double step = binary_step(frame.most);
    frame.most = ceil(frame.most / step) * step;
    return frame;
}

static void put_character(FILE *out, char character)
{
    if (character == '<' || character == '>')
        fputs(character == '<' ? "&lt;" : "&gt;", out);
    else if (character == '&')
        fputs("&amp;", out);
    else
        fputc(character, out);
}

static void put_text(FILE *out, double x, double y, const char *style, const char *text)
{
    char clean[TEXT_MAX];
    bool cut = pyr_clean(clean, sizeof clean, text);
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style);
    for (const char *at = clean; *at; at++)
        put_character(out, *at);
    fputs(cut ? "…</text>\n" : "</text>\n", out);
}

static void put_bytes_axis(const struct frame *frame)
{
    double step = binary_step(frame->most);
    char label[40];
    for (double at = 0; at <= frame->most; at += step) {
        double y = y_of(frame, at);
        fprintf(frame->out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", LEFT, y, LEFT + PLOT_WIDTH);
        pyr_text_bytes(label, sizeof label, (uint64_t)at);
        put_text(frame->out, LEFT - 8, y + 4, "text-anchor=\"end\"", label);
    }
}

static void put_seconds_axis(const struct frame *frame)
{
    double step = decimal_step(frame->to_s - frame->from_s);
    char label[40];
    for (double at = ceil(frame->from_s / step) * step; at <= frame->to_s; at += step) {
        double x = x_of(frame, at);
        fprintf(frame->out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>\n", x, TOP, TOP + PLOT_HEIGHT);
        snprintf(label, sizeof label, "%.10g s", at);
        put_text(frame->out, x, TOP + PLOT_HEIGHT + 20, "text-anchor=\"middle\"", label);
    }
}

static void put_point(const struct frame *frame, const struct pyr_chart_point *point, bool first)
{
    fprintf(frame->out, "%s%.1f %.1f", first ? "M" : "L", x_of(frame, point->seconds),
            y_of(frame, (double)point->bytes));
}

/* The points from first to before end that are lowest and highest, in their order; and the last one. */
static void put_column(const struct frame *frame, const struct pyr_vec *points, size_t first, size_t end)
{
    size_t low = first, high = first;
    for (size_t i = first; i < end; i++) {
        uint64_t bytes = PYR_VEC_AT(points, struct pyr_chart_point, i)->bytes;
        low = bytes < PYR_VEC_AT(points, struct pyr_chart_point, low)->bytes ? i : low;
        high = bytes > PYR_VEC_AT(points, struct pyr_chart_point, high)->bytes ? i : high;
    }
    size_t shown[] = {low < high ? low : high, low < high ? high : low, end - 1};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (i == 0 || shown[i] != shown[i - 1])
            put_point(frame, PYR_VEC_AT(points, struct pyr_chart_point, shown[i]), shown[i] == 0 && i == 0);
}

static void put_series(const struct frame *frame, const struct pyr_chart_series *series)
{
    const struct pyr_vec *points = &series->points;
    size_t columns = points->count < PLOT_WIDTH ? points->count : PLOT_WIDTH;
    if (!columns)
        return;
    fprintf(frame->out, "<path fill=\"%s\" fill-opacity=\"0.2\" stroke=\"%s\" stroke-width=\"1.5\" d=\"",
            series->filled ? series->colour : "none", series->colour);
    for (size_t i = 0; i < columns; i++)
        put_column(frame, points, i * points->count / columns, (i + 1) * points->count / columns);
    if (series->filled)
        fprintf(frame->out, "L%.1f %dL%.1f %dZ",
                x_of(frame, PYR_VEC_AT(points, struct pyr_chart_point, points->count - 1)->seconds), TOP + PLOT_HEIGHT,
                x_of(frame, PYR_VEC_AT(points, struct pyr_chart_point, 0)->seconds), TOP + PLOT_HEIGHT);
    fputs("\"/>\n", frame->out);
}

static void put_legend(const struct pyr_chart *chart, FILE *out)
{
    for (size_t i = 0; i < chart->count; i++) {
        double x = LEFT + (double)(i % LEGEND_PER_ROW * LEGEND_WIDTH);
        double y = (double)(i / LEGEND_PER_ROW * LEGEND_HEIGHT);
        y += chart->count > LEGEND_PER_ROW ? 30 : 36;
        fprintf(out, "<rect x=\"%.1f\" y=\"%.0f\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x, y,
                chart->series[i].colour);
        put_text(out, x + 18, y + 10, "", chart->series[i].name);
    }
}

/* ---- brackets ---- */

static const char *const bracket_colours[] = {"#2b8a3e", "#862e9c", "#e67700", "#0b7285",
                                              "#c2255c", "#5c940d", "#364fc7", "#495057"};

static const char *colour_of(size_t i)
{
    return bracket_colours[i % (sizeof bracket_colours / sizeof *bracket_colours)];
}

/* What the series was at a moment: at its last point before. */
static double height_at(const struct frame *frame, const struct pyr_vec *points, double seconds)
{
    size_t low = 0, high = points->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (PYR_VEC_AT(points, struct pyr_chart_point, middle)->seconds <= seconds)
            low = middle;
        else
            high = middle;
    }
    return y_of(frame, points->count ? (double)PYR_VEC_AT(points, struct pyr_chart_point, low)->bytes : 0);
}

/* One half: its arms point to where the other is. */
static void put_half(const struct frame *frame, const struct pyr_vec *points, double seconds, int arms)
{
    double x = x_of(frame, seconds);
    fprintf(frame->out, "M%.1f %.1fh%dv%dh%d", x + arms, height_at(frame, points, seconds) - BRACKET / 2.0, -arms,
            BRACKET, arms);
}

static void put_brackets(const struct frame *frame, const struct pyr_vec *points, const struct pyr_vec *spans,
                         const char *colour)
{
    double pixel = (frame->to_s - frame->from_s) / PLOT_WIDTH;
    fprintf(frame->out, "<path class=\"bracket\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\" d=\"", colour);
    for (size_t i = 0; i < spans->count; i++) {
        struct pyr_chart_span span = *PYR_VEC_AT(spans, struct pyr_chart_span, i);
        for (const struct pyr_chart_span *next; i + 1 < spans->count; i++) {
            next = PYR_VEC_AT(spans, struct pyr_chart_span, i + 1);
            if (next->from_s < span.from_s || next->from_s - span.to_s >= pixel)
                break;
            span.to_s = fmax(span.to_s, next->to_s);
        }
        put_half(frame, points, span.from_s, ARM);
        put_half(frame, points, span.to_s, -ARM);
    }
    fputs("\"/>\n", frame->out);
}

static void put_all_brackets(const struct frame *frame, const struct pyr_chart *chart)
{
    const struct pyr_vec *points = &chart->series[chart->count - 1].points;
    char label[TEXT_MAX];
    for (size_t i = 0; i < chart->bracket_count; i++) {
        const struct pyr_vec *spans = chart->brackets[i].spans;
        double seconds = 0;
        for (size_t j = 0; j < spans->count; j++) {
            const struct pyr_chart_span *span = PYR_VEC_AT(spans, struct pyr_chart_span, j);
            seconds += span->to_s - span->from_s;
        }
        put_brackets(frame, points, spans, colour_of(i));
        snprintf(label, sizeof label, "[ ] %s, %.3g s", chart->brackets[i].name, seconds);
        fprintf(frame->out, "<g fill=\"%s\">", colour_of(i));
        put_text(frame->out, LEFT + PLOT_WIDTH, TOP + 16.0 * (double)(i + 1), "text-anchor=\"end\"", label);
        fputs("</g>\n", frame->out);
    }
}

static void put_mark(const struct frame *frame, const struct pyr_chart_mark *mark)
{
    double x = x_of(frame, mark->seconds), y = y_of(frame, (double)mark->bytes);
    bool right = x > LEFT + PLOT_WIDTH / 2.0;
    fprintf(frame->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", x, y);
    put_text(frame->out, right ? x - 8 : x + 8, y - 6, right ? "text-anchor=\"end\"" : "", mark->text);
}

void pyr_chart_write(const struct pyr_chart *chart, FILE *out)
{
    struct frame frame = measure(chart, out);
    fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
        "<style>.grid{stroke:#ddd}</style>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
    put_text(out, LEFT, 24, "font-size=\"15\"", chart->title);
    put_bytes_axis(&frame);
    put_seconds_axis(&frame);
    for (size_t i = 0; i < chart->count; i++)
        put_series(&frame, &chart->series[i]);
    put_legend(chart, out);
    put_all_brackets(&frame, chart);
    if (chart->mark)
        put_mark(&frame, chart->mark);
    fputs("</svg>\n", out);
}
