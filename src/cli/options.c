#include "options.h"

#include "suggest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum pyr_parsed problem(struct pyr_parse *parse, enum pyr_parsed kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum pyr_parsed problem(struct pyr_parse *parse, enum pyr_parsed kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(parse->problem, sizeof parse->problem, format, args);
    va_end(args);
    return kind;
}

static bool is_end(const struct pyr_option *option)
{
    return !option->name && !option->letter;
}

static const struct pyr_option *find_long(const struct pyr_option *options, const char *name, size_t length)
{
    for (const struct pyr_option *option = options; !is_end(option); option++)
        if (option->name && strlen(option->name) == length && !memcmp(option->name, name, length))
            return option;
    return NULL;
}

static const struct pyr_option *find_letter(const struct pyr_option *options, char letter)
{
    for (const struct pyr_option *option = options; !is_end(option); option++)
        if (option->letter == letter)
            return option;
    return NULL;
}

static enum pyr_parsed unknown_long(struct pyr_parse *parse, const char *name, size_t length)
{
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), name);
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (const struct pyr_option *option = parse->options; !is_end(option); option++)
        if (option->name && !option->unavailable && pyr_suggest(word, option->name, &best))
            nearest = option->name;
    if (nearest)
        return problem(parse, PYR_PARSED_WRONG, "unknown option --%s; did you mean --%s?", word, nearest);
    return problem(parse, PYR_PARSED_WRONG, "unknown option --%s", word);
}

static const char *shown(const struct pyr_option *option, char text[40])
{
    if (option->name)
        snprintf(text, 40, "--%s", option->name);
    else
        snprintf(text, 40, "-%c", option->letter);
    return text;
}

