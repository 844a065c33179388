/* What a program is started with so that its allocations are counted: the agent in LD_PRELOAD, and a directory for its
 * files, which is gone when we are, however we end. */
#include "launch.h"

#include "base/alloc.h"
#include "base/guardian.h"
#include "target/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define AGENT "libpyrometer-agent.so"
#define DIRECTORY_VARIABLE "PYROMETER_MEMORY_DIR"
#define MODE_VARIABLE "PYROMETER_MEMORY_MODE"
#define PREFIX "pyrometer-memory-"
#define LOCK "lock" /* held while its pyrometer lives */
#define SHARED_MEMORY "/dev/shm"
#define SHARED_MEMORY_MIN (64u << 20) /* containers are given little of it */
#define STALE_S 60                    /* younger ones may not be locked yet */
#define REMOVALS 100                  /* while files are being made in it */

struct pyr_preload {
    char directory[PATH_MAX];
    int lock;
    int guardian; /* closing it ends the guardian */
    pid_t guard;
    char *agent;
    char *variables[3]; /* the last one only in stacks mode */
    char **environment; /* the words are borrowed, but for those above */
};

/* ---- the agent ---- */

/* Where it is from the directory of our own file: beside it; as installed; in the build tree. */
static const char *const places[] = {AGENT, PYR_AGENT_FROM_BIN "/" AGENT, "../share/pyrometer/" AGENT,
                                     "../../agent/" AGENT};

static int find_agent(char **agent, struct pyr_err *err)
{
    char own[PATH_MAX], path[PATH_MAX];
    int rc = pyr_system_own_path(own, sizeof own);
    char *slash = rc < 0 ? NULL : strrchr(own, '/');
    if (!slash)
        return pyr_err_set(err, PYR_E_NOT_FOUND, "it cannot be told where pyrometer itself is");
    *slash = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (snprintf(path, sizeof path, "%s/%s", own, places[i]) >= (int)sizeof path || access(path, R_OK) != 0)
            continue;
        *agent = realpath(path, own) ? pyr_strdup(own) : NULL;
        if (!*agent)
            return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
        if (!strpbrk(*agent, " :"))
            return 0;
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "%.300s cannot be preloaded, for the linker takes the blank or colon in its path for an end",
                           *agent);
    }
    return pyr_err_set(err, PYR_E_NOT_FOUND, "%s was not found beside %.300s: is the installation whole?", AGENT, own);
}

/* ---- the directory ---- */

static void remove_files(int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *entry; entries && (entry = readdir(entries));)
        if (entry->d_name[0] != '.')
            unlinkat(directory, entry->d_name, 0);
    if (entries)
        closedir(entries);
    else if (fd >= 0)
        close(fd);
}

/* Again while something new is made in it. */
static void remove_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    for (int i = 0; i < REMOVALS; i++) {
        remove_files(fd);
        if (rmdir(path) == 0 || errno != ENOTEMPTY)
            break;
    }
    close(fd);
}

static int lock_directory(const char *path)
{
    char name[PATH_MAX];
    if (snprintf(name, sizeof name, "%s/%s", path, LOCK) >= (int)sizeof name)
        return -1;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Of a pyrometer that was killed together with its guardian. */
static void remove_stale(const char *parent)
{
    DIR *entries = opendir(parent);
    for (const struct dirent *entry; entries && (entry = readdir(entries));) {
        char path[PATH_MAX];
        struct stat status;
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
            snprintf(path, sizeof path, "%s/%s", parent, entry->d_name) >= (int)sizeof path ||
            lstat(path, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid() ||
            time(NULL) - status.st_mtime < STALE_S)
            continue;
        int lock = lock_directory(path);
        if (lock < 0)
            continue;
        remove_directory(path);
        close(lock);
    }
    if (entries)
        closedir(entries);
}

/* Memory rather than a disk, which would have to write what changes all the time. */
static const char *choose_parent(void)
{
    struct statvfs space;
    const char *chosen = getenv("TMPDIR");
    if (chosen && *chosen == '/')
        return chosen;
    if (access(SHARED_MEMORY, W_OK | X_OK) == 0 && statvfs(SHARED_MEMORY, &space) == 0 &&
        (uint64_t)space.f_bavail * space.f_frsize >= SHARED_MEMORY_MIN)
        return SHARED_MEMORY;
    return "/tmp";
}

static int make_directory(struct pyr_preload *preload, struct pyr_err *err)
{
    const char *parent = choose_parent();
    char path[PATH_MAX];
    remove_stale(parent);
    if (snprintf(path, sizeof path, "%s/" PREFIX "XXXXXX", parent) >= (int)sizeof path || !mkdtemp(path))
        return pyr_err_set(err, PYR_E_IO, "no directory can be made in %.200s: %s", parent, strerror(errno));
    memcpy(preload->directory, path, sizeof path);
    preload->lock = lock_directory(path);
    return preload->lock < 0 ? pyr_err_set(err, PYR_E_IO, "%.200s: %s", path, strerror(errno)) : 0;
}

/* ---- the guardian ---- */

static int start_guardian(struct pyr_preload *preload, struct pyr_err *err)
{
    int link;
    pid_t pid = pyr_guardian_start("pyrometer-tidy", &link, err);
    if (pid < 0)
        return (int)pid;
    if (pid == 0) { /* the guardian: waits until we are gone and tidies up */
        char nothing;
        while (read(link, &nothing, 1) < 0 && errno == EINTR)
            continue;
        remove_directory(preload->directory);
        _exit(0);
    }
    preload->guard = pid;
    preload->guardian = link;
    return 0;
}

/* ---- the environment ---- */

static bool is_variable(const char *word, const char *name)
{
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length] == '=';
}

