/* The Pythons that a person is likely to run: in PATH, and pyenv's. */
#include "doctor/checks.h"

#include "base/alloc.h"
#include "layout/layout.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PYTHONS_MAX 64
#define ANSWER_MS 5000

struct found {
    char *paths[PYTHONS_MAX]; /* resolved, each once */
    size_t count;
};

/* python3, python3.12, python3.13t: not python3-config, not python3.12-dbg. */
static bool is_python_name(const char *name)
{
    if (strncmp(name, "python3", 7) != 0)
        return false;
    name += 7;
    if (*name == '.')
        for (name++; isdigit((unsigned char)*name); name++)
            continue;
    return !*name || !strcmp(name, "t");
}

/* Not the shell scripts that version managers put in PATH: what they start is found by itself. */
static bool is_elf(const char *path)
{
    char magic[4] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool elf = read(fd, magic, sizeof magic) == (ssize_t)sizeof magic && !memcmp(magic, "\177ELF", 4);
    close(fd);
    return elf;
}

static int add(struct found *found, const char *path)
{
    char resolved[PATH_MAX];
    if (found->count == PYTHONS_MAX || !realpath(path, resolved) || access(resolved, X_OK) != 0 || !is_elf(resolved))
        return 0;
    for (size_t i = 0; i < found->count; i++)
        if (!strcmp(found->paths[i], resolved))
            return 0;
    char *copy = pyr_strdup(resolved);
    if (!copy)
        return PYR_E_NOMEM;
    found->paths[found->count++] = copy;
    return 0;
}

static int scan_directory(struct found *found, const char *directory)
{
    int rc = 0;
    DIR *dir = opendir(directory);
    struct dirent *entry;
    while (dir && rc == 0 && (entry = readdir(dir))) {
        char path[PATH_MAX];
        if (is_python_name(entry->d_name) &&
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name) < (int)sizeof path)
            rc = add(found, path);
    }
    if (dir)
        closedir(dir);
    return rc;
}

static int scan_path(struct found *found)
{
    const char *path = getenv("PATH");
    int rc = 0;
    for (const char *at = path ? path : "/usr/bin"; rc == 0; at++) {
        size_t length = strcspn(at, ":");
        char directory[PATH_MAX];
        if (length && snprintf(directory, sizeof directory, "%.*s", (int)length, at) < (int)sizeof directory)
            rc = scan_directory(found, directory);
        at += length;
        if (!*at)
            break;
    }
    return rc;
}

static int scan_pyenv(struct found *found)
{
    const char *root = getenv("PYENV_ROOT"), *home = getenv("HOME");
    char versions[PATH_MAX];
    if (snprintf(versions, sizeof versions, "%s%s/versions",
                 root   ? root
                 : home ? home
                        : "",
                 root ? "" : "/.pyenv") >= (int)sizeof versions)
        return 0;
    int rc = 0;
    DIR *dir = opendir(versions);
    struct dirent *entry;
    while (dir && rc == 0 && (entry = readdir(dir))) {
        char bin[PATH_MAX];
        if (entry->d_name[0] != '.' &&
            snprintf(bin, sizeof bin, "%s/%s/bin", versions, entry->d_name) < (int)sizeof bin)
            rc = scan_directory(found, bin);
    }
    if (dir)
        closedir(dir);
    return rc;
}

/* Reads what the child says, for as long as it may take; false if it does not answer. */
static bool read_answer(int fd, char *answer, size_t size)
{
    size_t used = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (used < size - 1 && poll(&ready, 1, ANSWER_MS) > 0) {
        ssize_t got = read(fd, answer + used, size - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
        if (memchr(answer, '\n', used))
            break;
    }
    answer[used] = 0;
    return used > 0;
}

static bool ask(const char *path, char *answer, size_t size)
{
    char *argv[] = {(char *)path,
                    "-I",
                    "-S",
                    "-c",
                    "import sys; print(*sys.version_info[:3], sys.implementation.name, sys.abiflags)",
                    NULL};
    posix_spawn_file_actions_t actions;
    int fds[2];
    pid_t child;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    bool started = posix_spawn(&child, path, &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    bool answered = started && read_answer(fds[0], answer, size);
    close(fds[0]);
    if (started) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return answered;
}

static void judge(struct pyr_check *check, const char *path)
{
    char answer[160], implementation[40] = "", flags[40] = "";
    int major, minor, micro;
    if (!ask(path, answer, sizeof answer) ||
        sscanf(answer, "%d %d %d %39s %39s", &major, &minor, &micro, implementation, flags) < 4) {
        check->level = PYR_CHECK_LIMITED;
        snprintf(check->found, sizeof check->found, "%.220s does not tell its version", path);
        snprintf(check->advice, sizeof check->advice, "try it: is the installation complete?");
        return;
    }
    bool free_threaded = strchr(flags, 't') != NULL;
    snprintf(check->found, sizeof check->found, "%s %d.%d.%d%s at %.220s", implementation, major, minor, micro,
             free_threaded ? " (free-threaded)" : "", path);
    if (!strcmp(implementation, "cpython") && pyr_layout_table(major, minor, free_threaded))
        return;
    check->level = PYR_CHECK_MISSING;
    snprintf(check->advice, sizeof check->advice,
             "not supported by this version of pyrometer: run the program under another Python");
}

int pyr_check_pythons(struct pyr_checks *checks)
{
    struct found found = {0};
    int rc = scan_path(&found);
    if (rc == 0)
        rc = scan_pyenv(&found);
    for (size_t i = 0; i < found.count; i++) {
        struct pyr_check *check = rc == 0 ? pyr_checks_add(checks, "python") : NULL;
        if (check)
            judge(check, found.paths[i]);
        else
            rc = PYR_E_NOMEM;
        pyr_free(found.paths[i]);
    }
    if (rc == 0 && found.count == 0) {
        struct pyr_check *check = pyr_checks_add(checks, "python");
        if (!check)
            return PYR_E_NOMEM;
        check->level = PYR_CHECK_LIMITED;
        snprintf(check->found, sizeof check->found, "no python3 in PATH, none of pyenv's");
        snprintf(check->advice, sizeof check->advice, "name one with `pyrometer run --python EXE`");
    }
    return rc;
}
