/* Memory in the summary, and what it shares with -f memory and -f leaks. */
#include "report/text_memory.h"

#include <inttypes.h>

#define SUMMARY_ROWS 5
#define FRAMES_SHOWN 12

static void write_bytes(FILE *out, const char *before, uint64_t bytes)
{
    char text[40];
    pyr_text_bytes(text, sizeof text, bytes);
    fprintf(out, "%s%s", before, text);
}

static const char *live_when(const struct pyr_allocations *allocations)
{
    return allocations->at_main_end ? "live when the main module had ended" : "live at the end";
}

static void write_peak(FILE *out, const char *before, uint64_t peak_bytes, uint64_t peak_ns, uint32_t heaps)
{
    char text[40];
    write_bytes(out, before, peak_bytes);
    if (heaps > 1)
        fprintf(out, ", the peaks of %" PRIu32 " heaps added", heaps);
    else if (peak_ns) {
        pyr_text_seconds(text, sizeof text, (double)peak_ns / 1e9);
        fprintf(out, " at %s", text);
    }
}

static void write_rest(FILE *out, const struct pyr_memory_site *all, const char *when)
{
    fprintf(out, "  ·  %" PRIu64 " allocations", all->allocated_blocks);
    write_bytes(out, " of ", all->allocated_bytes);
    write_bytes(out, "  ·  ", all->live_bytes);
    fprintf(out, " in %" PRIu64 " blocks %s\n", all->live_blocks, when);
}

static struct pyr_memory_site all_of(const struct pyr_allocations *allocations, enum pyr_memory_kind kind)
{
    const struct pyr_other_memory *other = &allocations->others[kind];
    if (kind == PYR_MEMORY_HEAP)
        return (struct pyr_memory_site){.allocated_blocks = allocations->allocated_blocks,
                                        .allocated_bytes = allocations->allocated_bytes,
                                        .live_blocks = allocations->live_blocks,
                                        .live_bytes = allocations->live_bytes,
                                        .peak_bytes = allocations->peak_bytes,
                                        .temporary_blocks = allocations->temporary_blocks,
                                        .temporary_bytes = allocations->temporary_bytes};
    return (struct pyr_memory_site){.allocated_blocks = other->allocated_blocks,
                                    .allocated_bytes = other->allocated_bytes,
                                    .live_blocks = other->live_blocks,
                                    .live_bytes = other->live_bytes,
                                    .peak_bytes = other->peak_bytes};
}

void pyr_text_memory_figures(struct pyr_report *report, const struct pyr_allocations *allocations)
{
    const struct pyr_other_memory *c = &allocations->others[PYR_MEMORY_C];
    const struct pyr_other_memory *files = &allocations->others[PYR_MEMORY_FILES];
    struct pyr_memory_site all = all_of(allocations, PYR_MEMORY_HEAP), all_c = all_of(allocations, PYR_MEMORY_C);
    write_peak(report->out, "  peak ", allocations->peak_bytes, allocations->peak_ns, allocations->heaps);
    write_rest(report->out, &all, live_when(allocations));
    if (c->heaps) {
        write_peak(report->out, "  C memory beside it: peak ", c->peak_bytes, c->peak_ns, c->heaps);
        write_rest(report->out, &all_c, live_when(allocations));
    }
    if (files->heaps && files->peak_bytes) {
        write_peak(report->out, "  files mapped: peak ", files->peak_bytes, files->peak_ns, files->heaps);
        fputc('\n', report->out);
    }
}

static const char *const headings[PYR_MEMORY_KINDS][PYR_WEIGH_PEAK + 1] = {
    [PYR_MEMORY_HEAP] =
        {
            [PYR_WEIGH_ALLOCATED] = "Lines that allocate most",
            [PYR_WEIGH_LIVE] = "Lines whose memory is still allocated",
            [PYR_WEIGH_PEAK] = "Lines that hold most at the peak",
        },
    [PYR_MEMORY_C] =
        {
            [PYR_WEIGH_ALLOCATED] = "C memory: lines that allocate most",
            [PYR_WEIGH_LIVE] = "C memory: lines whose memory is still allocated",
            [PYR_WEIGH_PEAK] = "C memory: lines that hold most at its peak",
        },
    [PYR_MEMORY_FILES] =
        {
            [PYR_WEIGH_ALLOCATED] = "Mapped files: lines that map most",
            [PYR_WEIGH_LIVE] = "Mapped files: lines whose mappings are still there",
            [PYR_WEIGH_PEAK] = "Mapped files: lines that hold most at their peak",
        },
};

