#include "top.h"

#include <poll.h>
#include <stdlib.h>

static int write_report(struct top *top, FILE *out, struct pyr_err *err)
{
    struct pyr_report_options options = {
        .by = PYR_BY_LINE, .mode_given = true, .mode = (enum pyr_mode)top->mode, .limit = pyr_live_rows(top->live)};
    int rc = pyr_profiler_flush(top->profiler, err);
    if (rc == 0 && !top->follow)
        rc = pyr_follow_open(&top->follow, top->file, top->args->window_s, true, err);
    if (rc == 0)
        rc = pyr_follow_read(top->follow, err);
    return rc == 0 ? pyr_follow_report(top->follow, &options, top->whole, out, err) : rc;
}

/* The view is a report of a recording that is still being written: of what came since the last, and what is kept of
 * before. */
static void show(struct top *top)
{
    static const char *const modes[] = {"wall", "cpu", "gil"};
    struct pyr_profile_summary summary;
    struct pyr_err err = {0};
    char title[200], *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    int rc = write_report(top, out, &err);
    fclose(out);
    pyr_profiler_summary(top->profiler, &summary);
    snprintf(title, sizeof title, " %.0f s  %llu samples  %s, %s   q: end  m: mode  a: all or the last %.0f s ",
             summary.elapsed_s, (unsigned long long)summary.samples, modes[top->mode], top->whole ? "all" : "recent",
             top->args->window_s);
    pyr_live_show(top->live, title, rc < 0 ? err.text : text);
    free(text);
}

static bool take_keys(struct top *top)
{
    for (int key; (key = pyr_live_key(top->live)) >= 0;) {
        if (key == 'q' || key == 'Q')
            return false;
        if (key == 'm')
            top->mode = (top->mode + 1) % 3;
        if (key == 'a')
            top->whole = !top->whole;
    }
    return true;
}

void pyr_top_watch(struct top *top)
{
    struct pollfd fds[] = {{.fd = top->signals.fd, .events = POLLIN},
                           {.fd = pyr_session_fd(top->session), .events = POLLIN},
                           {.fd = pyr_live_fd(top->live), .events = POLLIN}};
    do {
        show(top);
        poll(fds, 3, (int)(top->args->interval_s * 1e3));
    } while (!fds[1].revents && take_keys(top) && !pyr_signals_end_wanted(&top->signals));
}
