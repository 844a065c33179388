#include "cmd.h"

#include <string.h>

#define COLUMN 26 /* where the texts begin */
#define WIDTH 100

/* Prints text in the column that begins at `indent`, where the line is already, broken at spaces. */
static void wrap(FILE *out, const char *text, int indent)
{
    int column = indent;
    while (*text) {
        int length = (int)strcspn(text, " ");
        bool first = column == indent;
        if (!first && column + 1 + length > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", length, text);
        column += length + !first;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static int print_names(const struct pyr_option *option, FILE *out)
{
    char names[80];
    int used = 0;
    if (option->letter)
        used = snprintf(names, sizeof names, "  -%c", option->letter);
    else
        used = snprintf(names, sizeof names, "    ");
    if (option->name)
        used +=
            snprintf(names + used, sizeof names - (size_t)used, "%s--%s", option->letter ? ", " : "  ", option->name);
    if (option->value)
        used += snprintf(names + used, sizeof names - (size_t)used, " %s", option->value);
    fputs(names, out);
    return used;
}

static void print_option(const struct pyr_option *option, FILE *out)
{
    int used = print_names(option, out);
    if (used >= COLUMN - 1) {
        fputc('\n', out);
        used = 0;
    }
    fprintf(out, "%*s", COLUMN - used, "");
    wrap(out, option->help, COLUMN);
}

void pyr_help_cmd(const struct pyr_cmd *cmd, FILE *out)
{
    static const struct pyr_option help = {.name = "help", .letter = 'h', .help = "print this and end"};
    for (int i = 0; cmd->usage[i]; i++)
        fprintf(out, "%s pyrometer %s %s\n", i ? "      " : "Usage:", cmd->name, cmd->usage[i]);
    fprintf(out, "\n%s.\n\nOptions:\n", cmd->summary);
    for (const struct pyr_option *option = cmd->options; option->name || option->letter; option++)
        if (!option->unavailable && option->help[0]) /* without help it is for tests */
            print_option(option, out);
    print_option(&help, out);
    if (cmd->details)
        fprintf(out, "\n%s", cmd->details);
    if (cmd->more)
        cmd->more(out);
}

void pyr_help_all(FILE *out)
{
    fputs("Usage: pyrometer COMMAND [OPTION...] [ARGUMENT...]\n\n"
          "Measures running Python programs: where their time goes, which lines allocate their memory,\n"
          "and what keeps their objects alive.\n\nCommands:\n",
          out);
    for (const struct pyr_cmd *const *cmd = pyr_cmds; *cmd; cmd++)
        fprintf(out, "  %-10s %s\n", (*cmd)->name, (*cmd)->summary);
    fputs("\n`pyrometer help COMMAND` explains one; `pyrometer --version` prints the version.\n", out);
}
