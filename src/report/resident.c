/* RSS explained: what the resident memory of a process consists of, where it was most and when it was last seen. */
#include "report/resident.h"

#include "record/reader.h"
#include "report/bars.h"

#include <inttypes.h>
#include <stdlib.h>

enum { PIN_ROWS = 10, FIGURE = 40 };

/* ---- parts ---- */

struct part_name {
    const char *key, *words;
};

static const struct part_name part_names[PYR_RESIDENT_PARTS] = {
    [PYR_RESIDENT_BLOCKS] = {"small_blocks", "Python's blocks of up to 512 bytes, in use"},
    [PYR_RESIDENT_FREE] = {"free_in_pools", "free beside them, in pools that are not empty"},
    [PYR_RESIDENT_EMPTY] = {"empty_pools", "empty pools, kept for later"},
    [PYR_RESIDENT_ANONYMOUS] = {"anonymous", "C heap and other memory without a file; of that was asked for:"},
    [PYR_RESIDENT_DATA] = {"module_data", "data of programs and libraries"},
    [PYR_RESIDENT_FILES] = {"files", "mapped files, unchanged: code of programs and libraries"},
    [PYR_RESIDENT_STACKS] = {"stacks", "stacks of threads"},
    [PYR_RESIDENT_SHARED] = {"shared", "shared memory"},
    [PYR_RESIDENT_KERNEL] = {"kernel", "the kernel's"},
    [PYR_RESIDENT_AGENT] = {"pyrometer", "pyrometer's own: tables, the file that it counts in, code"},
};

/* In the order in which they are told. */
static const enum pyr_resident_part order[PYR_RESIDENT_PARTS] = {
    PYR_RESIDENT_BLOCKS, PYR_RESIDENT_FREE,   PYR_RESIDENT_EMPTY,  PYR_RESIDENT_ANONYMOUS, PYR_RESIDENT_DATA,
    PYR_RESIDENT_FILES,  PYR_RESIDENT_STACKS, PYR_RESIDENT_SHARED, PYR_RESIDENT_KERNEL,    PYR_RESIDENT_AGENT,
};

/* Below zero where parts were counted that had gone when the next one was. */
static int64_t not_explained(const struct pyr_resident_facts *facts)
{
    uint64_t rest = facts->resident_bytes;
    for (unsigned i = 0; i < PYR_RESIDENT_PARTS; i++)
        rest -= facts->parts[i];
    return (int64_t)rest;
}

static const char *signed_bytes(char text[FIGURE], int64_t bytes)
{
    text[0] = '-';
    pyr_text_bytes(text + (bytes < 0), FIGURE - 1, bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes);
    return text;
}

/* The two moments; either may be missing. */
struct moments {
    const struct pyr_resident_facts *most, *last;
};

static void write_figures(struct pyr_report *report, bool any_most, int64_t most, bool any_last, int64_t last)
{
    char text[FIGURE];
    fprintf(report->out, "  %11s", any_most ? signed_bytes(text, most) : "");
    fprintf(report->out, " %11s  ", any_last ? signed_bytes(text, last) : "");
}

static void write_row(struct pyr_report *report, const struct moments *moments, uint64_t most, uint64_t last,
                      const char *words)
{
    if (!most && !last)
        return;
    write_figures(report, moments->most != NULL, (int64_t)most, moments->last != NULL, (int64_t)last);
    fprintf(report->out, "%s\n", words);
}

static void write_asked(struct pyr_report *report, const struct moments *moments)
{
    static const struct pyr_resident_facts none;
    const struct pyr_resident_facts *most = moments->most ? moments->most : &none;
    const struct pyr_resident_facts *last = moments->last ? moments->last : &none;
    write_row(report, moments, most->large_bytes, last->large_bytes, "    Python's blocks above 512 bytes");
    write_row(report, moments, most->raw_bytes, last->raw_bytes, "    Python's raw memory");
    write_row(report, moments, most->c_bytes, last->c_bytes, "    C memory: malloc and mappings without a file");
}

