#include "cmd.h"
#include "json.h"
#include "streams.h"

#include "pyrometer/doctor.h"
#include "pyrometer/pyrometer.h"

struct doctor_args {
    bool json;
};

static void print_text(const struct pyr_check *check, bool colour)
{
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
    printf("%s%-8s%s %-18s %s\n", colour ? colours[check->level] : "", pyr_check_level_name(check->level),
           colour ? "\033[0m" : "", check->name, check->found);
    if (check->advice[0])
        printf("%-27s -> %s\n", "", check->advice);
}

static void print_json(const struct pyr_checks *checks)
{
    printf("{\"pyrometer\": \"%s\", \"checks\": [", pyr_version());
    for (size_t i = 0; i < checks->count; i++) {
        const struct pyr_check *check = &checks->items[i];
        printf("%s\n  {\"name\": ", i ? "," : "");
        print_json_string(stdout, check->name);
        printf(", \"level\": \"%s\", \"essential\": %s, \"found\": ", pyr_check_level_name(check->level),
               check->essential ? "true" : "false");
        print_json_string(stdout, check->found);
        fputs(", \"advice\": ", stdout);
        print_json_string(stdout, check->advice);
        fputc('}', stdout);
    }
    puts("\n]}");
}

static int doctor_run(const struct pyr_cmd *cmd, void *args, const struct pyr_words *words)
{
    struct pyr_checks checks = {0};
    struct pyr_err err = {0};
    int status = PYR_EXIT_DONE;
    if (words->count)
        return pyr_say_wrong(cmd, "it takes no arguments");
    pyr_stdio_filter();
    int rc = pyr_doctor(&checks, &err);
    if (rc < 0)
        return pyr_say_failed(cmd, &err, rc);
    bool json = ((struct doctor_args *)args)->json, colour = pyr_stdio_colour(stdout);
    for (size_t i = 0; i < checks.count; i++) {
        if (!json)
            print_text(&checks.items[i], colour);
        if (checks.items[i].essential && checks.items[i].level == PYR_CHECK_MISSING)
            status = PYR_EXIT_FAILED;
    }
    if (json)
        print_json(&checks);
    pyr_checks_release(&checks);
    return status;
}

static const struct pyr_option options[] = {
    {.name = "json", .offset = offsetof(struct doctor_args, json), .help = "print JSON"}, PYR_OPTION_END};

const struct pyr_cmd pyr_cmd_doctor = {
    .name = "doctor",
    .summary = "Tells what works on this machine, and what to do about what does not",
    .usage = (const char *const[]){"[OPTION...]", NULL},
    .details = "The exit status is 1 if something is missing without which nothing works, else 0.\n",
    .options = options,
    .args_size = sizeof(struct doctor_args),
    .run = doctor_run,
};
