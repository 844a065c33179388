#include "formats.h"

#include "suggest.h"

#include <string.h>

const struct pyr_report_format *pyr_format_find(const char *name)
{
    unsigned count;
    const struct pyr_report_format *formats = pyr_report_formats(&count);
    for (unsigned i = 0; i < count; i++)
        if (!strcmp(formats[i].name, name))
            return &formats[i];
    return NULL;
}

static const char *find_nearest(const char *name)
{
    unsigned count;
    size_t best = SIZE_MAX;
    const char *nearest = NULL;
    const struct pyr_report_format *formats = pyr_report_formats(&count);
    for (unsigned i = 0; i < count; i++)
        if (pyr_suggest(name, formats[i].name, &best))
            nearest = formats[i].name;
    return nearest;
}

int pyr_format_wrong(const struct pyr_cmd *cmd, const char *name)
{
    unsigned count;
    char names[300] = "";
    size_t used = 0;
    const struct pyr_report_format *formats = pyr_report_formats(&count);
    const char *nearest = find_nearest(name);
    if (nearest)
        return pyr_say_wrong(cmd, "no format '%s'; did you mean '%s'?", name, nearest);
    for (unsigned i = 0; i < count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", formats[i].name);
    return pyr_say_wrong(cmd, "no format '%s'; there are %s", name, names);
}

void pyr_formats_print(FILE *out)
{
    unsigned count;
    const struct pyr_report_format *formats = pyr_report_formats(&count);
    fputs("\nFormats:\n", out);
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "  %-12s %s\n", formats[i].name, formats[i].describe);
}
