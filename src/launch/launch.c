/* Fork, gate, exec. */
#include "launch.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static ssize_t read_again(int fd, void *to, size_t size)
{
    ssize_t got;
    do
        got = read(fd, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

/* A file without a format that the kernel knows is a shell script, as execvp has it. */
static void execute(const struct pyr_program *program, char **shell_argv)
{
    char *const *environment = program->environment ? program->environment : environ;
    execve(program->path, program->argv, environment);
    if (errno == ENOEXEC)
        execve(shell_argv[0], shell_argv, environment);
}

/* In the child: nothing but async-signal-safe calls. */
static _Noreturn void become(const struct pyr_program *program, char **shell_argv, const struct pyr_signals *signals,
                             int gate, int report)
{
    char go;
    if (read_again(gate, &go, 1) != 1)
        _exit(127);
    pyr_signals_restore(signals);
    pyr_files_restore();
    execute(program, shell_argv);
    int error = errno;
    if (write(report, &error, sizeof error) < 0)
        _exit(126);
    _exit(error == ENOENT ? 127 : 126);
}

static char **make_shell_argv(const struct pyr_program *program)
{
    static char shell[] = "/bin/sh";
    size_t count = 0;
    while (program->argv[count])
        count++;
    char **argv = pyr_alloc((count + 3) * sizeof *argv);
    if (!argv)
        return NULL;
    argv[0] = shell;
    argv[1] = program->path;
    for (size_t i = 1; i < count; i++)
        argv[i + 1] = program->argv[i];
    return argv;
}

static void close_pair(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static int open_pipes(int gate[2], int report[2], struct pyr_err *err)
{
    if (pipe2(gate, O_CLOEXEC) != 0)
        return pyr_err_set(err, PYR_E_LIMIT, "the program cannot be started: %s", strerror(errno));
    if (pipe2(report, O_CLOEXEC) != 0) {
        close_pair(gate);
        return pyr_err_set(err, PYR_E_LIMIT, "the program cannot be started: %s", strerror(errno));
    }
    return 0;
}

static bool have_terminal(void)
{
    int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static int pid_open(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    return -1;
#endif
}

static int fork_child(struct pyr_launch *launch, const struct pyr_program *program, char **shell_argv,
                      struct pyr_err *err)
{
    int gate[2], report[2];
    int rc = open_pipes(gate, report, err);
    if (rc < 0)
        return rc;
    launch->pid = fork();
    if (launch->pid == 0) {
        close(gate[1]); /* or the child would never see the end of the pipe */
        become(program, shell_argv, launch->signals, gate[0], report[1]);
    }
    close(gate[0]);
    close(report[1]);
    if (launch->pid < 0) {
        close(gate[1]);
        close(report[0]);
        return pyr_err_set(err, PYR_E_LIMIT, "the program cannot be started: %s", strerror(errno));
    }
    launch->gate_fd = gate[1];
    launch->report_fd = report[0];
    return 0;
}

int pyr_launch_fork(struct pyr_launch **out, const struct pyr_program *program, const struct pyr_signals *signals,
                    struct pyr_err *err)
{
    struct pyr_launch *launch = pyr_alloc(sizeof *launch);
    char **shell_argv = make_shell_argv(program);
    int rc = launch && shell_argv ? 0 : pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    if (rc == 0) {
        *launch = (struct pyr_launch){.path = program->path, .signals = signals, .job_control = have_terminal()};
        rc = fork_child(launch, program, shell_argv, err);
    }
    pyr_free(shell_argv);
    if (rc < 0) {
        pyr_free(launch);
        return rc;
    }
    launch->pid_fd = pid_open(launch->pid);
    *out = launch;
    return 0;
}

pid_t pyr_launch_pid(const struct pyr_launch *launch)
{
    return launch->pid;
}

static int exec_failed(const struct pyr_launch *launch, int error, struct pyr_err *err)
{
    int status = error == ENOENT ? PYR_E_NOT_FOUND : PYR_E_PERMISSION;
    /* The file was there when it was looked for: what is missing is what its first line or its ELF header names. */
    const char *why = error == ENOENT ? "the interpreter that it names is not there" : strerror(error);
    return pyr_err_set(err, status, "cannot execute %.200s: %s", launch->path, why);
}

static void close_once(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int pyr_launch_go(struct pyr_launch *launch, struct pyr_err *err)
{
    int error = 0;
    ssize_t sent, got;
    do
        sent = write(launch->gate_fd, "", 1);
    while (sent < 0 && errno == EINTR);
    close_once(&launch->gate_fd);
    got = read_again(launch->report_fd, &error, sizeof error);
    close_once(&launch->report_fd);
    if (got != (ssize_t)sizeof error)
        return 0;
    return exec_failed(launch, error, err);
}

int pyr_launch_reap(struct pyr_launch *launch)
{
    int status = 0;
    pid_t got;
    /* A stop of the sampler's may be reported here as well; only an end counts. */
    do
        got = waitpid(launch->pid, &status, 0);
    while ((got < 0 && errno == EINTR) || (got == launch->pid && !WIFEXITED(status) && !WIFSIGNALED(status)));
    launch->reaped = true;
    return got < 0 ? -1 : status;
}

void pyr_launch_close(struct pyr_launch *launch)
{
    if (!launch)
        return;
    close_once(&launch->gate_fd);
    close_once(&launch->report_fd);
    if (!launch->reaped)
        pyr_launch_reap(launch);
    close_once(&launch->pid_fd);
    pyr_free(launch);
}

int pyr_exit_status(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return 128 + WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}
