/* The hot files line by line: line_profiler's view of the whole program. */
#include "analyze/totals.h"
#include "base/alloc.h"
#include "report/expressions.h"
#include "report/opcodes.h"
#include "report/source.h"
#include "report/text.h"

#include <stdlib.h>
#include <string.h>

#define FILES 10
#define FILE_SHARE_MIN 0.01 /* of all time on a stack; colder files are not shown */
#define CONTEXT 2           /* lines shown around a line with time */
#define SOURCE_WIDTH 100
#define MARKS 4              /* expressions shown below their line: the hottest, if there are two at least … */
#define MARK_SHARE_MIN 0.05  /* … of the line's time each */
#define OPCODE_LINE_MIN 0.01 /* of all time: colder lines are not taken apart */
#define OPCODES 100          /* instructions shown below a line */
#define OPCODE_WIDTH 60      /* of a name: hostile ones are longer */
#define NAME_COLUMNS 28u

/* One line of a file, whatever functions are on it. */
struct row {
    uint32_t file, line, key;
};

struct lines {
    struct pyr_report *report;
    struct pyr_intern files;
    struct pyr_map index;             /* file and line to row */
    struct pyr_vec rows;              /* of struct row */
    uint32_t *keys;                   /* by node: its row */
    uint32_t *file_keys;              /* by node: its file */
    struct pyr_vec expressions;       /* grouped by row */
    struct pyr_opcodes_shown opcodes; /* likewise */
    struct pyr_range *ranges;         /* by place; where there are opcodes */
    struct pyr_totals by_row, by_file;
    struct pyr_source source;
};

static int64_t row_number(struct lines *lines, uint32_t file, uint32_t line)
{
    uint64_t key = (uint64_t)file << 32 | line;
    uint64_t *known = pyr_map_find(&lines->index, key);
    if (known)
        return (int64_t)*known;
    struct row row = {file, line, (uint32_t)lines->rows.count};
    if (!pyr_vec_push(&lines->rows, &row) || pyr_map_put(&lines->index, key, row.key) < 0)
        return PYR_E_NOMEM;
    return row.key;
}

static int key_nodes(struct lines *lines)
{
    const struct pyr_shown *view = lines->report->view;
    for (uint32_t i = 1; i < view->tree.nodes.count; i++) {
        const struct pyr_place *place = pyr_model_place(&view->model, pyr_tree_at(&view->tree, i)->place);
        const char *file = pyr_model_function(&view->model, place->function)->file;
        int64_t number = pyr_intern_put(&lines->files, file, strlen(file), NULL);
        int64_t row = number < 0 ? number : row_number(lines, (uint32_t)number, place->line);
        if (row < 0)
            return (int)row;
        lines->file_keys[i] = (uint32_t)number;
        lines->keys[i] = (uint32_t)row;
    }
    return 0;
}

static int rank_opcodes(struct lines *lines, const uint32_t *rows)
{
    const struct pyr_shown *view = lines->report->view;
    lines->ranges = pyr_ranges_make(&view->model);
    return lines->ranges ? pyr_opcodes_rank(&lines->opcodes, view, &lines->report->selection, rows) : PYR_E_NOMEM;
}

static int rank_expressions(struct lines *lines)
{
    const struct pyr_shown *view = lines->report->view;
    uint32_t *rows = pyr_alloc(view->model.places.count * sizeof *rows);
    struct pyr_totals by_place = {0};
    int rc = rows ? pyr_totals_expressions(&by_place, view, &lines->report->selection) : PYR_E_NOMEM;
    for (uint32_t i = 1; rc == 0 && i < view->tree.nodes.count; i++) {
        uint32_t place = pyr_tree_at(&view->tree, i)->place;
        rows[place] = rows[pyr_model_place(&view->model, place)->expression] = lines->keys[i];
    }
    if (rc == 0)
        rc = pyr_expressions_rank(&lines->expressions, &view->model, &by_place, rows);
    if (rc == 0 && view->model.opcodes)
        rc = rank_opcodes(lines, rows);
    pyr_totals_release(&by_place);
    pyr_free(rows);
    return rc;
}

static int compute(struct lines *lines)
{
    const struct pyr_shown *view = lines->report->view;
    lines->keys = pyr_alloc(view->tree.nodes.count * sizeof *lines->keys);
    lines->file_keys = pyr_alloc(view->tree.nodes.count * sizeof *lines->file_keys);
    int rc = lines->keys && lines->file_keys ? key_nodes(lines) : PYR_E_NOMEM;
    if (rc == 0)
        rc = pyr_totals_fill(&lines->by_row, view, &lines->report->selection, lines->keys, (uint32_t)lines->rows.count);
    if (rc == 0)
        rc = pyr_totals_fill(&lines->by_file, view, &lines->report->selection, lines->file_keys,
                             pyr_intern_count(&lines->files));
    return rc == 0 ? rank_expressions(lines) : rc;
}

static int compare_rows(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    return (a->line > b->line) - (a->line < b->line);
}