static void write_parts(struct pyr_report *report, const struct moments *moments)
{
    const struct pyr_resident_facts *most = moments->most, *last = moments->last;
    for (unsigned i = 0; i < PYR_RESIDENT_PARTS; i++) {
        write_row(report, moments, most ? most->parts[order[i]] : 0, last ? last->parts[order[i]] : 0,
                  part_names[order[i]].words);
        if (order[i] == PYR_RESIDENT_ANONYMOUS)
            write_asked(report, moments);
    }
    write_figures(report, most != NULL, most ? not_explained(most) : 0, last != NULL, last ? not_explained(last) : 0);
    fputs("not explained: it changed while it was read\n", report->out);
    write_row(report, moments, most ? most->resident_bytes : 0, last ? last->resident_bytes : 0,
              "resident memory, the sum of these parts");
}

static void write_moments(struct pyr_report *report, const struct moments *moments)
{
    char most[FIGURE] = "", last[FIGURE] = "";
    if (moments->most)
        snprintf(most, sizeof most, "%.2f s", (double)moments->most->time_ns / 1e9);
    if (moments->last)
        snprintf(last, sizeof last, "%.2f s", (double)moments->last->time_ns / 1e9);
    fprintf(report->out, "  %11s %11s\n  %11s %11s\n", "most seen", "last seen", most, last);
}

/* ---- pools ---- */

static void write_class(struct pyr_report *report, const struct pyr_resident_class *row)
{
    char bytes[FIGURE], bars[PYR_RESIDENT_EIGHTHS * PYR_BAR_BYTES + 1];
    pyr_text_bytes(bytes, sizeof bytes, (row->total - row->used) * row->block_size);
    fprintf(report->out, "  %8" PRIu32 " %8" PRIu64 " %10" PRIu64 " %10" PRIu64 " %7.1f %10s  %s\n", row->block_size,
            row->pools, row->used, row->total - row->used,
            row->total ? 100 * (double)row->used / (double)row->total : 0, bytes,
            pyr_bars(bars, sizeof bars, row->eighths, PYR_RESIDENT_EIGHTHS));
}

static void write_classes(struct pyr_report *report, const struct pyr_resident_facts *facts)
{
    if (!facts->class_count)
        return;
    pyr_text_heading(report, "Pools of the heap at %.2f s: %" PRIu64 " arenas of 1 MiB", (double)facts->time_ns / 1e9,
                     facts->arenas);
    fprintf(report->out, "  %8s %8s %10s %10s %7s %10s  %s\n", "block", "pools", "used", "free", "full %", "free bytes",
            "pools by how full they are: empty to full");
    for (uint32_t i = 0; i < facts->class_count; i++)
        write_class(report, &facts->classes[i]);
}

/* ---- pins ---- */

static uint32_t place_of(const struct pyr_model *model, uint32_t node)
{
    if (!node || node >= model->node_count)
        return PYR_PLACE_NO_FRAME;
    return pyr_model_place(model, model->nodes[node].place)->whole;
}

static int by_place(const void *left, const void *right)
{
    const struct pyr_resident_pin *a = left, *b = right;
    return (a->node > b->node) - (a->node < b->node);
}

static int by_bytes(const void *left, const void *right)
{
    const struct pyr_resident_pin *a = left, *b = right;
    if (a->free_bytes != b->free_bytes)
        return a->free_bytes < b->free_bytes ? 1 : -1;
    return by_place(left, right);
}

/* By line, the most first; node is then the place. */
static int lines_of(struct pyr_report *report, const struct pyr_resident_facts *facts, struct pyr_vec *lines)
{
    for (uint32_t i = 0; i < facts->pin_count; i++) {
        struct pyr_resident_pin pin = facts->pins[i];
        pin.node = place_of(&report->view->model, pin.node);
        if (!pyr_vec_push(lines, &pin))
            return PYR_E_NOMEM;
    }
    if (!lines->count)
        return 0;
    struct pyr_resident_pin *items = lines->items;
    size_t kept = 0;
    qsort(items, lines->count, sizeof *items, by_place);
    for (size_t i = 1; i < lines->count; i++) {
        if (items[i].node == items[kept].node) {
            items[kept].blocks += items[i].blocks;
            items[kept].pools += items[i].pools;
            items[kept].free_bytes += items[i].free_bytes;
        } else {
            items[++kept] = items[i];
        }
    }
    lines->count = kept + 1;
    qsort(items, lines->count, sizeof *items, by_bytes);
    return 0;
}

