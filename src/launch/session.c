#include "base/alloc.h"
#include "pyrometer/launch.h"
#include "pyrometer/pyrometer.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct pyr_session {
    struct pyr_profiler *profiler;
    pthread_t thread;
    int ended_fd;
    int rc;
    struct pyr_err err;
};

static void *profile(void *arg)
{
    struct pyr_session *session = arg;
    session->rc = pyr_profiler_run(session->profiler, &session->err);
    eventfd_write(session->ended_fd, 1);
    return NULL;
}

/* The thread inherits the mask of the one that starts it. */
static int start_deaf(struct pyr_session *session)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&session->thread, NULL, profile, session);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int pyr_session_start(struct pyr_session **out, struct pyr_profiler *profiler, struct pyr_err *err)
{
    struct pyr_session *session = pyr_alloc(sizeof *session);
    if (!session)
        return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    session->profiler = profiler;
    session->ended_fd = eventfd(0, EFD_CLOEXEC);
    int error = session->ended_fd < 0 ? errno : start_deaf(session);
    if (error) {
        if (session->ended_fd >= 0)
            close(session->ended_fd);
        pyr_free(session);
        return pyr_err_set(err, PYR_E_LIMIT, "no thread for the profiler: %s", strerror(error));
    }
    *out = session;
    return 0;
}

int pyr_session_fd(const struct pyr_session *session)
{
    return session->ended_fd;
}

int pyr_session_end(struct pyr_session *session, struct pyr_err *err)
{
    pyr_profiler_stop(session->profiler);
    pthread_join(session->thread, NULL);
    int rc = session->rc;
    if (rc < 0 && err)
        *err = session->err;
    close(session->ended_fd);
    pyr_free(session);
    return rc;
}
