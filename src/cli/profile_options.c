#include "profile_options.h"

#include "cmd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

const struct pyr_choice pyr_mode_choices[] = {
    {"wall", PYR_MODE_WALL, false}, {"cpu", PYR_MODE_CPU, false}, {"gil", PYR_MODE_GIL, false}, {NULL, 0, false}};

const struct pyr_choice pyr_memory_choices[] = {
    {"lines", MEMORY_LINES, false}, {"off", MEMORY_OFF, false}, {"stacks", MEMORY_STACKS, false}, {NULL, 0, false}};

const struct pyr_choice pyr_truth_choices[] = {{"auto", PYR_TRUTH_AUTO, false},
                                               {"exact", PYR_TRUTH_EXACT, false},
                                               {"no-stop", PYR_TRUTH_NO_STOP, false},
                                               {"stop", PYR_TRUTH_STOP, false},
                                               {NULL, 0, false}};

struct pyr_profile_options pyr_profile_options_of(const struct profile_args *args)
{
    return (struct pyr_profile_options){
        .output = args->output,
        .force = args->force,
        .rate_hz = args->rate_hz,
        .mode = (enum pyr_mode)args->mode,
        .truth = args->no_stop ? PYR_TRUTH_NO_STOP : (enum pyr_truth)args->truth,
        .duration_s = args->duration_s,
        .follow_children = !args->no_children,
        .opcodes = args->opcodes,
    };
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

void pyr_say_summary(const struct pyr_profile_summary *summary, const char *file)
{
    double rate = summary->elapsed_s > 0 ? (double)summary->samples / summary->elapsed_s : 0;
    char python[48] = "", odd[64] = "";
    if (summary->python[0])
        snprintf(python, sizeof python, " of Python %s", summary->python);
    uint64_t unknown = summary->samples_unresolved + summary->samples_failed;
    if (unknown)
        snprintf(odd, sizeof odd, ", %.2f %% unresolved", share(unknown, summary->samples + unknown));
    pyr_say("%" PRIu64 " samples%s in %.2f s (%.0f/s%s) in %s; see them with: pyrometer report %s", summary->samples,
            python, summary->elapsed_s, rate, odd, file, file);
}

void pyr_say_left(const struct pyr_profile_summary *summary)
{
    if (summary->left_running)
        pyr_say("the recording ended with its program, of which %" PRIu32
                " %s on (such as %d): to go on with one, pyrometer "
                "attach PID",
                summary->left_running, summary->left_running == 1 ? "other process runs" : "other processes run",
                (int)summary->left_pid);
}

void pyr_say_problem(const struct pyr_cmd *cmd, const struct pyr_profile_summary *summary)
{
    if (summary->problem[0])
        pyr_say("%s: %s", cmd->name, summary->problem);
}

bool pyr_refuse_existing(const char *path, bool force, struct pyr_err *err)
{
    struct stat status;
    /* What is no file is judged when the recording is opened: /dev/null loses nothing. */
    if (!force && stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return false;
    if (force || faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    pyr_err_set(err, PYR_E_EXISTS, "%s exists already; choose another name, or overwrite it with --force", path);
    return true;
}

void pyr_discard_recording(const char *path)
{
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
        unlink(path);
}
