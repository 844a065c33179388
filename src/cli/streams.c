#include "streams.h"

#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void pyr_stdio_guard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

void pyr_stdio_filter(void)
{
    signal(SIGPIPE, SIG_DFL);
}

bool pyr_stdio_terminal(FILE *stream)
{
    return isatty(fileno(stream));
}

bool pyr_stdio_colour(FILE *stream)
{
    const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return !(refused && *refused) && terminal && strcmp(terminal, "dumb") != 0 && pyr_stdio_terminal(stream);
}

int pyr_stdio_finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (!status && errno != EPIPE && errno != EBADF)
        pyr_say("the result could not be written: %s", strerror(errno));
    return status ? status : PYR_EXIT_FAILED;
}

void pyr_stdio_hide(int saved[3])
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    fflush(stdout);
    for (int fd = 0; fd < 3; fd++) {
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (null >= 0)
            dup2(null, fd);
    }
    close(null);
}

void pyr_stdio_show(const int saved[3])
{
    for (int fd = 0; fd < 3; fd++)
        if (saved[fd] >= 0) {
            dup2(saved[fd], fd);
            close(saved[fd]);
        }
}

static int refuse(const char *path, struct pyr_err *err)
{
    if (errno == EEXIST)
        return pyr_err_set(err, PYR_E_EXISTS, "%s exists already; choose another name, or overwrite it with --force",
                           path);
    return pyr_err_set(err, PYR_E_IO, "%s cannot be written: %s", path, strerror(errno));
}

static FILE *create(const char *path, int flags)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0666);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

int pyr_outfile_open(struct pyr_outfile *output, const char *path, bool force, struct pyr_err *err)
{
    struct stat status;
    struct pyr_outfile opened = {.stream = stdout, .path = path};
    bool exists = path && stat(path, &status) == 0;
    if (!path) {
        *output = opened;
        return 0;
    }
    if (exists && !S_ISREG(status.st_mode)) {
        opened.stream = create(path, 0);
    } else if (exists && force) {
        if (asprintf(&opened.temporary, "%s.%ld.tmp", path, (long)getpid()) < 0)
            return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
        opened.stream = create(opened.temporary, O_CREAT | O_EXCL);
    } else {
        opened.stream = create(path, O_CREAT | O_EXCL);
    }
    if (!opened.stream) {
        free(opened.temporary);
        return refuse(path, err);
    }
    *output = opened;
    return 0;
}

static bool regular(FILE *stream)
{
    struct stat status;
    return fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode);
}

int pyr_outfile_close(struct pyr_outfile *output, bool keep, struct pyr_err *err)
{
    int rc = 0;
    const char *written = output->temporary ? output->temporary : output->path;
    if (!output->path || !output->stream)
        return 0;
    bool removable = regular(output->stream);
    bool failed = ferror(output->stream) != 0;
    if (fclose(output->stream) != 0 || failed)
        rc = pyr_err_set(err, PYR_E_IO, "%s could not be written: %s", output->path, strerror(errno));
    if (rc == 0 && keep && output->temporary && rename(output->temporary, output->path) != 0)
        rc = refuse(output->path, err);
    if (removable && (rc < 0 || !keep))
        unlink(written);
    free(output->temporary);
    *output = (struct pyr_outfile){0};
    return rc;
}