static enum pyr_parsed choose(struct pyr_parse *parse, const struct pyr_option *option, const char *text)
{
    char name[40], names[160] = "";
    size_t used = 0;
    for (const struct pyr_choice *choice = option->choices; choice->name; choice++) {
        if (!strcmp(choice->name, text)) {
            if (choice->unavailable)
                return problem(parse, PYR_PARSED_UNAVAILABLE, "%s %s is not available in this version; leave it out",
                               shown(option, name), text);
            memcpy((char *)parse->args + option->offset, &choice->value, sizeof choice->value);
            return PYR_PARSED;
        }
        if (!choice->unavailable && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", choice->name);
    }
    return problem(parse, PYR_PARSED_WRONG, "%s wants one of %s, not '%s'", shown(option, name), names, text);
}

static bool read_value(const struct pyr_option *option, const char *text, void *to)
{
    switch (option->kind) {
    case PYR_OPTION_RATE:
        return pyr_read_rate(text, to);
    case PYR_OPTION_SECONDS:
        return pyr_read_seconds(text, to);
    case PYR_OPTION_COUNT:
        return pyr_read_count(text, to);
    case PYR_OPTION_PID:
        return pyr_read_pid(text, to);
    default:
        memcpy(to, &text, sizeof text);
        return *text; /* an empty word is a variable of a shell that was not set */
    }
}

/* What a wrong value should have been. */
static const char *wanted(enum pyr_option_kind kind)
{
    switch (kind) {
    case PYR_OPTION_RATE:
        return "samples per second, such as 500, 2k or max";
    case PYR_OPTION_SECONDS:
        return "a time, such as 10, 1.5s, 200ms or 5m";
    case PYR_OPTION_PID:
        return "the number of a process";
    case PYR_OPTION_TEXT:
        return "a name or a text";
    default:
        return "a number";
    }
}

static enum pyr_parsed store(struct pyr_parse *parse, const struct pyr_option *option, const char *text)
{
    char name[40];
    void *to = (char *)parse->args + option->offset;
    if (option->unavailable)
        return problem(parse, PYR_PARSED_UNAVAILABLE, "%s is not available in this version; leave it out",
                       shown(option, name));
    if (option->kind == PYR_OPTION_FLAG)
        *(bool *)to = true;
    else if (option->kind == PYR_OPTION_CHOICE)
        return choose(parse, option, text);
    else if (!read_value(option, text, to))
        return problem(parse, PYR_PARSED_WRONG, "%s wants %s, not '%.80s'", shown(option, name), wanted(option->kind),
                       text);
    return PYR_PARSED;
}

struct reading {
    char **argv;
    int argc, at;
    bool ended; /* everything from `at` on is words */
};

static void add_word(struct pyr_parse *parse, char *word)
{
    parse->words.items[parse->words.count++] = word;
}

/* -m and -c: the argument becomes the first word, and all that follows is the program's. */
static void begin_program(struct pyr_parse *parse, const struct pyr_option *option, char *first,
                          struct reading *reading)
{
    memcpy((char *)parse->args + option->offset, &option->number, sizeof option->number);
    add_word(parse, first);
    reading->ended = true;
}

static enum pyr_parsed take(struct pyr_parse *parse, const struct pyr_option *option, char *attached,
                            struct reading *reading)
{
    char name[40];
    if (option->kind == PYR_OPTION_FLAG)
        return store(parse, option, NULL);
    if (!attached && reading->at == reading->argc)
        return problem(parse, PYR_PARSED_WRONG, "%s wants an argument: %s", shown(option, name), option->value);
    char *text = attached ? attached : reading->argv[reading->at++];
    if (option->kind != PYR_OPTION_PROGRAM)
        return store(parse, option, text);
    begin_program(parse, option, text, reading);
    return PYR_PARSED;
}

static enum pyr_parsed read_long(struct pyr_parse *parse, char *name, struct reading *reading)
{
    size_t length = strcspn(name, "=");
    if (!strcmp(name, "help"))
        return PYR_PARSED_HELP;
    const struct pyr_option *option = find_long(parse->options, name, length);
    if (!option)
        return unknown_long(parse, name, length);
    if (name[length] && option->kind == PYR_OPTION_FLAG)
        return problem(parse, PYR_PARSED_WRONG, "--%s takes no argument", option->name);
    return take(parse, option, name[length] ? name + length + 1 : NULL, reading);
}

static enum pyr_parsed read_letters(struct pyr_parse *parse, char *letters, struct reading *reading)
{
    while (*letters) {
        char letter = *letters++;
        const struct pyr_option *option = find_letter(parse->options, letter);
        if (!option && letter == 'h')
            return PYR_PARSED_HELP;
        if (!option)
            return problem(parse, PYR_PARSED_WRONG, "unknown option -%c", letter);
        bool flag = option->kind == PYR_OPTION_FLAG;
        enum pyr_parsed parsed = take(parse, option, !flag && *letters ? letters : NULL, reading);
        if (parsed != PYR_PARSED || !flag)
            return parsed;
    }
    return PYR_PARSED;
}

static enum pyr_parsed read_one(struct pyr_parse *parse, struct reading *reading)
{
    char *word = reading->argv[reading->at++];
    if (!strcmp(word, "--")) {
        parse->words.separator = parse->words.count;
        reading->ended = true;
    } else if (word[0] == '-' && word[1] == '-') {
        return read_long(parse, word + 2, reading);
    } else if (word[0] == '-' && word[1]) {
        return read_letters(parse, word + 1, reading);
    } else {
        add_word(parse, word);
        reading->ended = parse->program;
    }
    return PYR_PARSED;
}

enum pyr_parsed pyr_options_parse(struct pyr_parse *parse, int argc, char **argv)
{
    struct reading reading = {.argv = argv, .argc = argc};
    enum pyr_parsed parsed = PYR_PARSED;
    parse->words.count = 0;
    parse->words.separator = -1;
    while (parsed == PYR_PARSED && !reading.ended && reading.at < argc)
        parsed = read_one(parse, &reading);
    while (reading.at < argc)
        add_word(parse, argv[reading.at++]);
    parse->words.items[parse->words.count] = NULL;
    return parsed;
}
