#include "report/report.h"

#include <errno.h>
#include <string.h>

#define FACTS(name, describe, binary, expressions) {#name, describe, binary},
static const struct pyr_report_format formats[] = {PYR_FORMATS(FACTS)};
#undef FACTS

#define WRITER(name, describe, binary, expressions) pyr_write_##name,
static int (*const writers[])(struct pyr_report *) = {PYR_FORMATS(WRITER)};
#undef WRITER

#define EXPRESSIONS(name, describe, binary, expressions) expressions,
static const bool by_expression[] = {PYR_FORMATS(EXPRESSIONS)};
#undef EXPRESSIONS

#define FORMATS (sizeof formats / sizeof *formats)

const struct pyr_report_format *pyr_report_formats(unsigned *count)
{
    *count = FORMATS;
    return formats;
}

static size_t format_find(const char *name)
{
    size_t i = 0;
    while (i < FORMATS && strcmp(formats[i].name, name) != 0)
        i++;
    return i;
}

static int unknown_format(const char *name, struct pyr_err *err)
{
    char list[200];
    size_t used = 0;
    for (size_t i = 0; i < FORMATS && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", formats[i].name);
    return pyr_err_set(err, PYR_E_MISUSE, "There is no report format '%.40s'; there are %s", name, list);
}

static int check_options(const struct pyr_report_options *options, struct pyr_err *err)
{
    if (!(options->from_s >= 0) || !(options->to_s >= 0))
        return pyr_err_set(err, PYR_E_MISUSE, "A time window starts and ends at 0 seconds or later");
    if (options->to_s > 0 && options->to_s <= options->from_s)
        return pyr_err_set(err, PYR_E_MISUSE, "The time window from %g s to %g s is empty", options->from_s,
                           options->to_s);
    return 0;
}

/* Which weights go with which formats. */
static int check_weight(const struct pyr_report_options *options, const char *name, struct pyr_err *err)
{
    static const char *const weighed[] = {"collapsed", "speedscope", "pprof", "tree"};
    bool can = options->weight == PYR_WEIGH_TIME;
    for (size_t i = 0; i < sizeof weighed / sizeof *weighed; i++)
        can |= strcmp(name, weighed[i]) == 0;
    if (!can)
        return pyr_err_set(err, PYR_E_MISUSE,
                           "The %s report weighs time only; bytes go with collapsed, speedscope, pprof and tree, and "
                           "-f memory shows them by line",
                           name);
    bool whole = !options->thread && options->from_s <= 0 && options->to_s <= 0;
    if (options->weight != PYR_WEIGH_TIME && !whole)
        return pyr_err_set(
            err, PYR_E_UNSUPPORTED,
            "Memory is recorded for whole processes and whole runs: leave out --thread, --from and --to");
    return 0;
}

static int check_functions(const struct pyr_report_options *options, const char *name, struct pyr_err *err)
{
    if (!options->functions || strcmp(name, "plot") == 0)
        return 0;
    return pyr_err_set(err, PYR_E_MISUSE, "The %s report brackets no functions; --function goes with -f plot", name);
}

/* Which formats show instructions; and of what. */
static int check_opcodes(const struct pyr_report_options *options, const char *name, struct pyr_err *err)
{
    if (!options->opcodes)
        return 0;
    if (strcmp(name, "lines") != 0 && strcmp(name, "json") != 0)
        return pyr_err_set(err, PYR_E_MISUSE,
                           "The %s report shows no instructions; --opcodes goes with -f lines and json", name);
    return options->by == PYR_BY_FUNCTION
               ? pyr_err_set(err, PYR_E_MISUSE, "--opcodes takes lines apart: it does not go with --by function")
               : 0;
}

static int has_opcodes(const struct pyr_shown *view, const struct pyr_report_options *options, const char *recording,
                       struct pyr_err *err)
{
    if (!options->opcodes || view->model.opcodes)
        return 0;
    return pyr_err_set(err, PYR_E_NOT_FOUND,
                       "%s does not say which instructions ran: record it with pyrometer run --opcodes, or attach "
                       "--opcodes",
                       recording);
}

int pyr_report_finish(struct pyr_report *report, const char *name, int rc)
{
    if (rc < 0 && (!report->err || report->err->status != rc))
        pyr_err_set(report->err, rc, "The %s report could not be made: %s", name, pyr_status_text(rc));
    if (rc == 0 && (fflush(report->out) != 0 || ferror(report->out)))
        rc = pyr_err_set(report->err, PYR_E_IO, "The %s report could not be written: %s", name, strerror(errno));
    return rc;
}

/* The text report says it itself; who reads another may have no place for it. */
static void notice_incomplete(const struct pyr_report *report, const char *name)
{
    const struct pyr_model *model = &report->view->model;
    if (!model->complete && strcmp(name, "text") != 0)
        pyr_err_set(report->options->notice, 0, "%s is incomplete: %s; what comes before is whole", report->recording,
                    model->incomplete_why && *model->incomplete_why ? model->incomplete_why : "it has no end");
}

int pyr_report(const char *recording, const struct pyr_report_options *options, FILE *out, struct pyr_err *err)
{
    static const struct pyr_report_options defaults;
    options = options ? options : &defaults;
    const char *name = options->format ? options->format : "text";
    size_t format = format_find(name);
    if (format == FORMATS)
        return unknown_format(name, err);
    struct pyr_shown view = {0};
    int rc = check_options(options, err);
    if (rc == 0)
        rc = check_weight(options, name, err);
    if (rc == 0)
        rc = check_opcodes(options, name, err);
    if (rc == 0)
        rc = check_functions(options, name, err);
    if (rc == 0)
        rc = pyr_shown_open(&view, recording, options, by_expression[format], err);
    if (rc < 0)
        return rc;
    rc = has_opcodes(&view, options, recording, err);
    if (rc < 0) {
        pyr_shown_release(&view);
        return rc;
    }
    struct pyr_report report = {.view = &view, .options = options, .recording = recording, .out = out, .err = err};
    report.selection.mode = view.mode;
    rc = pyr_report_finish(&report, name, writers[format](&report));
    if (rc == 0)
        notice_incomplete(&report, name);
    pyr_shown_release(&view);
    return rc;
}
