/* Every thread's stack of one process, taken now and kept as plain data. */
#ifndef PYR_DUMP_TAKE_H
#define PYR_DUMP_TAKE_H

#include "base/arena.h"
#include "base/vec.h"
#include "pyrometer/pyrometer.h"

struct pyr_dump_local {
    const char *name, *value;
};

struct pyr_dump_frame {
    const char *function, *file;
    uint32_t line;
    struct pyr_vec locals; /* of struct pyr_dump_local */
};

struct pyr_dump_thread {
    uint64_t ident;
    pid_t native_id;
    const char *name;
    int64_t interpreter;
    bool has_gil, waits_gil, idle;
    bool dead;    /* of a core file: it does nothing any more */
    bool certain; /* false: it kept changing and could not be held still */
    bool truncated;
    struct pyr_vec frames; /* of struct pyr_dump_frame, innermost first */
};

struct pyr_dump_data {
    pid_t pid;
    const char *python, *command;
    struct pyr_vec threads; /* of struct pyr_dump_thread */
    struct pyr_arena arena; /* all strings */
};

int pyr_dump_take(struct pyr_dump_data *data, pid_t pid, bool locals, struct pyr_err *err);

/* The same of a core file; root as of pyr_target_open_core. */
int pyr_dump_take_core(struct pyr_dump_data *data, const char *core, const char *root, bool locals,
                       struct pyr_err *err);
void pyr_dump_release(struct pyr_dump_data *data);

/* The formats: a FILE's own errors are the caller's to check. */
void pyr_dump_text(const struct pyr_dump_data *data, const struct pyr_dump_options *options, FILE *out);
void pyr_dump_json(const struct pyr_dump_data *data, const struct pyr_dump_options *options, FILE *out);

#endif