static void write_source(struct lines *lines, uint32_t line)
{
    fprintf(lines->report->out, " %6u │ ", line);
    pyr_source_put(&lines->source, line, true, SOURCE_WIDTH, lines->report->out);
    fputc('\n', lines->report->out);
}

static void write_seconds(struct lines *lines, double self_s, double total_s)
{
    double all = lines->by_row.all.self_s;
    if (self_s > 0)
        fprintf(lines->report->out, "%9.3f %5.1f ", self_s, 100 * self_s / all);
    else
        fprintf(lines->report->out, "%16s", "");
    fprintf(lines->report->out, "%9.3f %5.1f", total_s, 100 * total_s / all);
}

struct mark {
    const struct pyr_expression *expression;
    struct pyr_extent extent;
};

static int compare_marks(const void *left, const void *right)
{
    const struct mark *a = left, *b = right;
    if (a->extent.before != b->extent.before)
        return a->extent.before < b->extent.before ? -1 : 1;
    return (a->extent.marked > b->extent.marked) - (a->extent.marked < b->extent.marked);
}

/* The hottest expressions of a line, in the order in which they stand there. */
static unsigned find_marks(const struct lines *lines, const struct row *row, struct mark *marks)
{
    double least_s = MARK_SHARE_MIN * lines->by_row.sums[row->key].total_s;
    size_t count;
    unsigned found = 0;
    const struct pyr_expression *all = pyr_expressions_of(&lines->expressions, row->key, &count);
    for (size_t i = 0; i < count && found < MARKS && all[i].total_s >= least_s; i++) {
        const struct pyr_place *place = pyr_model_place(&lines->report->view->model, all[i].place);
        int32_t end = place->end_line == place->line ? place->end_column : -1;
        marks[found].expression = &all[i];
        found += pyr_source_extent(&lines->source, place->line, place->column, end, SOURCE_WIDTH, &marks[found].extent);
    }
    qsort(marks, found, sizeof *marks, compare_marks);
    return found;
}

static void write_marks(struct lines *lines, const struct row *row)
{
    struct mark marks[MARKS];
    unsigned count = find_marks(lines, row, marks);
    for (unsigned i = 0; count > 1 && i < count; i++) {
        write_seconds(lines, marks[i].expression->self_s, marks[i].expression->total_s);
        fprintf(lines->report->out, " %6s │ %*s", "", (int)marks[i].extent.before, "");
        for (unsigned n = 0; n < marks[i].extent.marked; n++)
            fputc('^', lines->report->out);
        fputc('\n', lines->report->out);
    }
}

/* What to know of the rows of instructions. */
static void write_legend(const struct lines *lines)
{
    const struct pyr_quality *quality = &lines->report->view->model.quality;
    fprintf(lines->report->out,
            "Below each line with %.0f %% of the time: its bytecode instructions (offset, name, columns).\n",
            100 * OPCODE_LINE_MIN);
    if (quality->samples_compiled)
        fprintf(lines->report->out,
                "%.1f %% of the samples were of code that the JIT had compiled: theirs may be an instruction before.\n",
                100.0 * (double)quality->samples_compiled / (double)quality->samples_taken);
}

/* From column to column, as far as the instruction tells; "-13:5" ends in the line 13. */
static void write_range(struct lines *lines, const struct pyr_opcode_row *row, int padding)
{
    const struct pyr_place *place = pyr_model_place(&lines->report->view->model, row->place);
    const struct pyr_range *range = &lines->ranges[row->place];
    if (place->column < 0)
        return;
    fprintf(lines->report->out, "%*s  %u-", padding, "", range->column);
    if (place->end_line != place->line)
        fprintf(lines->report->out, "%u:", place->end_line);
    fprintf(lines->report->out, "%u", range->end_column - 1);
}

static void write_opcode(struct lines *lines, const struct pyr_opcode_row *row)
{
    const struct pyr_model *model = &lines->report->view->model;
    const struct pyr_sum *sum = &lines->opcodes.totals.sums[row->place];
    const char *opcode = pyr_model_opcode(model, pyr_model_place(model, row->place));
    char name[OPCODE_WIDTH + 1];
    pyr_clean(name, sizeof name, opcode ? opcode : "?");
    write_seconds(lines, sum->self_s, sum->total_s);
    fprintf(lines->report->out, " %6s │ %6u  %s", "", row->offset, name);
    write_range(lines, row, NAME_COLUMNS > strlen(name) ? (int)(NAME_COLUMNS - strlen(name)) : 0);
    fputc('\n', lines->report->out);
}

static void write_opcodes(struct lines *lines, const struct row *row)
{
    size_t count;
    const struct pyr_model *model = &lines->report->view->model;
    const struct pyr_opcode_row *rows = pyr_opcodes_of(&lines->opcodes, row->key, &count);
    if (lines->by_row.sums[row->key].total_s < OPCODE_LINE_MIN * lines->by_row.all.self_s)
        return;
    for (size_t i = 0; i < count && i < OPCODES; i++) {
        bool several = rows[0].function != rows[count - 1].function;
        if (several && (i == 0 || rows[i].function != rows[i - 1].function)) {
            fprintf(lines->report->out, "%38s │ in ", "");
            pyr_put_clean(lines->report->out, pyr_model_function(model, rows[i].function)->name, NULL, SOURCE_WIDTH);
            fputc('\n', lines->report->out);
        }
        write_opcode(lines, &rows[i]);
    }
    if (count > OPCODES)
        fprintf(lines->report->out, "%38s │ … and %zu more\n", "", count - OPCODES);
}

