#include "cmd.h"

#include <stdarg.h>

/* In one write: what the program under measurement prints meanwhile cannot come between. */
static void print_line(const char *format, va_list args)
{
    char line[2048];
    int used = snprintf(line, sizeof line, "pyrometer: ");
    int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    used += more < 0 ? 0 : more;
    if (used > (int)sizeof line - 2)
        used = (int)sizeof line - 2;
    line[used++] = '\n';
    fflush(stderr);
    fwrite(line, 1, (size_t)used, stderr);
}

void pyr_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(format, args);
    va_end(args);
}

int pyr_say_wrong(const struct pyr_cmd *cmd, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pyr_say("%s: %s (see: pyrometer %s --help)", cmd->name, text, cmd->name);
    return PYR_EXIT_USAGE;
}

int pyr_say_failed(const struct pyr_cmd *cmd, const struct pyr_err *err, int status)
{
    pyr_say("%s: %s", cmd->name, err->text[0] ? err->text : pyr_status_text(status));
    return PYR_EXIT_FAILED;
}
