#include "svg.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

bool pyr_svg_wanted(const char *path)
{
    size_t size = path ? strlen(path) : 0;
    return size > 4 && !strcmp(path + size - 4, ".svg");
}

/* From one open file to the other. */
static int run_dot(FILE *drawing, FILE *out, struct pyr_err *err)
{
    char *const words[] = {"dot", "-Tsvg", NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    rewind(drawing);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(drawing), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
    int problem = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (problem)
        return pyr_err_set(err, PYR_E_NOT_FOUND,
                           "Graphviz's dot cannot be run (%s); install it, or name a file that ends in .dot",
                           strerror(problem));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return pyr_err_set(err, PYR_E_IO, "cannot wait for dot: %s", strerror(errno));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : pyr_err_set(err, PYR_E_IO, "Graphviz's dot failed");
}

int pyr_svg_report(const char *snapshot, const struct pyr_heap_report_options *options, FILE *out, struct pyr_err *err)
{
    FILE *drawing = tmpfile();
    if (!drawing)
        return pyr_err_set(err, PYR_E_IO, "cannot make a temporary file: %s", strerror(errno));
    int rc = pyr_heap_report(snapshot, options, drawing, err);
    if (rc == 0)
        rc = run_dot(drawing, out, err);
    fclose(drawing);
    return rc;
}
