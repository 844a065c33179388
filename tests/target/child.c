#include "child.h"
#include "target/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000 };

struct shared *shared_new(void)
{
    void *at = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    return at;
}

void shared_free(struct shared *shared)
{
    munmap(shared, sizeof *shared);
}

pid_t child_start(int (*body)(struct shared *shared), struct shared *shared)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* a guardian is no ancestor of it */
        _exit(body(shared));
    }
    assert_true(pid > 0);
    return pid;
}

int child_wait(pid_t pid)
{
    int status = 0;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    assert_int_equal(got, pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void child_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

void child_end(pid_t pid)
{
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

void pause_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

int for_ever(void)
{
    for (;;)
        pause();
    return 0;
}

void await_sleep(pid_t pid, const char *name)
{
    for (int i = 0, asleep = 0; i < PATIENCE_MS && asleep < 10; i++) {
        struct pyr_proc_stat stat;
        char comm[32] = {0};
        pause_ms(1);
        bool named = !name || (pyr_proc_read(pid, "comm", comm, sizeof comm) > 0 && strstr(comm, name) == comm);
        asleep = named && pyr_proc_stat_read(pid, &stat) == 0 && stat.state == 'S' ? asleep + 1 : 0;
    }
}

bool wait_until(atomic_long *value, long at_least)
{
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (atomic_load(value) >= at_least)
            return true;
        pause_ms(1);
    }
    return false;
}

static const char script[] = "import sys, time\n"
                             "try:\n"
                             "    from ctypes import addressof, c_char, pythonapi\n"
                             "    at = addressof(c_char.in_dll(pythonapi, '_PyRuntime'))\n"
                             "except ImportError:\n"
                             "    at = 0\n"
                             "print(at, flush=True)\n"
                             "time.sleep(1000)\n";

static void run_python(const char *root, const char *program, int out)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    if (root && (chroot(root) < 0 || chdir("/") < 0))
        _exit(126);
    execl(program, program, "-c", script, (char *)NULL);
    _exit(127);
}

bool python_start(struct python *python, const char *root, const char *program)
{
    int ends[2];
    char line[64] = {0};
    assert_int_equal(pipe(ends), 0);
    python->pid = fork();
    if (python->pid == 0)
        run_python(root, program, ends[1]);
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    bool started = fgets(line, sizeof line, in) != NULL;
    fclose(in);
    python->runtime = strtoull(line, NULL, 10);
    if (!started)
        child_kill(python->pid);
    else
        await_sleep(python->pid, NULL);
    return started;
}

static int each_match(const char *root, const char *pattern, void (*test)(const char *root, const char *program))
{
    char path[PATH_MAX];
    glob_t found;
    int count = 0;
    size_t skip = root ? strlen(root) : 0;
    snprintf(path, sizeof path, "%s%s", root ? root : "", pattern);
    if (glob(path, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        print_message("  %s\n", found.gl_pathv[i]);
        test(root, found.gl_pathv[i] + skip);
        count++;
    }
    globfree(&found);
    return count;
}

int each_python(void (*test)(const char *root, const char *program))
{
    static const char *const patterns[] = {"/usr/bin/python3.[89]", "/usr/bin/python3.1[0-9]"};
    const char *home = getenv("HOME"), *roots = getenv("PYR_PYTHON_ROOTS");
    char pyenv[PATH_MAX];
    int count = each_match(NULL, patterns[0], test) + each_match(NULL, patterns[1], test);
    for (int minor = 8; home && minor < 20; minor++) {
        snprintf(pyenv, sizeof pyenv, "%s/.pyenv/versions/3.%d.*/bin/python3.%d", home, minor, minor);
        count += each_match(NULL, pyenv, test);
    }
    char *list = roots && geteuid() == 0 ? strdup(roots) : NULL, *rest = list;
    for (const char *root = list ? strsep(&rest, ":") : NULL; root; root = strsep(&rest, ":"))
        count += each_match(root, patterns[0], test) + each_match(root, patterns[1], test);
    free(list);
    return count;
}

bool copy_file(const char *from, const char *to)
{
    static char buffer[1 << 16];
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    ssize_t got = -1;
    while (in >= 0 && out >= 0 && (got = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)got) != got)
            got = -1;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return got == 0;
}