static void write_pins_head(struct pyr_report *report, const struct pyr_resident_facts *facts)
{
    char used[FIGURE], free[FIGURE];
    pyr_text_bytes(used, sizeof used, facts->pinned_used_bytes);
    pyr_text_bytes(free, sizeof free, facts->pinned_free_bytes);
    pyr_text_heading(report, "Lines that hold pools which are nearly empty");
    fprintf(report->out,
            "  %" PRIu64 " pools are at most a quarter full: %s in use keep %s from the system and from other sizes",
            facts->pinned_pools, used, free);
    if (facts->pinned_read < facts->pinned_pools)
        fprintf(report->out, "; the lines are of %" PRIu64 " of them", facts->pinned_read);
    fprintf(report->out, ".\n  %10s %10s %10s  %s\n", "blocks", "in pools", "kept free", "line");
}

static int write_pins(struct pyr_report *report, const struct pyr_resident_facts *facts)
{
    struct pyr_vec lines = PYR_VEC(struct pyr_resident_pin);
    struct pyr_source source = {0};
    size_t limit = report->options->limit ? report->options->limit : PIN_ROWS;
    int rc = lines_of(report, facts, &lines);
    if (rc == 0 && lines.count)
        write_pins_head(report, facts);
    for (size_t i = 0; rc == 0 && i < lines.count && i < limit; i++) {
        const struct pyr_resident_pin *line = PYR_VEC_AT(&lines, struct pyr_resident_pin, i);
        char bytes[FIGURE];
        pyr_text_bytes(bytes, sizeof bytes, line->free_bytes);
        fprintf(report->out, "  %10" PRIu64 " %10" PRIu64 " %10s  ", line->blocks, line->pools, bytes);
        pyr_text_place(report, line->node, &source, 36);
    }
    pyr_source_release(&source);
    pyr_vec_release(&lines);
    return rc;
}

/* ---- text ---- */

static const struct pyr_resident_facts *selected(const struct pyr_report *report, uint32_t number)
{
    const struct pyr_model *model = &report->view->model;
    const struct pyr_resident_facts *facts = pyr_reader_resident(model->reader, number);
    return model->processes[facts->process].selected ? facts : NULL;
}

/* Of the process with the most resident memory. Returns how many have any. */
static uint32_t choose(const struct pyr_report *report, struct moments *moments)
{
    const struct pyr_model *model = &report->view->model;
    const struct pyr_resident_facts *chosen = NULL;
    uint32_t processes = 0;
    for (uint32_t i = 0; i < pyr_reader_residents(model->reader); i++) {
        const struct pyr_resident_facts *facts = selected(report, i);
        if (facts && (!chosen || facts->resident_bytes > chosen->resident_bytes))
            chosen = facts;
    }
    for (uint32_t i = 0; i < pyr_reader_residents(model->reader); i++) {
        const struct pyr_resident_facts *facts = selected(report, i);
        processes += facts && facts->last;
        if (facts && facts->process == chosen->process)
            *(facts->last ? &moments->last : &moments->most) = facts;
    }
    return processes;
}

int pyr_text_resident(struct pyr_report *report)
{
    struct moments moments = {0};
    uint32_t processes = choose(report, &moments);
    const struct pyr_resident_facts *shown = moments.last ? moments.last : moments.most;
    if (!shown)
        return 0;
    const struct pyr_model_process *process = &report->view->model.processes[shown->process];
    pyr_text_heading(report, "RSS explained");
    fprintf(report->out, "  process %" PRIu32, process->facts->pid);
    if (process->peak_rss_bytes) {
        char peak[FIGURE];
        pyr_text_bytes(peak, sizeof peak, process->peak_rss_bytes);
        fprintf(report->out, ", whose resident memory was %s at most", peak);
    }
    fprintf(report->out, "%s\n", processes > 1 ? "; that of the others: --pid" : "");
    write_moments(report, &moments);
    write_parts(report, &moments);
    write_classes(report, shown);
    return write_pins(report, shown);
}