static void write_line(struct pyr_report *report, const struct pyr_memory_site *sum, const struct pyr_allocation *line,
                       enum pyr_weigh weight, struct pyr_source *source)
{
    const struct pyr_memory_site *figures = &line->figures;
    char peak[40], allocated[40], live[40];
    uint64_t all = pyr_allocation_bytes(sum, weight);
    uint64_t freed = figures->allocated_blocks - figures->live_blocks;
    pyr_text_bytes(peak, sizeof peak, figures->peak_bytes);
    pyr_text_bytes(allocated, sizeof allocated, figures->allocated_bytes);
    pyr_text_bytes(live, sizeof live, figures->live_bytes);
    fprintf(report->out, "  %10s %10s %10s %11" PRIu64 " %6.1f %6.1f  ", peak, live, allocated,
            figures->allocated_blocks,
            figures->allocated_blocks ? 100 * (double)freed / (double)figures->allocated_blocks : 0,
            all ? 100 * (double)pyr_allocation_bytes(figures, weight) / (double)all : 0);
    pyr_text_place(report, line->leaf, source, 60);
}

int pyr_text_memory_lines(struct pyr_report *report, const struct pyr_allocations *allocations,
                          enum pyr_memory_kind kind, enum pyr_weigh weight, size_t rows)
{
    const struct pyr_vec *lines = kind == PYR_MEMORY_HEAP ? &allocations->lines : &allocations->others[kind].lines;
    const struct pyr_memory_site sum = all_of(allocations, kind);
    struct pyr_vec order = PYR_VEC(const struct pyr_allocation *);
    struct pyr_source source = {0};
    int rc = pyr_allocations_rank_lines(lines, weight, rows, &order);
    if (rc == 0 && order.count) {
        pyr_text_heading(report, "%s", headings[kind][weight]);
        fprintf(report->out, "  %10s %10s %10s %11s %6s %6s  %s\n", "at peak", "live", "allocated", "blocks", "freed%",
                "%", "line");
    }
    for (size_t i = 0; i < order.count; i++)
        write_line(report, &sum, *PYR_VEC_AT(&order, const struct pyr_allocation *, i), weight, &source);
    pyr_source_release(&source);
    pyr_vec_release(&order);
    return rc;
}

static void write_temporary(struct pyr_report *report, const struct pyr_memory_site *sum,
                            const struct pyr_allocation *line, struct pyr_source *source)
{
    const struct pyr_memory_site *figures = &line->figures;
    char temporary[40];
    pyr_text_bytes(temporary, sizeof temporary, figures->temporary_bytes);
    fprintf(report->out, "  %10s %11" PRIu64 " %6.1f %6.1f  ", temporary, figures->temporary_blocks,
            figures->allocated_bytes ? 100 * (double)figures->temporary_bytes / (double)figures->allocated_bytes : 0,
            100 * (double)figures->temporary_bytes / (double)sum->temporary_bytes);
    pyr_text_place(report, line->leaf, source, 60);
}

int pyr_text_memory_temporary(struct pyr_report *report, const struct pyr_allocations *allocations, size_t rows)
{
    const struct pyr_memory_site sum = all_of(allocations, PYR_MEMORY_HEAP);
    struct pyr_vec order = PYR_VEC(const struct pyr_allocation *);
    struct pyr_source source = {0};
    int rc = allocations->temporary_within ? pyr_allocations_rank(allocations, PYR_WEIGH_TEMPORARY, rows, &order) : 0;
    if (rc == 0 && order.count) {
        pyr_text_heading(report, "Lines with the most temporary memory: freed among the last %" PRIu32 " allocations",
                         allocations->temporary_within);
        fputs("  Of Python's raw memory and of C memory it is not known, and not in these figures.\n", report->out);
        fprintf(report->out, "  %10s %11s %6s %6s  %s\n", "temporary", "blocks", "of all", "%", "line");
    }
    for (size_t i = 0; i < order.count; i++)
        write_temporary(report, &sum, *PYR_VEC_AT(&order, const struct pyr_allocation *, i), &source);
    pyr_source_release(&source);
    pyr_vec_release(&order);
    return rc;
}

/* ---- stacks ---- */

static const char *const stack_headings[] = {
    [PYR_WEIGH_ALLOCATED] = "Stacks that allocate most",
    [PYR_WEIGH_LIVE] = "Stacks whose memory is still allocated",
    [PYR_WEIGH_PEAK] = "Stacks that hold most at the peak",
    [PYR_WEIGH_TEMPORARY] = "Stacks with the most temporary memory",
};

static void write_frame(struct pyr_report *report, uint32_t number)
{
    const struct pyr_place *place = pyr_model_place(&report->view->model, number);
    const struct pyr_function *function = pyr_model_function(&report->view->model, place->function);
    pyr_put_clean(report->out, function->name, NULL, PYR_TEXT_NAME_WIDTH);
    fputs(*function->file ? "  " : "", report->out);
    pyr_text_location(report->out, function->file, place->line);
    fputc('\n', report->out);
}

