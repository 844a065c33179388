#include "analyze/facts.h"
#include "model/model.h"
#include "report/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define THREAD_ROWS 20
#define PROCESS_ROWS 20
#define GAPS_SHARE 0.001 /* of the time without samples: worth saying */
#define ONLY_SHARE 0.1   /* of the samples while there were no glances, and */
#define FEWER 0.9        /* of the samples asked for: likewise */

static size_t rows(const struct pyr_report *report, size_t by_default)
{
    return report->options->limit ? report->options->limit : by_default;
}

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static int compare_threads(const void *left, const void *right)
{
    const struct pyr_thread_sum *a = left, *b = right;
    if (a->busy_s != b->busy_s)
        return a->busy_s > b->busy_s ? -1 : 1;
    return (a->seconds < b->seconds) - (a->seconds > b->seconds);
}

static void write_thread(struct pyr_report *report, const struct pyr_thread_sum *sum, bool many)
{
    FILE *out = report->out;
    fprintf(out, "  %9.3f %8.1f %8.1f %8.1f %10.1f  ", sum->seconds, percent(sum->on_cpu, sum->ticks),
            percent(sum->waits_cpu, sum->ticks), percent(sum->has_gil, sum->ticks),
            percent(sum->waits_gil, sum->ticks));
    pyr_put_clean(out, *sum->facts->name ? sum->facts->name : "(no name)", NULL, PYR_TEXT_NAME_WIDTH);
    fprintf(out, "  %" PRIu64, sum->facts->native_id);
    if (many)
        fprintf(out, "  of process %" PRIu32, report->view->model.processes[sum->facts->process].facts->pid);
    if (sum->facts->interpreter)
        fprintf(out, "  interpreter %" PRIu64, sum->facts->interpreter);
    fputc('\n', out);
}

static void write_threads(struct pyr_report *report, struct pyr_thread_sum *sums)
{
    uint32_t count = report->view->model.thread_count, seen = 0;
    if (count)
        qsort(sums, count, sizeof *sums, compare_threads);
    while (seen < count && sums[seen].ticks > 0)
        seen++;
    if (!seen)
        return;
    pyr_text_heading(report, "Threads");
    fprintf(report->out, "  %9s %8s %8s %8s %10s  name\n", "seconds", "CPU %", "queued %", "GIL %", "wants it %");
    for (uint32_t i = 0; i < seen && i < rows(report, THREAD_ROWS); i++)
        write_thread(report, &sums[i], report->view->model.process_count > 1);
    if (seen > rows(report, THREAD_ROWS))
        fprintf(report->out, "  … and %zu more\n", seen - rows(report, THREAD_ROWS));
}

/* A process that became another program has an entry for each: they are told apart by when. */
static bool is_one_of_several(const struct pyr_model *model, const struct pyr_model_process *process)
{
    for (uint32_t i = 0; i < model->process_count; i++)
        if (&model->processes[i] != process && model->processes[i].facts &&
            model->processes[i].facts->pid == process->facts->pid)
            return true;
    return false;
}

static void write_process(struct pyr_report *report, const struct pyr_model_process *process)
{
    char text[40] = "";
    int code;
    if (process->peak_rss_bytes)
        pyr_text_bytes(text, sizeof text, process->peak_rss_bytes);
    fprintf(report->out, "  %9" PRIu32 " %9" PRIu32 " %9.3f %9.3f %10s  ", process->facts->pid,
            process->facts->parent_pid, process->elapsed_s, (double)process->cpu_ns / 1e9, text);
    pyr_put_clean(report->out, process->facts->command, NULL, PYR_TEXT_NAME_WIDTH);
    if (!*process->facts->python)
        fputs("  (not Python)", report->out);
    if (pyr_exit_code(process->exit_status, &code) && code)
        fprintf(report->out, "  exit status %d", code);
    if (is_one_of_several(&report->view->model, process))
        fprintf(report->out, "  (from %.3f to %.3f s)", (double)process->start_ns / 1e9, (double)process->end_ns / 1e9);
    fputc('\n', report->out);
}

