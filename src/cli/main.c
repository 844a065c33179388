#include "cmd.h"
#include "streams.h"

#include "pyrometer/launch.h"
#include "pyrometer/pyrometer.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

static int unknown(const char *name)
{
    const char *nearest = name[0] == '-' ? NULL : pyr_cmd_nearest(name);
    if (nearest)
        pyr_say("unknown command '%s'; did you mean '%s'?", name, nearest);
    else
        pyr_say("unknown %s '%s' (see: pyrometer --help)", name[0] == '-' ? "option" : "command", name);
    return PYR_EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc > 1) {
        pyr_say("help takes one command at most");
        return PYR_EXIT_USAGE;
    }
    if (argc == 0) {
        pyr_help_all(stdout);
        return PYR_EXIT_DONE;
    }
    const struct pyr_cmd *cmd = pyr_cmd_find(argv[0]);
    if (!cmd)
        return unknown(argv[0]);
    pyr_help_cmd(cmd, stdout);
    return PYR_EXIT_DONE;
}

static int run_parsed(const struct pyr_cmd *cmd, struct pyr_parse *parse, enum pyr_parsed parsed)
{
    switch (parsed) {
    case PYR_PARSED_HELP:
        pyr_help_cmd(cmd, stdout);
        return PYR_EXIT_DONE;
    case PYR_PARSED_WRONG:
        return pyr_say_wrong(cmd, "%s", parse->problem);
    case PYR_PARSED_UNAVAILABLE:
        pyr_say("%s: %s", cmd->name, parse->problem);
        return PYR_EXIT_FAILED;
    default:
        return cmd->run(cmd, parse->args, &parse->words);
    }
}

static int command(const struct pyr_cmd *cmd, int argc, char **argv)
{
    alignas(max_align_t) char args[PYR_ARGS_MAX] = {0};
    if (cmd->defaults)
        memcpy(args, cmd->defaults, cmd->args_size);
    struct pyr_parse parse = {.options = cmd->options, .program = cmd->program, .args = args};
    parse.words.items = calloc((size_t)argc + 1, sizeof *parse.words.items);
    if (!parse.words.items) {
        pyr_say("%s", pyr_status_text(PYR_E_NOMEM));
        return PYR_EXIT_FAILED;
    }
    int status = run_parsed(cmd, &parse, pyr_options_parse(&parse, argc, argv));
    free(parse.words.items);
    return status;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        pyr_help_all(stderr);
        return PYR_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        printf("pyrometer %s\n", pyr_version());
        return PYR_EXIT_DONE;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help"))
        return help(argc - 2, argv + 2);
    const struct pyr_cmd *cmd = pyr_cmd_find(name);
    return cmd ? command(cmd, argc - 2, argv + 2) : unknown(name);
}

int main(int argc, char **argv)
{
    pyr_stdio_guard();
    pyr_files_raise();
    return pyr_stdio_finish(dispatch(argc, argv));
}