static char *variable(const char *name, const char *before, const char *value)
{
    size_t size = strlen(name) + strlen(before) + strlen(value) + 3;
    char *word = pyr_alloc(size);
    if (word)
        snprintf(word, size, "%s=%s%s%s", name, before, *before ? ":" : "", value);
    return word;
}

/* Ours, with the agent behind what is preloaded already. */
static int make_environment(struct pyr_preload *preload, bool stacks)
{
    size_t count = 0, kept = 0;
    const char *preloaded = getenv("LD_PRELOAD");
    bool there = preloaded && strstr(preloaded, preload->agent);
    while (environ[count])
        count++;
    preload->variables[0] = variable("LD_PRELOAD", preloaded ? preloaded : "", there ? "" : preload->agent);
    preload->variables[1] = variable(DIRECTORY_VARIABLE, "", preload->directory);
    preload->variables[2] = stacks ? variable(MODE_VARIABLE, "", "stacks") : NULL;
    preload->environment = pyr_alloc((count + 4) * sizeof *preload->environment);
    if (!preload->variables[0] || !preload->variables[1] || (stacks && !preload->variables[2]) || !preload->environment)
        return PYR_E_NOMEM;
    for (size_t i = 0; i < count; i++)
        if (!is_variable(environ[i], "LD_PRELOAD") && !is_variable(environ[i], DIRECTORY_VARIABLE) &&
            !is_variable(environ[i], MODE_VARIABLE))
            preload->environment[kept++] = environ[i];
    preload->environment[kept++] = preload->variables[0];
    preload->environment[kept++] = preload->variables[1];
    preload->environment[kept] = preload->variables[2];
    return 0;
}

/* ---- all of it ---- */

int pyr_preload_open(struct pyr_preload **out, bool stacks, struct pyr_err *err)
{
    struct pyr_preload *preload = pyr_alloc(sizeof *preload);
    if (!preload)
        return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    preload->lock = preload->guardian = -1;
    int rc = find_agent(&preload->agent, err);
    if (rc == 0)
        rc = make_directory(preload, err);
    if (rc == 0)
        rc = start_guardian(preload, err);
    if (rc == 0 && (rc = make_environment(preload, stacks)) < 0)
        pyr_err_set(err, rc, "%s", pyr_status_text(rc));
    if (rc < 0)
        pyr_preload_close(preload);
    else
        *out = preload;
    return rc;
}

const char *pyr_preload_directory(const struct pyr_preload *preload)
{
    return preload->directory;
}

char *const *pyr_preload_environment(const struct pyr_preload *preload)
{
    return preload->environment;
}

void pyr_preload_close(struct pyr_preload *preload)
{
    if (!preload)
        return;
    if (preload->directory[0])
        remove_directory(preload->directory);
    if (preload->guardian >= 0)
        pyr_guardian_end(preload->guard, preload->guardian);
    if (preload->lock >= 0)
        close(preload->lock);
    pyr_free(preload->variables[0]);
    pyr_free(preload->variables[1]);
    pyr_free(preload->variables[2]);
    pyr_free(preload->environment);
    pyr_free(preload->agent);
    pyr_free(preload);
}
