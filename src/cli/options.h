/* One table of options per command: it is parsed, and its help is printed, from the same rows. */
#ifndef PYR_CLI_OPTIONS_H
#define PYR_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pyr_option_kind {
    PYR_OPTION_FLAG,    /* bool */
    PYR_OPTION_TEXT,    /* const char *, borrowed from argv */
    PYR_OPTION_RATE,    /* double: samples per second, k and m understood, PYR_RATE_MAX for max */
    PYR_OPTION_SECONDS, /* double: ms, s, m and h understood */
    PYR_OPTION_COUNT,   /* unsigned */
    PYR_OPTION_PID,     /* int64_t */
    PYR_OPTION_CHOICE,  /* int: the value of one of choices */
    PYR_OPTION_PROGRAM, /* int: the row's own number; its argument and all that follows belong to the program */
};

struct pyr_choice {
    const char *name; /* NULL ends the list */
    int value;
    bool unavailable; /* a name that is reserved, for something that this version cannot do */
};

struct pyr_option {
    const char *name; /* long name; NULL ends the table (see PYR_OPTION_END) unless there is a letter */
    char letter;      /* 0: none */
    enum pyr_option_kind kind;
    const char *value; /* what help calls the argument */
    const char *help;
    size_t offset; /* where in the command's arguments the value goes */
    const struct pyr_choice *choices;
    int number;       /* PROGRAM */
    bool unavailable; /* reserved: using it is a clear failure, not a wrong usage */
};

#define PYR_OPTION_END                                                                                                 \
    {                                                                                                                  \
        .name = NULL, .letter = 0                                                                                      \
    }

/* What is left after the options. */
struct pyr_words {
    char **items; /* NULL-terminated */
    int count;
    int separator; /* how many of them came before a "--"; -1 if there was none */
};

enum pyr_parsed {
    PYR_PARSED,
    PYR_PARSED_HELP,        /* --help was met */
    PYR_PARSED_WRONG,       /* problem says what is wrong */
    PYR_PARSED_UNAVAILABLE, /* problem says what cannot be had */
};

struct pyr_parse {
    const struct pyr_option *options;
    bool program; /* options end at the first word: the rest is a program's */
    void *args;
    struct pyr_words words; /* result; items has room for every argument */
    char problem[256];
};

/* Reads argv[0 .. argc-1], which does not include the names of the program and the command. */
enum pyr_parsed pyr_options_parse(struct pyr_parse *parse, int argc, char **argv);

/* Readers of single values; false if the text is not one. */
bool pyr_read_rate(const char *text, double *rate);
bool pyr_read_seconds(const char *text, double *seconds);
bool pyr_read_count(const char *text, unsigned *count);
bool pyr_read_pid(const char *text, int64_t *pid);

#endif
