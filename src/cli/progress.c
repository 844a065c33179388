#include "progress.h"

#include <inttypes.h>

void pyr_progress_show(const struct pyr_profile_summary *summary)
{
    uint64_t odd = summary->samples_unresolved + summary->samples_failed;
    double rate = summary->elapsed_s > 0 ? (double)summary->samples / summary->elapsed_s : 0;
    uint64_t all = summary->samples + odd;
    double unresolved = all ? 100.0 * (double)odd / (double)all : 0;
    fprintf(stderr, "\r\033[K%.0f s  %" PRIu64 " samples  %.0f/s  %.2f %% unresolved  (Ctrl-C ends it)",
            summary->elapsed_s, summary->samples, rate, unresolved);
    fflush(stderr);
}

void pyr_progress_clear(void)
{
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
