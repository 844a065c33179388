#include "cmd.h"
#include "streams.h"

#include "pyrometer/heap.h"
#include "pyrometer/pyrometer.h"

struct dump_args {
    bool locals, native, json;
    const char *root;
};

static int dump_run(const struct pyr_cmd *cmd, void *args, const struct pyr_words *words)
{
    const struct dump_args *wanted = args;
    struct pyr_err err = {0};
    int64_t pid;
    if (words->count != 1)
        return pyr_say_wrong(cmd, "it wants one PID or one core file");
    bool is_pid = pyr_read_pid(words->items[0], &pid), core = !is_pid && pyr_heap_is_core(words->items[0]);
    if (!is_pid && !core)
        return pyr_say_wrong(cmd, "'%s' is not the number of a process, nor a core file", words->items[0]);
    if (wanted->root && !core)
        return pyr_say_wrong(cmd, "--root is for core files");
    pyr_stdio_filter();
    struct pyr_dump_options options = {
        .locals = wanted->locals, .json = wanted->json, .colour = pyr_stdio_colour(stdout)};
    int rc = core ? pyr_dump_core(words->items[0], wanted->root, &options, stdout, &err)
                  : pyr_dump((pid_t)pid, &options, stdout, &err);
    return rc < 0 ? pyr_say_failed(cmd, &err, rc) : PYR_EXIT_DONE;
}

#define AT(field) offsetof(struct dump_args, field)

static const struct pyr_option options[] = {
    {.letter = 'l', .name = "locals", .offset = AT(locals), .help = "show the local variables of each frame"},
    {.name = "native", .offset = AT(native), .unavailable = true, .help = ""},
    {.name = "json", .offset = AT(json), .help = "print JSON"},
    {.name = "root",
     .kind = PYR_OPTION_TEXT,
     .value = "DIR",
     .offset = AT(root),
     .help = "of a CORE: where the files of its system are, if not here"},
    PYR_OPTION_END,
};

const struct pyr_cmd pyr_cmd_dump = {
    .name = "dump",
    .summary = "Prints what each thread of a process is doing now, or did when it left a core file",
    .usage = (const char *const[]){"[OPTION...] PID", "[OPTION...] CORE", NULL},
    .details = "Values are shown without running any code of the process.\n",
    .options = options,
    .args_size = sizeof(struct dump_args),
    .run = dump_run,
};
