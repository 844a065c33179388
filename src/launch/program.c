/* What a word on the command line names: a script, a command, and the Python to run it under. */
#include "pyrometer/launch.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_executable(const char *path)
{
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static bool ends_in_py(const char *word)
{
    size_t length = strlen(word);
    return length > 3 && !strcmp(word + length - 3, ".py");
}

static bool is_script(const char *word)
{
    struct stat status;
    if (stat(word, &status) != 0 || S_ISDIR(status.st_mode))
        return false;
    return ends_in_py(word) || !is_executable(word);
}

/* 0, or why this file cannot be executed. */
static int usable(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    return is_executable(path) ? 0 : EACCES;
}

static int refuse(const char *word, int error, struct pyr_err *err)
{
    if (error == EISDIR)
        return pyr_err_set(err, PYR_E_PERMISSION, "cannot execute %.200s: it is a directory", word);
    if (error == EACCES)
        return pyr_err_set(err, PYR_E_PERMISSION,
                           "cannot execute %.200s: permission denied; is it meant to be executable?", word);
    if (strchr(word, '/') || ends_in_py(word))
        return pyr_err_set(err, PYR_E_NOT_FOUND, "%.200s not found: no such file", word);
    return pyr_err_set(err, PYR_E_NOT_FOUND, "%.200s not found: no such command in PATH, and no such file", word);
}

/* PATH, or what the system looks through where there is none. Owned. */
static char *search_path(void)
{
    const char *path = getenv("PATH");
    if (path)
        return pyr_strdup(path);
    size_t size = confstr(_CS_PATH, NULL, 0);
    char *standard = pyr_alloc(size + 1);
    if (standard)
        confstr(_CS_PATH, standard, size);
    return standard;
}

static char *join(const char *directory, size_t length, const char *name)
{
    size_t name_size = strlen(name) + 1;
    char *path = pyr_alloc(length + 1 + name_size);
    if (!path)
        return NULL;
    memcpy(path, directory, length);
    if (length)
        path[length++] = '/';
    memcpy(path + length, name, name_size);
    return path;
}

/* The first usable file of that name. Like a shell it goes on past one that may not be executed, and remembers it. */
static int search(const char *path, const char *name, char **found, int *why)
{
    for (;; path++) {
        size_t length = strcspn(path, ":");
        char *candidate = join(path, length, name);
        if (!candidate)
            return PYR_E_NOMEM;
        int error = usable(candidate);
        if (error == 0) {
            *found = candidate;
            return 0;
        }
        pyr_free(candidate);
        if (error == EACCES)
            *why = error;
        path += length;
        if (!*path)
            return PYR_E_NOT_FOUND;
    }
}

static int find_command(const char *word, char **found, struct pyr_err *err)
{
    int why = ENOENT, rc;
    if (strchr(word, '/')) {
        why = usable(word);
        if (why)
            return refuse(word, why, err);
        *found = pyr_strdup(word);
        rc = *found ? 0 : PYR_E_NOMEM;
    } else if (!*word) {
        rc = PYR_E_NOT_FOUND;
    } else {
        char *path = search_path();
        rc = path ? search(path, word, found, &why) : PYR_E_NOMEM;
        pyr_free(path);
    }
    if (rc == PYR_E_NOT_FOUND)
        return refuse(*word ? word : "''", why, err);
    return rc < 0 ? pyr_err_set(err, rc, "%s", pyr_status_text(rc)) : 0;
}

static size_t count_words(char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

/* argv of: first (may be NULL), option (may be NULL), words. */
static char **make_argv(char *first, char *option, char *const *words)
{
    size_t count = count_words(words), at = 0;
    char **argv = pyr_alloc((count + 3) * sizeof *argv);
    if (!argv)
        return NULL;
    if (first)
        argv[at++] = first;
    if (option)
        argv[at++] = option;
    memcpy(argv + at, words, count * sizeof *argv);
    return argv;
}

/* The interpreter as a person would type it; owned. */
static char *choose_python(const char *python)
{
    const char *environment = getenv("VIRTUAL_ENV");
    if (python)
        return pyr_strdup(python);
    if (environment && *environment)
        return join(environment, strlen(environment), "bin/python");
    return pyr_strdup("python3");
}

/* The last component, without the .py of a script. */
static char *short_name(enum pyr_program_kind kind, const char *word)
{
    const char *slash = strrchr(word, '/');
    char *name = pyr_strdup(kind == PYR_PROGRAM_CODE ? "code" : slash && slash[1] ? slash + 1 : word);
    if (name && kind == PYR_PROGRAM_AUTO && ends_in_py(name))
        name[strlen(name) - 3] = 0;
    return name;
}

static int resolve(struct pyr_program *program, enum pyr_program_kind kind, char *const *words, const char *python,
                   struct pyr_err *err)
{
    static char module[] = "-m", code[] = "-c";
    bool command = kind == PYR_PROGRAM_AUTO && !is_script(words[0]);
    char *option = kind == PYR_PROGRAM_MODULE ? module : kind == PYR_PROGRAM_CODE ? code : NULL;
    char *first = command ? NULL : choose_python(python);
    program->name = short_name(kind, words[0]);
    program->argv = make_argv(first, option, words);
    program->interpreter = first;
    if (!program->name || !program->argv || (!command && !first))
        return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    return find_command(program->argv[0], &program->path, err);
}

int pyr_program_resolve(struct pyr_program *program, enum pyr_program_kind kind, char *const *words, const char *python,
                        struct pyr_err *err)
{
    struct pyr_program found = {0};
    int rc = resolve(&found, kind, words, python, err);
    if (rc < 0)
        pyr_program_release(&found);
    else
        *program = found;
    return rc;
}

void pyr_program_release(struct pyr_program *program)
{
    pyr_free(program->path);
    pyr_free(program->argv);
    pyr_free(program->name);
    pyr_free(program->interpreter);
    *program = (struct pyr_program){0};
}
