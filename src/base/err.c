#include "pyrometer/err.h"

#include <stdio.h>

int pyr_err_set(struct pyr_err *err, int status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        err->status = status;
    }
    return status;
}

const char *pyr_status_text(int status)
{
    switch (status) {
    case PYR_OK:
        return "done";
#define PYR_STATUS_CASE(name, value, text)                                                                             \
    case value:                                                                                                        \
        return text;
        PYR_STATUSES(PYR_STATUS_CASE)
#undef PYR_STATUS_CASE
    default:
        return "unknown status";
    }
}
