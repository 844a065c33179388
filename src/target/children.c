#include "base/map.h"
#include "base/vec.h"
#include "target/proc.h"
#include "target/target.h"
#include "target/task.h"

#include "pyrometer/err.h"

#include <stdio.h>

static int push_new(struct pyr_vec *pids, struct pyr_map *seen, pid_t pid)
{
    if (pyr_map_find(seen, (uint64_t)pid))
        return 0;
    return pyr_vec_push(pids, &pid) ? pyr_map_put(seen, (uint64_t)pid, 1) : PYR_E_NOMEM;
}

static int parse_list(const char *text, struct pyr_vec *pids, struct pyr_map *seen)
{
    int status = 0;
    uint64_t number = 0;
    for (const char *p = text; status == 0; p++) {
        if (*p >= '0' && *p <= '9') {
            number = number * 10 + (uint64_t)(*p - '0');
            continue;
        }
        if (number && number <= INT32_MAX)
            status = push_new(pids, seen, (pid_t)number);
        number = 0;
        if (!*p)
            break;
    }
    return status;
}

/* The kernel's own list: one file for each thread. PYR_E_UNSUPPORTED if it was built without. */
static int children_by_list(pid_t pid, struct pyr_vec *pids, struct pyr_map *seen)
{
    struct pyr_vec tids = PYR_VEC(pid_t);
    int status = pyr_task_list(pid, &tids), lists = 0;
    for (size_t i = 0; i < tids.count && status == 0; i++) {
        char name[64];
        struct pyr_buf text = {0};
        snprintf(name, sizeof name, "task/%d/children", (int)*PYR_VEC_AT(&tids, pid_t, i));
        if (pyr_proc_read_all(pid, name, 64 << 20, &text) == 0) {
            lists++;
            status = parse_list((const char *)text.bytes, pids, seen);
        }
        pyr_buf_release(&text);
    }
    pyr_vec_release(&tids);
    return status == 0 && lists == 0 ? PYR_E_UNSUPPORTED : status;
}

static int children_by_scan(pid_t pid, struct pyr_vec *pids, struct pyr_map *seen)
{
    struct pyr_vec all = PYR_VEC(pid_t);
    int status = pyr_proc_numbers("/proc", &all);
    for (size_t i = 0; i < all.count && status == 0; i++) {
        struct pyr_proc_stat stat;
        pid_t other = *PYR_VEC_AT(&all, pid_t, i);
        if (pyr_proc_stat_read(other, &stat) == 0 && stat.parent == pid)
            status = push_new(pids, seen, other);
    }
    pyr_vec_release(&all);
    return status;
}

static int direct_children(pid_t pid, struct pyr_vec *pids, struct pyr_map *seen)
{
    int status = children_by_list(pid, pids, seen);
    return status == PYR_E_UNSUPPORTED ? children_by_scan(pid, pids, seen) : status;
}

int pyr_process_children(pid_t pid, bool descendants, struct pyr_vec *pids)
{
    struct pyr_map seen = {0};
    size_t first = pids->count;
    int status = pyr_map_put(&seen, (uint64_t)pid, 1);
    if (status == 0)
        status = direct_children(pid, pids, &seen);
    for (size_t i = first; descendants && i < pids->count && status == 0; i++) {
        int below = direct_children(*PYR_VEC_AT(pids, pid_t, i), pids, &seen);
        status = below == PYR_E_GONE ? 0 : below; /* it ended since */
    }
    if (status < 0)
        pids->count = first;
    pyr_map_release(&seen);
    return status;
}

int pyr_process_parent(pid_t pid, pid_t *parent)
{
    struct pyr_proc_stat stat;
    int status = pyr_proc_stat_read(pid, &stat);
    if (status == 0)
        *parent = stat.parent;
    return status;
}
