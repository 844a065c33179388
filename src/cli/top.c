#include "top.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_ESCAPE = 27, KEY_DELETE = 127 };

static int write_report(struct top *top, FILE *out, struct pyr_err *err)
{
    struct pyr_report_options options = {.by = PYR_BY_LINE,
                                         .mode_given = true,
                                         .mode = (enum pyr_mode)top->mode,
                                         .limit = pyr_live_rows(top->live) / 3,
                                         .by_total = top->by_total,
                                         .filter = *top->filter ? top->filter : NULL};
    int rc = pyr_profiler_flush(top->profiler, err);
    if (rc == 0 && !top->follow)
        rc = pyr_follow_open(&top->follow, top->file, top->args->window_s, true, err);
    if (rc == 0)
        rc = pyr_follow_read(top->follow, err);
    return rc == 0 ? pyr_follow_report(top->follow, &options, top->whole, out, err) : rc;
}

/* The view is a report of a recording that is still being written: of what came since the last, and what is kept of
 * before. */
static void bring_up_to_date(struct top *top)
{
    struct pyr_err err = {0};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    int rc = write_report(top, out, &err);
    fclose(out);
    free(top->text);
    top->text = rc < 0 ? strdup(err.text) : text;
    if (rc < 0)
        free(text);
}

static void write_title(const struct top *top, char *title, size_t size)
{
    static const char *const modes[] = {"wall", "cpu", "gil"};
    struct pyr_profile_summary summary;
    if (top->typing) {
        snprintf(title, size, " only what has in its name or file: %s_   Enter: done  Esc: everything ", top->filter);
        return;
    }
    pyr_profiler_summary(top->profiler, &summary);
    snprintf(title, size,
             " %.0f s%s  %llu samples  %.0f MiB resident  %s, %s, by %s%s%s   q: end  m: mode  a: all/last %.0f s  "
             "s: sort  /: filter  p: pause ",
             summary.elapsed_s, top->paused ? " (paused)" : "", (unsigned long long)summary.samples,
             (double)summary.rss_bytes / (1 << 20), modes[top->mode], top->whole ? "all" : "recent",
             top->by_total ? "total" : "self", *top->filter ? ", only " : "", top->filter, top->args->window_s);
}

static void show(struct top *top)
{
    char title[256];
    if (!top->paused)
        bring_up_to_date(top);
    write_title(top, title, sizeof title);
    pyr_live_show(top->live, title, top->text ? top->text : "");
}

static void type_filter(struct top *top, int key)
{
    size_t length = strlen(top->filter);
    if (key == KEY_ESCAPE)
        top->filter[0] = 0;
    if (key == KEY_ESCAPE || key == '\n' || key == '\r')
        top->typing = false;
    else if ((key == KEY_DELETE || key == '\b') && length)
        top->filter[length - 1] = 0;
    else if (key > ' ' && key < KEY_DELETE && length < sizeof top->filter - 1) {
        top->filter[length] = (char)key;
        top->filter[length + 1] = 0;
    }
}

static void take_key(struct top *top, int key)
{
    if (key == 'm')
        top->mode = (top->mode + 1) % 3;
    if (key == 'a')
        top->whole = !top->whole;
    if (key == 's')
        top->by_total = !top->by_total;
    if (key == '/')
        top->typing = true;
    if (key == 'p' || key == ' ')
        top->paused = !top->paused;
}

static bool take_keys(struct top *top)
{
    for (int key; (key = pyr_live_key(top->live)) >= 0;) {
        if (top->typing)
            type_filter(top, key);
        else if (key == 'q' || key == 'Q')
            return false;
        else
            take_key(top, key);
        if (top->paused && (top->typing || strchr("mas\r\n", key)))
            bring_up_to_date(top); /* as it is asked for now */
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
