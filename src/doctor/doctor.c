#include "doctor/checks.h"

#include "base/alloc.h"

#include <stdio.h>

static int (*const all[])(struct pyr_checks *) = {
    pyr_check_kernel,    pyr_check_permission, pyr_check_reading, pyr_check_stopping,
    pyr_check_schedstat, pyr_check_slices,     pyr_check_timer,   pyr_check_pythons,
};

struct pyr_check *pyr_checks_add(struct pyr_checks *checks, const char *name)
{
    if (checks->count == checks->capacity) {
        size_t capacity = checks->capacity ? checks->capacity * 2 : 16;
        struct pyr_check *items = pyr_realloc(checks->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        checks->items = items;
        checks->capacity = capacity;
    }
    struct pyr_check *check = &checks->items[checks->count++];
    *check = (struct pyr_check){.level = PYR_CHECK_OK};
    snprintf(check->name, sizeof check->name, "%s", name);
    return check;
}

int pyr_doctor(struct pyr_checks *checks, struct pyr_err *err)
{
    struct pyr_checks made = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int rc = all[i](&made);
        if (rc < 0) {
            pyr_checks_release(&made);
            return pyr_err_set(err, rc, "%s", pyr_status_text(rc));
        }
    }
    *checks = made;
    return 0;
}

void pyr_checks_release(struct pyr_checks *checks)
{
    pyr_free(checks->items);
    *checks = (struct pyr_checks){0};
}

const char *pyr_check_level_name(enum pyr_check_level level)
{
    static const char *const names[] = {"ok", "limited", "missing"};
    return names[level];
}