static void write_row(struct lines *lines, const struct row *row)
{
    const struct pyr_sum *sum = &lines->by_row.sums[row->key];
    write_seconds(lines, sum->self_s, sum->total_s);
    write_source(lines, row->line);
    write_marks(lines, row);
    if (lines->report->view->model.opcodes)
        write_opcodes(lines, row);
}

/* Source without time: the lines of (after, before) that are near one end; in between "…". */
static void write_between(struct lines *lines, uint32_t after, uint32_t before)
{
    uint32_t end = pyr_source_lines(&lines->source) + 1;
    before = before < end ? before : end;
    uint32_t gap_end = before > CONTEXT ? before - CONTEXT : 1;
    uint32_t line = after + 1;
    for (; after && line < before && line <= after + CONTEXT; line++) {
        fprintf(lines->report->out, "%31s", "");
        write_source(lines, line);
    }
    if (line + 1 < gap_end) {
        fprintf(lines->report->out, "%31s      … │\n", "");
        line = gap_end;
    }
    for (; line < before; line++) {
        fprintf(lines->report->out, "%31s", "");
        write_source(lines, line);
    }
}

static void write_heading(struct lines *lines, uint32_t file, bool readable)
{
    const char *path = pyr_intern_get(&lines->files, file)->bytes;
    const struct pyr_model *model = &lines->report->view->model;
    const struct pyr_sum *sum = &lines->by_file.sums[file];
    char name[512];
    pyr_clean(name, sizeof name, path);
    pyr_text_heading(lines->report, "%s: %.3f s self (%.1f %%), %.3f s total", name, sum->self_s,
                     100 * sum->self_s / lines->by_file.all.self_s, sum->total_s);
    if (!readable)
        fputs("(its source cannot be read here)\n", lines->report->out);
    else if (lines->source.changed_ns > model->facts->started_wall_ns + model->end_ns)
        fputs("(the file was changed after the recording was made: lines may have moved)\n", lines->report->out);
    fprintf(lines->report->out, "%9s %5s %9s %5s %6s\n", "self s", "%", "total s", "%", "line");
}

static void write_file(struct lines *lines, uint32_t file)
{
    const struct row *rows = lines->rows.items;
    size_t i = 0;
    uint32_t last = 0;
    bool readable = pyr_source_open(&lines->source, pyr_intern_get(&lines->files, file)->bytes) == 0;
    write_heading(lines, file, readable);
    while (i < lines->rows.count && rows[i].file != file)
        i++;
    for (; i < lines->rows.count && rows[i].file == file; i++) {
        if (lines->by_row.sums[rows[i].key].total_s <= 0)
            continue;
        write_between(lines, last, rows[i].line);
        write_row(lines, &rows[i]);
        last = rows[i].line;
    }
    if (last)
        write_between(lines, last, last + CONTEXT + 1);
}

static int write_files(struct lines *lines)
{
    struct pyr_vec order = PYR_VEC(uint32_t);
    size_t limit = lines->report->options->limit ? lines->report->options->limit : FILES;
    int rc = pyr_totals_rank(&lines->by_file, false, limit, &order);
    if (lines->rows.count)
        qsort(lines->rows.items, lines->rows.count, sizeof(struct row), compare_rows);
    for (size_t i = 0; rc == 0 && i < order.count; i++) {
        uint32_t file = *PYR_VEC_AT(&order, uint32_t, i);
        bool hot = lines->by_file.sums[file].total_s >= FILE_SHARE_MIN * lines->by_file.all.self_s;
        if (hot && pyr_intern_get(&lines->files, file)->size)
            write_file(lines, file);
    }
    pyr_vec_release(&order);
    return rc;
}

int pyr_write_lines(struct pyr_report *report)
{
    struct lines lines = {.report = report, .rows = PYR_VEC(struct row)};
    lines.expressions = PYR_VEC(struct pyr_expression);
    report->selection.busy_only = report->view->mode == PYR_MODE_WALL && !report->options->include_idle;
    int rc = compute(&lines);
    if (rc == 0 && report->view->model.opcodes)
        write_legend(&lines);
    if (rc == 0)
        rc = write_files(&lines);
    pyr_source_release(&lines.source);
    pyr_totals_release(&lines.by_row);
    pyr_totals_release(&lines.by_file);
    pyr_vec_release(&lines.rows);
    pyr_vec_release(&lines.expressions);
    pyr_opcodes_release(&lines.opcodes);
    pyr_free(lines.ranges);
    pyr_map_release(&lines.index);
    pyr_intern_release(&lines.files);
    pyr_free(lines.keys);
    pyr_free(lines.file_keys);
    return rc;
}
