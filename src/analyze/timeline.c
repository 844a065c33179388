#include "analyze/timeline.h"

#include "base/alloc.h"
#include "record/reader.h"

struct track {
    uint32_t shown, wanted; /* nodes of the tree; they differ outside the window */
};

struct timeline {
    const struct pyr_model *model;
    struct pyr_tree *tree;
    const struct pyr_timeline_options *options;
    const struct pyr_timeline_sink *sink;
    struct track *tracks; /* by thread */
    uint64_t *last_ns;    /* by process */
    bool *visible;        /* by process: inside the window */
    uint64_t from_ns, to_ns;
};

static int show(struct timeline *timeline, uint32_t thread, uint32_t node, uint64_t ns)
{
    struct track *track = &timeline->tracks[thread];
    uint32_t from = track->shown;
    track->shown = node;
    return from == node ? 0 : timeline->sink->change(timeline->sink->context, thread, from, node, ns);
}

static bool is_followed(const struct timeline *timeline, uint32_t thread, uint32_t process)
{
    return thread < timeline->model->thread_count && timeline->model->threads[thread].selected &&
           timeline->model->threads[thread].facts->process == process;
}

static bool in_window(const struct timeline *timeline, uint64_t ns)
{
    return ns >= timeline->from_ns && ns < timeline->to_ns;
}

/* Every thread of the process shows its stack, or none, from now on. */
static int show_process(struct timeline *timeline, uint32_t process, bool visible, uint64_t ns)
{
    int rc = 0;
    timeline->visible[process] = visible;
    for (uint32_t i = 0; rc == 0 && i < timeline->model->thread_count; i++)
        if (is_followed(timeline, i, process))
            rc = show(timeline, i, visible ? timeline->tracks[i].wanted : 0, ns);
    return rc;
}

static int take_sample(struct timeline *timeline, const struct pyr_event *event, const struct pyr_sample *sample)
{
    bool selected = pyr_selects(&timeline->options->selection, sample->flags);
    int64_t leaf = 0;
    if (selected && (sample->flags & PYR_UNRESOLVED))
        return 0;
    if (selected && sample->node && sample->node < timeline->model->node_count)
        leaf = pyr_tree_leaf(timeline->tree, sample->node, sample->flags);
    if (leaf < 0)
        return (int)leaf;
    timeline->tracks[sample->thread].wanted = (uint32_t)leaf;
    return timeline->visible[event->process] ? show(timeline, sample->thread, (uint32_t)leaf, event->time_ns) : 0;
}

static int take_tick(struct timeline *timeline, const struct pyr_event *event)
{
    bool inside = in_window(timeline, event->time_ns);
    int rc = 0;
    if (inside != timeline->visible[event->process])
        rc = show_process(timeline, event->process, inside, event->time_ns);
    for (uint32_t i = 0; rc == 0 && i < event->sample_count; i++)
        if (is_followed(timeline, event->samples[i].thread, event->process))
            rc = take_sample(timeline, event, &event->samples[i]);
    return rc;
}

static int take_thread_end(struct timeline *timeline, uint32_t thread)
{
    const struct pyr_model *model = timeline->model;
    if (thread >= model->thread_count || !model->threads[thread].selected)
        return 0;
    timeline->tracks[thread].wanted = 0;
    return show(timeline, thread, 0, timeline->last_ns[model->threads[thread].facts->process]);
}

static int take_usage(struct timeline *timeline, const struct pyr_event *event)
{
    if (!in_window(timeline, event->time_ns))
        return 0;
    return timeline->sink->memory(timeline->sink->context, event->process, event->time_ns, event->rss_bytes);
}

static int take_event(struct timeline *timeline, const struct pyr_event *event)
{
    if (event->kind == PYR_EVENT_THREAD_END)
        return take_thread_end(timeline, event->thread);
    if (event->kind == PYR_EVENT_THREAD || event->process >= timeline->model->process_count ||
        !timeline->model->processes[event->process].selected)
        return 0;
    if (event->kind == PYR_EVENT_USAGE)
        return take_usage(timeline, event);
    if (event->kind != PYR_EVENT_TICK && event->kind != PYR_EVENT_PROCESS_END)
        return 0;
    timeline->last_ns[event->process] = event->time_ns;
    if (event->kind == PYR_EVENT_TICK)
        return take_tick(timeline, event);
    int rc = show_process(timeline, event->process, false, event->time_ns);
    if (rc < 0 || !in_window(timeline, event->time_ns))
        return rc;
    return timeline->sink->memory(timeline->sink->context, event->process, event->time_ns, 0);
}

static int read_events(struct timeline *timeline, struct pyr_reader *reader, struct pyr_err *err)
{
    struct pyr_event event;
    int rc;
    while ((rc = pyr_reader_next(reader, &event, err)) > 0)
        if ((rc = take_event(timeline, &event)) < 0)
            return rc;
    for (uint32_t i = 0; rc == 0 && i < timeline->model->process_count; i++)
        if (timeline->model->processes[i].selected)
            rc = show_process(timeline, i, false, timeline->last_ns[i]);
    return rc;
}

int pyr_timeline_read(const struct pyr_shown *view, struct pyr_tree *tree, const char *recording,
                      const struct pyr_timeline_options *options, const struct pyr_timeline_sink *sink,
                      struct pyr_err *err)
{
    struct timeline timeline = {.model = &view->model, .tree = tree, .options = options, .sink = sink};
    struct pyr_reader *reader = NULL;
    timeline.from_ns = pyr_window_ns(options->from_s);
    timeline.to_ns = options->to_s > 0 ? pyr_window_ns(options->to_s) : UINT64_MAX;
    timeline.tracks = pyr_alloc(view->model.thread_count * sizeof *timeline.tracks);
    timeline.last_ns = pyr_alloc(view->model.process_count * sizeof *timeline.last_ns);
    timeline.visible = pyr_alloc(view->model.process_count * sizeof *timeline.visible);
    int rc = timeline.tracks && timeline.last_ns && timeline.visible ? 0 : PYR_E_NOMEM;
    if (rc == 0)
        rc = pyr_reader_open(&reader, recording, err);
    if (rc == 0)
        rc = read_events(&timeline, reader, err);
    if (reader)
        pyr_reader_close(reader);
    pyr_free(timeline.tracks);
    pyr_free(timeline.last_ns);
    pyr_free(timeline.visible);
    return rc;
}