/* ---- JSON ---- */

static void json_parts(struct pyr_json *json, const struct pyr_resident_facts *facts)
{
    pyr_json_row(json, "parts");
    for (unsigned i = 0; i < PYR_RESIDENT_PARTS; i++)
        pyr_json_uint(json, part_names[order[i]].key, facts->parts[order[i]]);
    pyr_json_int(json, "not_explained", not_explained(facts));
    pyr_json_end_object(json);
    pyr_json_row(json, "asked_for");
    pyr_json_uint(json, "large_blocks", facts->large_bytes);
    if (facts->raw_bytes || facts->c_bytes) { /* else they are not counted: no Python has none */
        pyr_json_uint(json, "raw", facts->raw_bytes);
        pyr_json_uint(json, "c", facts->c_bytes);
    }
    pyr_json_end_object(json);
}

static void json_classes(struct pyr_json *json, const struct pyr_resident_facts *facts)
{
    pyr_json_array(json, "classes");
    for (uint32_t i = 0; i < facts->class_count; i++) {
        const struct pyr_resident_class *row = &facts->classes[i];
        pyr_json_row(json, NULL);
        pyr_json_uint(json, "block_bytes", row->block_size);
        pyr_json_uint(json, "pools", row->pools);
        pyr_json_uint(json, "blocks_used", row->used);
        pyr_json_uint(json, "blocks_free", row->total - row->used);
        pyr_json_row_array(json, "pools_by_eighth_full");
        for (unsigned k = 0; k < PYR_RESIDENT_EIGHTHS; k++)
            pyr_json_uint(json, NULL, row->eighths[k]);
        pyr_json_end_array(json);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
}

static int json_pins(struct pyr_report *report, struct pyr_json *json, const struct pyr_resident_facts *facts)
{
    struct pyr_vec lines = PYR_VEC(struct pyr_resident_pin);
    int rc = lines_of(report, facts, &lines);
    pyr_json_object(json, "nearly_empty");
    pyr_json_uint(json, "pools", facts->pinned_pools);
    pyr_json_uint(json, "pools_read", facts->pinned_read);
    pyr_json_uint(json, "used_bytes", facts->pinned_used_bytes);
    pyr_json_uint(json, "free_bytes", facts->pinned_free_bytes);
    pyr_json_array(json, "held_by");
    for (size_t i = 0; rc == 0 && i < lines.count; i++) {
        const struct pyr_resident_pin *line = PYR_VEC_AT(&lines, struct pyr_resident_pin, i);
        const struct pyr_place *place = pyr_model_place(&report->view->model, line->node);
        const struct pyr_function *function = pyr_model_function(&report->view->model, place->function);
        pyr_json_row(json, NULL);
        pyr_json_string(json, "file", function->file);
        pyr_json_uint(json, "line", place->line);
        pyr_json_string(json, "function", function->name);
        pyr_json_uint(json, "blocks", line->blocks);
        pyr_json_uint(json, "pools", line->pools);
        pyr_json_uint(json, "free_bytes", line->free_bytes);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
    pyr_json_end_object(json);
    pyr_vec_release(&lines);
    return rc;
}

int pyr_json_resident(struct pyr_report *report, struct pyr_json *json)
{
    const struct pyr_model *model = &report->view->model;
    int rc = 0;
    pyr_json_array(json, "resident");
    for (uint32_t i = 0; rc == 0 && i < pyr_reader_residents(model->reader); i++) {
        const struct pyr_resident_facts *facts = selected(report, i);
        if (!facts)
            continue;
        pyr_json_object(json, NULL);
        pyr_json_uint(json, "pid", model->processes[facts->process].facts->pid);
        pyr_json_string(json, "moment", facts->last ? "last" : "most");
        pyr_json_number(json, "at_s", (double)facts->time_ns / 1e9);
        pyr_json_uint(json, "resident_bytes", facts->resident_bytes);
        json_parts(json, facts);
        pyr_json_uint(json, "arenas", facts->arenas);
        pyr_json_uint(json, "empty_pools", facts->empty_pools);
        json_classes(json, facts);
        rc = json_pins(report, json, facts);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
    return rc;
}