static void write_processes(struct pyr_report *report)
{
    const struct pyr_model *model = &report->view->model;
    size_t left = rows(report, PROCESS_ROWS);
    if (model->process_count < 2)
        return;
    pyr_text_heading(report, "Processes");
    fprintf(report->out, "  %9s %9s %9s %9s %10s  command\n", "pid", "parent", "sampled s", "CPU s", "peak");
    for (uint32_t i = 0; i < model->process_count; i++) {
        if (!model->processes[i].selected)
            continue;
        if (!left--) {
            fputs("  … and more\n", report->out);
            return;
        }
        write_process(report, &model->processes[i]);
    }
}

int pyr_text_threads(struct pyr_report *report)
{
    struct pyr_thread_sum *sums = pyr_shown_threads(report->view);
    if (!sums)
        return PYR_E_NOMEM;
    write_processes(report);
    write_threads(report, sums);
    pyr_shown_threads_release(sums);
    return 0;
}

static void write_gaps(struct pyr_report *report)
{
    struct pyr_gap_sum gaps = pyr_shown_gaps(report->view);
    if (gaps.unobserved_s > GAPS_SHARE * gaps.elapsed_s)
        fprintf(report->out,
                "  For %.3f s (%.1f %%; %.3f s at most at once) no sample was taken, as pyrometer was not run: those "
                "around stand for it.\n",
                gaps.unobserved_s, percent(gaps.unobserved_s, gaps.elapsed_s), gaps.longest_s);
}

static void write_samples(struct pyr_report *report, const struct pyr_sample_sums *sums)
{
    const struct pyr_quality *quality = &report->view->model.quality;
    double all = (double)(sums->glance + sums->exact);
    fprintf(report->out, "  %.0f samples at %.0f per second; %.1f %% of them exact.", all,
            pyr_shown_rate_hz(report->view), percent((double)sums->exact, all));
    if (sums->unresolved)
        fprintf(report->out, " In %.1f %% the stack changed while it was read%s.",
                percent((double)sums->unresolved, all),
                sums->exact ? ": these were shared out by what exact samples saw" : "");
    fputc('\n', report->out);
    if ((double)sums->only > ONLY_SHARE * all &&
        pyr_shown_density_hz(report->view) < FEWER * pyr_shown_rate_hz(report->view))
        fprintf(report->out,
                "  %" PRIu64
                " were taken while all are exact, and fewer than asked for: at the start, and while stacks change "
                "too fast to be read as the program runs.\n",
                sums->only);
    if (quality->deadlines_missed)
        fprintf(report->out, "  Samples that came too late and were left out: %" PRIu64 ".\n",
                quality->deadlines_missed);
    write_gaps(report);
    if (quality->samples_failed)
        fprintf(report->out, "  Samples that could not be read: %" PRIu64 ".\n", quality->samples_failed);
}

void pyr_text_quality(struct pyr_report *report)
{
    const struct pyr_model *model = &report->view->model;
    struct pyr_sample_sums sums = pyr_shown_samples(report->view);
    pyr_text_heading(report, "Quality of these figures");
    write_samples(report, &sums);
    if (percent(sums.left_s, sums.all_s) >= 0.05)
        fprintf(report->out, "  %.3f s (%.1f %%) remain <unresolved>, as no exact sample tells what ran then%s.\n",
                sums.left_s, percent(sums.left_s, sums.all_s),
                model->facts->no_stop ? ": the price of --no-stop; fast code is underestimated" : "");
    if (sums.truncated_s > 0)
        fprintf(report->out,
                "  %.3f s (%.1f %%) were in stacks too deep to be taken whole: their outermost frames are "
                "missing.\n",
                sums.truncated_s, percent(sums.truncated_s, sums.all_s));
    if (model->quality.samples_compiled)
        fprintf(report->out,
                "  %" PRIu64
                " samples (%.1f %%) were of code that the JIT had compiled: functions and callers' lines are "
                "true,\n  but the innermost line may be the one before that called something.\n",
                model->quality.samples_compiled,
                percent((double)model->quality.samples_compiled, (double)model->quality.samples_taken));
    fprintf(report->out, "  Measuring used %.3f s of CPU (%.2f %% of one).\n", (double)model->quality.own_cpu_ns / 1e9,
            percent((double)model->quality.own_cpu_ns, (double)model->end_ns));
    if (!model->complete) {
        fputs("  The recording is incomplete", report->out);
        if (model->incomplete_why && *model->incomplete_why) {
            fputs(": ", report->out);
            pyr_put_clean(report->out, model->incomplete_why, NULL, 200);
        }
        fputs("; what comes before is whole.\n", report->out);
    }
}
