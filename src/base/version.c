#include "pyrometer/pyrometer.h"

const char *pyr_version(void)
{
    return PYR_VERSION;
}
