/* A command of the program: one file, one constant, one row in commands.c. */
#ifndef PYR_CLI_CMD_H
#define PYR_CLI_CMD_H

#include "options.h"

#include "pyrometer/err.h"

#include <stdio.h>

enum pyr_exit { PYR_EXIT_DONE = 0, PYR_EXIT_FAILED = 1, PYR_EXIT_USAGE = 2 };

struct pyr_cmd {
    const char *name;
    const char *summary;              /* one line, no full stop */
    const char *const *usage;         /* what follows the name, a line each; NULL-terminated */
    const char *details;              /* paragraphs after the options; may be NULL */
    void (*more)(FILE *out);          /* prints what else help has to say; may be NULL */
    const struct pyr_option *options; /* ends with PYR_OPTION_END */
    bool program;                     /* options end at the first word: the rest is a program's */
    size_t args_size;                 /* of the structure that the options are stored in, at most PYR_ARGS_MAX */
    const void *defaults;             /* what it holds at first; NULL: zeros */
    int (*run)(const struct pyr_cmd *cmd, void *args, const struct pyr_words *words); /* returns the exit status */
};

#define PYR_ARGS_MAX 256

extern const struct pyr_cmd pyr_cmd_run, pyr_cmd_attach, pyr_cmd_top, pyr_cmd_dump, pyr_cmd_report, pyr_cmd_heap,
    pyr_cmd_diff, pyr_cmd_doctor;

extern const struct pyr_cmd *const pyr_cmds[]; /* NULL-terminated */

const struct pyr_cmd *pyr_cmd_find(const char *name);    /* NULL if there is none */
const char *pyr_cmd_nearest(const char *name);           /* a name that may have been meant, or NULL */
void pyr_help_cmd(const struct pyr_cmd *cmd, FILE *out); /* the full help of one */
void pyr_help_all(FILE *out);

/* The lines that a person sees; all go to stderr, with the program's name in front. They return an exit status. */
int pyr_say_failed(const struct pyr_cmd *cmd, const struct pyr_err *err, int status);
int pyr_say_wrong(const struct pyr_cmd *cmd, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pyr_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
