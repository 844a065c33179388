/* Who belongs to the family: children of members, and descendants whose parents were gone before they were seen. */
#include "base/clock.h"
#include "sample/family.h"
#include "target/kernel_view.h"

#define MEMBERS_MAX 4096
#define SCANS 4u      /* a process has its number some time before it is among its parent's children */
#define SCAN_REST 20u /* times the CPU time that a scan took, none is made */
#define SCAN_ALL_NS 1000000000u
#define SCAN_ALL_REST 200u /* each of a thousand threads has children of its own */
#define NEWBORN_MAX 16384  /* numbers given out between two scans that are looked at */

static struct pyr_member *member_at(const struct pyr_family *family, size_t i)
{
    return PYR_VEC_AT(&family->members, struct pyr_member, i);
}

/* All that are there already, or could not be joined before. */
static int find_children(struct pyr_family *family, uint64_t now_ns)
{
    struct pyr_vec pids = PYR_VEC(pid_t);
    int rc = 0;
    for (size_t i = 0, members = family->members.count; i < members; i++)
        pyr_process_children(member_at(family, i)->process->pid, true, &pids);
    for (size_t i = 0; rc == 0 && i < pids.count && family->members.count < MEMBERS_MAX; i++) {
        pid_t pid = *PYR_VEC_AT(&pids, pid_t, i);
        if (!pyr_family_has(family, pid) && pyr_family_join(family, pid, now_ns, NULL) == PYR_E_NOMEM)
            rc = PYR_E_NOMEM;
    }
    pyr_vec_release(&pids);
    return rc;
}

static bool executes_what_a_member_does(const struct pyr_family *family, pid_t pid)
{
    uint64_t exec_id;
    if (pyr_target_exec_id(pid, &exec_id) < 0)
        return false;
    for (size_t i = 0; i < family->members.count; i++)
        if (member_at(family, i)->exec_id == exec_id)
            return true;
    return false;
}

/* A daemon forks twice, and its parent ends within a millisecond: it is found as a child of nobody's. But it has the
 * random bytes that the kernel gave to the execution of the program that it was forked from. */
static bool belongs(const struct pyr_family *family, pid_t pid)
{
    pid_t parent;
    if (pyr_process_parent(pid, &parent) < 0)
        return false;
    return pyr_family_has(family, parent) || (family->adopt_orphans && executes_what_a_member_does(family, pid));
}

/* Only numbers that are new need to be looked at; a parent has a lower one than its child, unless they began anew. */
static int find_newborn(struct pyr_family *family, uint64_t now_ns)
{
    pid_t first = family->older_pid + 1, last = family->last_pid;
    if (first > last + 1) /* the numbers began anew */
        first = 2;
    if (last - first >= NEWBORN_MAX)
        first = last - NEWBORN_MAX + 1;
    for (pid_t pid = first; pid <= last && family->members.count < MEMBERS_MAX; pid++) {
        if (!pyr_system_is_process(pid) || pyr_family_has(family, pid) || !belongs(family, pid))
            continue;
        if (pyr_family_join(family, pid, now_ns, NULL) == PYR_E_NOMEM)
            return PYR_E_NOMEM;
    }
    return 0;
}

/* Each number is looked at in two scans at least, since it is given out before its process can be seen. */
static void note_newest(struct pyr_family *family, pid_t last)
{
    if (!family->last_pid)
        family->last_pid = last;
    family->older_pid = family->previous_pid ? family->previous_pid : family->last_pid;
    family->previous_pid = family->last_pid;
    family->last_pid = last;
    family->scans = SCANS;
}

static bool scan_due(struct pyr_family *family)
{
    pid_t last = 0;
    if (pyr_system_last_pid(&family->last_pid_fd, &last) < 0)
        family->scans = SCANS;
    else if (last != family->last_pid)
        note_newest(family, last);
    if (family->scans == 0)
        return false;
    family->scans--;
    return true;
}

/* What a scan took is its CPU time: on a busy machine so much passes meanwhile that it would rest for seconds. */
int pyr_family_find(struct pyr_family *family, uint64_t now_ns)
{
    if (now_ns < family->scan_after_ns || !scan_due(family))
        return 0;
    uint64_t begun_ns = pyr_thread_cpu_ns();
    bool all = now_ns >= family->scan_all_ns || !family->last_pid;
    int rc = all ? find_children(family, now_ns) : 0;
    uint64_t took_ns = pyr_thread_cpu_ns() - begun_ns;
    if (all)
        family->scan_all_ns = now_ns + (took_ns * SCAN_ALL_REST > SCAN_ALL_NS ? took_ns * SCAN_ALL_REST : SCAN_ALL_NS);
    if (rc == 0 && family->last_pid)
        rc = find_newborn(family, now_ns);
    family->begun = true;
    family->scan_after_ns = now_ns + (pyr_thread_cpu_ns() - begun_ns - took_ns) * SCAN_REST;
    return rc;
}
