#include "analyze/view.h"

#include "base/alloc.h"
#include "model/estimate.h"

#include <stdlib.h>
#include <string.h>

static enum pyr_mode recorded_mode(const struct pyr_model *model)
{
    if (strcmp(model->facts->mode, "cpu") == 0)
        return PYR_MODE_CPU;
    return strcmp(model->facts->mode, "gil") == 0 ? PYR_MODE_GIL : PYR_MODE_WALL;
}

const struct pyr_model_process *pyr_shown_process(const struct pyr_shown *view, uint32_t thread)
{
    return &view->model.processes[view->model.threads[thread].facts->process];
}

static int push_part(struct pyr_shown *view, const struct pyr_weight *weight, uint8_t flags, double part)
{
    int64_t leaf = pyr_tree_leaf(&view->tree, weight->node, weight->flags);
    if (leaf < 0)
        return (int)leaf;
    double tick_s = pyr_shown_process(view, weight->thread)->tick_s;
    struct pyr_entry entry = {.thread = weight->thread, .leaf = (uint32_t)leaf, .flags = flags};
    entry.ticks = tick_s > 0 ? weight->seconds * part / tick_s : 0;
    entry.seconds = weight->seconds * part;
    entry.square = weight->square * part * part;
    return pyr_vec_push(&view->entries, &entry) ? 0 : PYR_E_NOMEM;
}

/* What could run is divided into what did and what waited for a CPU. */
static int push_parts(struct pyr_shown *view, const struct pyr_weight *weight)
{
    double ran = weight->flags & PYR_ON_CPU ? weight->ran_s / weight->seconds : 1;
    uint8_t queued = (uint8_t)((weight->flags & ~PYR_ON_CPU) | PYR_QUEUED);
    int rc = ran > 0 ? push_part(view, weight, weight->flags, ran) : 0;
    return rc == 0 && ran < 1 ? push_part(view, weight, queued, 1 - ran) : rc;
}

static int push_weights(struct pyr_shown *view, const struct pyr_vec *weights)
{
    for (size_t i = 0; i < weights->count; i++) {
        const struct pyr_weight *weight = PYR_VEC_AT(weights, struct pyr_weight, i);
        int rc = weight->seconds > 0 ? push_parts(view, weight) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int compare_entries(const void *left, const void *right)
{
    const struct pyr_entry *a = left, *b = right;
    if (a->thread != b->thread)
        return a->thread < b->thread ? -1 : 1;
    if (a->leaf != b->leaf)
        return a->leaf < b->leaf ? -1 : 1;
    return (a->flags > b->flags) - (a->flags < b->flags);
}

static void add_entry(struct pyr_entry *sum, const struct pyr_entry *entry)
{
    sum->flags |= entry->flags;
    sum->ticks += entry->ticks;
    sum->seconds += entry->seconds;
    sum->square += entry->square;
}

/* Stacks of the recording that fold into one, become one entry per state. */
static void merge_entries(struct pyr_shown *view)
{
    struct pyr_entry *entries = view->entries.items;
    size_t kept = 0;
    if (!view->entries.count)
        return;
    qsort(entries, view->entries.count, sizeof *entries, compare_entries);
    for (size_t i = 1; i < view->entries.count; i++) {
        if (compare_entries(&entries[kept], &entries[i]) == 0)
            add_entry(&entries[kept], &entries[i]);
        else
            entries[++kept] = entries[i];
    }
    view->entries.count = kept + 1;
}

static int fill(struct pyr_shown *view, enum pyr_fold by)
{
    struct pyr_vec weights = PYR_VEC(struct pyr_weight);
    int rc = pyr_estimate(&view->model, &weights);
    if (rc == 0)
        rc = pyr_tree_build(&view->tree, &view->model, by);
    if (rc == 0)
        rc = push_weights(view, &weights);
    if (rc == 0)
        merge_entries(view);
    pyr_vec_release(&weights);
    return rc;
}

int pyr_shown_open(struct pyr_shown *view, const char *recording, const struct pyr_report_options *options,
                   bool expressions, struct pyr_err *err)
{
    struct pyr_shown opened = {0};
    const struct pyr_model_filter filter = {options->from_s, options->to_s, options->pid, options->thread,
                                            options->opcodes};
    int rc = pyr_model_load(&opened.model, recording, &filter, err);
    if (rc == 0 && (rc = pyr_shown_fill(&opened, options, expressions)) < 0)
        pyr_err_set(err, rc, "The recording %s could not be analysed: %s", recording, pyr_status_text(rc));
    if (rc < 0) {
        pyr_shown_release(&opened);
        return rc;
    }
    *view = opened;
    return 0;
}

int pyr_shown_fill(struct pyr_shown *view, const struct pyr_report_options *options, bool expressions)
{
    enum pyr_fold by = view->model.opcodes ? PYR_FOLD_INSTRUCTIONS
                       : expressions       ? PYR_FOLD_EXPRESSIONS
                                           : PYR_FOLD_LINES;
    view->entries = PYR_VEC(struct pyr_entry);
    view->mode = options->mode_given ? options->mode : recorded_mode(&view->model);
    return fill(view, options->by == PYR_BY_FUNCTION ? PYR_FOLD_FUNCTIONS : by);
}

void pyr_shown_empty(struct pyr_shown *view)
{
    if (view->entries.item_size)
        pyr_vec_release(&view->entries);
    pyr_tree_release(&view->tree);
}

void pyr_shown_release(struct pyr_shown *view)
{
    pyr_shown_empty(view);
    pyr_model_release(&view->model);
}

uint32_t *pyr_shown_places(const struct pyr_shown *view)
{
    uint32_t *numbers = pyr_alloc(view->model.places.count * sizeof *numbers), last = 0;
    for (uint32_t i = 1; numbers && i < view->tree.nodes.count; i++)
        numbers[pyr_tree_at(&view->tree, i)->place] = 1;
    for (uint32_t i = 0; numbers && i < view->model.places.count; i++)
        numbers[i] = numbers[i] ? ++last : 0;
    return numbers;
}

bool pyr_shown_next(const struct pyr_shown *view, const struct pyr_selection *selection, size_t *next,
                    struct pyr_entry *sum)
{
    bool found = false;
    for (; *next < view->entries.count; ++*next) {
        const struct pyr_entry *entry = pyr_shown_entry(view, *next);
        if (!pyr_selects(selection, entry->flags))
            continue;
        if (found && (entry->thread != sum->thread || entry->leaf != sum->leaf))
            break;
        if (found)
            add_entry(sum, entry);
        else
            *sum = *entry;
        found = true;
    }
    return found;
}
