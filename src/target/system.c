#include "target/system.h"

#include "pyrometer/err.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The beginning of a small file, NUL-terminated; its size or −1. */
static ssize_t read_start(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got < 0 ? 0 : got] = 0;
    return got;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static const char *next_word(const char *word, const char *end)
{
    word += strlen(word) + 1;
    return word < end ? word : NULL;
}

/* Of a Python's arguments: the module after -m, "code" for -c, the script. Options with a value of their own are few.
 */
static const char *python_title(const char *word, const char *end)
{
    for (word = next_word(word, end); word; word = next_word(word, end)) {
        if (word[0] != '-')
            return base_name(word);
        if (!strcmp(word, "-c"))
            return "code";
        if (!strcmp(word, "-m"))
            return next_word(word, end);
        if (!strcmp(word, "-W") || !strcmp(word, "-X"))
            word = next_word(word, end) ? word + strlen(word) + 1 : word;
    }
    return NULL;
}

int pyr_system_process_title(pid_t pid, char *title, size_t size)
{
    char path[64], words[4096];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    ssize_t got = read_start(path, words, sizeof words);
    if (got < 0)
        return PYR_E_GONE;
    const char *name = base_name(words);
    if (!strncmp(name, "python", 6)) {
        const char *script = python_title(words, words + got);
        name = script && *script ? script : name;
    }
    size_t length = strlen(name);
    if (length > 3 && !strcmp(name + length - 3, ".py"))
        length -= 3;
    snprintf(title, size, "%.*s", (int)length, length ? name : "process");
    return 0;
}

int pyr_system_own_path(char *path, size_t size)
{
    ssize_t got = readlink("/proc/self/exe", path, size);
    if (got <= 0 || (size_t)got >= size)
        return PYR_E_IO;
    path[got] = 0;
    return 0;
}

int pyr_system_ptrace_scope(void)
{
    char text[16];
    if (read_start("/proc/sys/kernel/yama/ptrace_scope", text, sizeof text) < 1 || !isdigit((unsigned char)text[0]))
        return -1;
    return text[0] - '0';
}

int pyr_system_capabilities(uint64_t *effective)
{
    char text[4096];
    if (read_start("/proc/self/status", text, sizeof text) < 0)
        return PYR_E_IO;
    const char *line = strstr(text, "\nCapEff:");
    if (!line)
        return PYR_E_IO;
    *effective = strtoull(line + strlen("\nCapEff:"), NULL, 16);
    return 0;
}

bool pyr_system_has_schedstat(void)
{
    char text[128];
    unsigned long long run, wait, slices;
    return read_start("/proc/self/schedstat", text, sizeof text) > 0 &&
           sscanf(text, "%llu %llu %llu", &run, &wait, &slices) == 3 && slices > 0;
}

/* As the kernel's interface has it: the C library has no name for it on all systems. */
struct sched_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

int pyr_system_slice_probe(void)
{
    const uint64_t slice_ns = 200000;
    struct sched_attributes before = {0}, asked, after = {0};
    if (syscall(SYS_sched_getattr, 0, &before, sizeof before, 0) != 0)
        return errno;
    asked = before;
    asked.size = sizeof asked;
    asked.runtime = slice_ns;
    if (syscall(SYS_sched_setattr, 0, &asked, 0) != 0)
        return errno;
    bool kept = syscall(SYS_sched_getattr, 0, &after, sizeof after, 0) == 0 && after.runtime == slice_ns;
    before.size = sizeof before;
    syscall(SYS_sched_setattr, 0, &before, 0);
    return kept ? 0 : ENOTSUP;
}

static void end_child(pid_t child)
{
    kill(child, SIGKILL);
    while (waitpid(child, NULL, __WALL) < 0 && errno == EINTR)
        continue;
}

static pid_t start_sleeper(void)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(5);
        for (;;)
            pause();
    }
    return child;
}

int pyr_system_read_probe(void)
{
    static const uint64_t word = 0x70797265;
    uint64_t copy = 0;
    pid_t child = start_sleeper();
    if (child < 0)
        return errno;
    struct iovec to = {&copy, sizeof copy}, from = {(void *)&word, sizeof word};
    int error = process_vm_readv(child, &to, 1, &from, 1, 0) == (ssize_t)sizeof copy ? 0 : errno;
    end_child(child);
    return error || copy == word ? error : EIO;
}

int pyr_system_stop_probe(void)
{
    int error = 0, status;
    pid_t child = start_sleeper();
    if (child < 0)
        return errno;
    if (ptrace(PTRACE_SEIZE, child, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, child, NULL, NULL) != 0 ||
        waitpid(child, &status, __WALL) != child || ptrace(PTRACE_DETACH, child, NULL, NULL) != 0)
        error = errno;
    end_child(child);
    return error;
}
