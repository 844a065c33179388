/* The text report of a recording that is still being written. */
#include "base/alloc.h"
#include "report/report.h"

struct pyr_follow {
    struct pyr_model_stream *stream;
    char *recording;
    bool discard;
};

int pyr_follow_open(struct pyr_follow **out, const char *recording, double window_s, bool discard, struct pyr_err *err)
{
    struct pyr_follow *follow = pyr_alloc(sizeof *follow);
    char *path = pyr_strdup(recording);
    int rc = follow && path ? pyr_model_stream_open(&follow->stream, recording, window_s, err)
                            : pyr_err_set(err, PYR_E_NOMEM, "out of memory opening %s", recording);
    if (rc < 0) {
        pyr_free(path);
        pyr_free(follow);
        return rc;
    }
    follow->recording = path;
    follow->discard = discard;
    *out = follow;
    return 0;
}

void pyr_follow_close(struct pyr_follow *follow)
{
    if (!follow)
        return;
    pyr_model_stream_close(follow->stream);
    pyr_free(follow->recording);
    pyr_free(follow);
}

int pyr_follow_read(struct pyr_follow *follow, struct pyr_err *err)
{
    return pyr_model_stream_read(follow->stream, follow->discard, err);
}

int pyr_follow_report(struct pyr_follow *follow, const struct pyr_report_options *options, bool all, FILE *out,
                      struct pyr_err *err)
{
    struct pyr_model *model = pyr_model_stream_look(follow->stream, all);
    if (!model)
        return pyr_err_set(err, PYR_E_NOMEM, "The recording could not be looked at: out of memory");
    struct pyr_shown view = {.model = *model};
    struct pyr_report report = {
        .view = &view, .options = options, .recording = follow->recording, .out = out, .err = err};
    int rc = pyr_shown_fill(&view, options, false);
    report.selection.mode = view.mode;
    if (rc == 0)
        rc = pyr_write_text(&report);
    rc = pyr_report_finish(&report, "text", rc);
    *model = view.model; /* places may have been added */
    pyr_shown_empty(&view);
    return rc;
}