/* `path` begins with the outermost. The outermost one is always shown. */
static void write_frames(struct pyr_report *report, const struct pyr_vec *path)
{
    size_t shown = path->count > FRAMES_SHOWN ? FRAMES_SHOWN - 2 : path->count;
    for (size_t i = 0; i < shown; i++) {
        if (i)
            fprintf(report->out, "  %29s", "from  ");
        write_frame(report, *PYR_VEC_AT(path, uint32_t, path->count - 1 - i));
    }
    if (shown == path->count)
        return;
    fprintf(report->out, "  %29s… %zu frames\n", "", path->count - shown - 1);
    fprintf(report->out, "  %29s", "from  ");
    write_frame(report, *PYR_VEC_AT(path, uint32_t, 0));
}

static int write_stack(struct pyr_report *report, const struct pyr_allocations *allocations,
                       const struct pyr_allocation *stack, enum pyr_weigh weight, struct pyr_vec *path)
{
    char bytes[40];
    const struct pyr_memory_site sum = all_of(allocations, PYR_MEMORY_HEAP);
    uint64_t all = pyr_allocation_bytes(&sum, weight), own = pyr_allocation_bytes(&stack->figures, weight);
    int rc = pyr_tree_path(&report->view->tree, stack->leaf, path);
    if (rc < 0)
        return rc;
    pyr_text_bytes(bytes, sizeof bytes, own);
    fprintf(report->out, "  %10s %9" PRIu64 " %6.1f  ", bytes, pyr_allocation_blocks(&stack->figures, weight),
            all ? 100 * (double)own / (double)all : 0);
    if (path->count)
        write_frames(report, path);
    else
        fputs("<no Python frame>\n", report->out);
    return 0;
}

int pyr_text_memory_stacks(struct pyr_report *report, const struct pyr_allocations *allocations, enum pyr_weigh weight,
                           size_t rows)
{
    struct pyr_vec order = PYR_VEC(const struct pyr_allocation *), path = PYR_VEC(uint32_t);
    int rc = allocations->whole ? pyr_allocations_rank_stacks(allocations, weight, rows, &order) : 0;
    if (rc == 0 && order.count) {
        pyr_text_heading(report, "%s", stack_headings[weight]);
        fprintf(report->out, "  %10s %9s %6s  %s\n", "bytes", "blocks", "%", "stack, innermost frame first");
    }
    for (size_t i = 0; rc == 0 && i < order.count; i++)
        rc = write_stack(report, allocations, *PYR_VEC_AT(&order, const struct pyr_allocation *, i), weight, &path);
    pyr_vec_release(&order);
    pyr_vec_release(&path);
    return rc;
}

void pyr_text_memory_notes(struct pyr_report *report, const struct pyr_allocations *allocations)
{
    if (allocations->why) {
        fputs("  Not all processes have memory figures: ", report->out);
        pyr_put_clean(report->out, allocations->why, NULL, 200);
        fputs(".\n", report->out);
    }
    if (allocations->begun_late)
        fputs("  The running program began this: what was allocated before is not in it, nor are C memory and Python's "
              "raw "
              "memory.\n",
              report->out);
    if (allocations->lost_allocations)
        fprintf(report->out, "  %" PRIu64 " allocations were of more %s than could be told apart%s.\n",
                allocations->lost_allocations, allocations->whole ? "stacks" : "lines",
                allocations->whole ? ": their stacks begin with <other code>" : "");
    if (allocations->cut)
        fputs("  The recording ends before some of the lines: their sum is less than the whole.\n", report->out);
}

int pyr_text_memory(struct pyr_report *report)
{
    static const enum pyr_weigh weights[] = {PYR_WEIGH_PEAK, PYR_WEIGH_ALLOCATED, PYR_WEIGH_LIVE};
    struct pyr_allocations allocations = {0};
    size_t rows = report->options->limit ? report->options->limit : SUMMARY_ROWS;
    if (report->options->thread || report->options->from_s > 0 || report->options->to_s > 0)
        return 0; /* memory is that of whole processes and runs */
    int rc = pyr_allocations_load(&allocations, report->view);
    if (rc == 0 && (allocations.heaps || allocations.why)) {
        pyr_text_heading(report, "Memory");
        if (allocations.heaps)
            pyr_text_memory_figures(report, &allocations);
        pyr_text_memory_notes(report, &allocations);
    }
    for (size_t i = 0; rc == 0 && allocations.heaps && i < sizeof weights / sizeof *weights; i++)
        rc = pyr_text_memory_lines(report, &allocations, PYR_MEMORY_HEAP, weights[i], rows);
    if (rc == 0 && allocations.heaps)
        rc = pyr_text_memory_lines(report, &allocations, PYR_MEMORY_C, PYR_WEIGH_PEAK, rows);
    pyr_allocations_release(&allocations);
    return rc;
}
