#include "sample/family.h"

#include "base/clock.h"
#include "sample/regime.h"
#include "target/kernel_view.h"

#include <stdio.h>
#include <unistd.h>

#define DETECT_FIRST_NS 2000000u
#define DETECT_WAIT_MAX_NS 500000000u
#define LOOK_NS 50000000u
#define USAGE_FIRST_NS                                                                                                 \
    10000000u /* the usage of a process is read ever less often, for little of a short life is lost */
#define USAGE_MAX_NS 1000000000u
#define REFUSALS_MAX 16u         /* in 0.3 s */
#define LAUNCH_CPU_NS 3000000u   /* more than a process uses between fork and exec */
#define LAUNCH_WALL_NS 50000000u /* and longer than that takes, on a CPU shared with few */
#define LEFT_PATIENCE_NS 100000000u
#define LEFT_NAP_NS 5000000u

static struct pyr_member *member_at(const struct pyr_family *family, size_t i)
{
    return PYR_VEC_AT(&family->members, struct pyr_member, i);
}

bool pyr_family_has(const struct pyr_family *family, pid_t pid)
{
    for (size_t i = 0; i < family->members.count; i++)
        if (member_at(family, i)->process->pid == pid)
            return true;
    return false;
}

int pyr_family_join(struct pyr_family *family, pid_t pid, uint64_t now_ns, struct pyr_err *err)
{
    struct pyr_member member = {.detect_wait_ns = DETECT_FIRST_NS, .found_ns = now_ns};
    int rc = pyr_process_open(&member.process, pid, family->writer, family->quality, err);
    if (rc < 0)
        return rc;
    pyr_target_exec_id(pid, &member.exec_id);
    uint64_t rss, peak;
    if (!family->begun) /* it was there before the recording */
        pyr_process_usage(pid, &rss, &peak, &member.cpu_before_ns);
    if (!pyr_vec_push(&family->members, &member)) {
        pyr_process_close(member.process);
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    }
    family->processes++;
    return 0;
}

int pyr_family_start(struct pyr_family *family, struct pyr_err *err)
{
    family->members = PYR_VEC(struct pyr_member);
    family->last_pid_fd = -1;
    return pyr_family_join(family, family->root, pyr_now_ns(), err);
}

void pyr_family_release(struct pyr_family *family)
{
    for (size_t i = 0; i < family->members.count; i++)
        pyr_process_close(member_at(family, i)->process);
    if (!family->members.item_size)
        return; /* never started */
    pyr_vec_release(&family->members);
    if (family->last_pid_fd >= 0)
        close(family->last_pid_fd);
}

static int end_in_recording(struct pyr_family *family, const struct pyr_member *member, uint64_t time_ns, int status)
{
    if (!member->process->is_python)
        return 0;
    return pyr_writer_process_end(family->writer, member->process->number, time_ns, status, member->cpu_ns,
                                  member->peak_rss_bytes);
}

/* Also of a process that has ended and has not been reaped: what it keeps then is its CPU time. */
static int read_usage(struct pyr_member *member)
{
    uint64_t rss, peak, cpu;
    int rc = pyr_process_usage(member->process->pid, &rss, &peak, &cpu);
    if (rc < 0)
        return rc;
    member->rss_bytes = rss;
    if (peak > member->peak_rss_bytes)
        member->peak_rss_bytes = peak;
    member->cpu_ns = cpu > member->cpu_before_ns ? cpu - member->cpu_before_ns : 0;
    return 0;
}

static int leave(struct pyr_family *family, size_t i, uint64_t time_ns)
{
    struct pyr_member *member = member_at(family, i);
    if (member->process->pid == family->root) {
        family->root_gone = true; /* its end is written when its status is known */
        return 0;
    }
    read_usage(member);
    int rc = end_in_recording(family, member, time_ns, -1);
    pyr_process_close(member->process);
    pyr_vec_remove(&family->members, i);
    return rc;
}

/* The same process, another program: nothing that was known of its memory holds. */
static int start_over(struct pyr_family *family, struct pyr_member *member, uint64_t exec_id, uint64_t time_ns)
{
    int rc = end_in_recording(family, member, time_ns, -1);
    pid_t pid = member->process->pid;
    struct pyr_process *fresh;
    if (rc < 0 || (rc = pyr_process_open(&fresh, pid, family->writer, family->quality, NULL)) < 0) {
        member->process->hidden |= rc == PYR_E_PERMISSION;
        return rc == PYR_E_GONE || rc == PYR_E_PERMISSION ? 0 : rc;
    }
    uint64_t before = member->cpu_before_ns;
    bool was_python = member->process->is_python;
    if (was_python && read_usage(member) == 0)
        before += member->cpu_ns; /* its clock goes on through exec */
    pyr_process_close(member->process);
    *member = (struct pyr_member){.process = fresh,
                                  .exec_id = exec_id,
                                  .detect_wait_ns = DETECT_FIRST_NS,
                                  .cpu_before_ns = before,
                                  .executed = member->executed || was_python};
    return 0;
}

/* The eldest relative that is the same execution of a program: one was forked from the other, so all is where it was.
 */
static const struct pyr_member *find_twin(const struct pyr_family *family, const struct pyr_member *member)
{
    for (size_t i = 0; i < family->members.count; i++) {
        const struct pyr_member *other = member_at(family, i);
        if (other != member && member->exec_id && other->exec_id == member->exec_id && !other->refused)
            return other;
    }
    return NULL;
}

/* A process that was forked is most often on its way to an exec. What it does until then is not worth an entry in the
 * recording, with the command line of its parent. */
static bool may_exec_yet(const struct pyr_member *member, uint64_t now_ns)
{
    uint64_t rss, peak, cpu = 0;
    return now_ns - member->found_ns < LAUNCH_WALL_NS &&
           pyr_process_usage(member->process->pid, &rss, &peak, &cpu) == 0 && cpu < LAUNCH_CPU_NS;
}

static int detect(struct pyr_family *family, struct pyr_member *member, uint64_t now_ns, uint64_t time_ns)
{
    if (member->process->is_python || member->refused || now_ns < member->detect_ns)
        return 0;
    struct pyr_err err = {0};
    const struct pyr_member *twin = find_twin(family, member);
    if (twin && twin->process->is_python && may_exec_yet(member, now_ns)) {
        family->undecided = true;
        return 0;
    }
    if (twin && twin < member && !twin->process->is_python)
        return 0; /* the elder goes first: what it turns out to be, both are */
    int rc = twin && twin->process->is_python ? pyr_process_inherit(member->process, twin->process, time_ns, &err)
                                              : pyr_process_detect(member->process, time_ns, &err);
    if (rc == 1) {
        if (family->regimes)
            pyr_regime_start(member->process, now_ns);
        const char *version = member->process->python.layout.version_text;
        if (family->pythons++ == 0)
            snprintf(family->python, sizeof family->python, "%s", version);
        return 0;
    }
    bool odd = rc == PYR_E_UNSUPPORTED || rc == PYR_E_PERMISSION;
    member->refusals = odd ? member->refusals + 1 : 0;
    if (member->refusals == REFUSALS_MAX) {
        member->refused = true;
        if (!family->problem.status)
            family->problem = err;
        return 0;
    }
    member->detect_ns = now_ns + member->detect_wait_ns;
    if (member->detect_wait_ns < DETECT_WAIT_MAX_NS)
        member->detect_wait_ns += member->detect_wait_ns / 4;
    return rc == PYR_E_NOMEM || rc == PYR_E_IO ? rc : 0;
}

static int measure_usage(struct pyr_family *family, struct pyr_member *member, uint64_t now_ns, uint64_t time_ns)
{
    if (!member->process->is_python || now_ns < member->usage_ns)
        return 0;
    uint64_t wait = member->usage_wait_ns + member->usage_wait_ns / 10;
    wait = wait < USAGE_FIRST_NS ? USAGE_FIRST_NS : wait;
    member->usage_wait_ns = wait < USAGE_MAX_NS ? wait : USAGE_MAX_NS;
    member->usage_ns = now_ns + member->usage_wait_ns;
    if (read_usage(member) < 0)
        return 0;
    return pyr_writer_usage(family->writer, member->process->number, time_ns, member->rss_bytes, member->cpu_ns);
}

/* Whether it lives, may be looked at, and is the program that it was. 1: it has left. */
static int look_at(struct pyr_family *family, size_t i, uint64_t time_ns)
{
    struct pyr_member *member = member_at(family, i);
    uint64_t exec_id;
    int rc =
        pyr_target_alive(member->process->target) ? pyr_target_exec_id(member->process->pid, &exec_id) : PYR_E_GONE;
    member->process->hidden = rc == PYR_E_PERMISSION;
    if (member->process->hidden)
        return 0;
    if (rc < 0) {
        rc = leave(family, i, time_ns);
        return rc < 0 ? rc : 1;
    }
    return exec_id == member->exec_id ? 0 : start_over(family, member, exec_id, time_ns);
}

static int keep_member(struct pyr_family *family, size_t i, uint64_t now_ns, uint64_t time_ns)
{
    struct pyr_member *member = member_at(family, i);
    int rc = 0;
    /* What is read of a process that ended or became another one fails soon: then it is looked at without delay. */
    if (now_ns >= member->look_ns || !member->process->is_python || member->process->stale) {
        member->look_ns = now_ns + LOOK_NS;
        rc = look_at(family, i, time_ns);
    }
    if (rc != 0 || member->process->hidden)
        return rc < 0 ? rc : 0;
    if (rc == 0)
        rc = detect(family, member, now_ns, time_ns);
    if (rc == 0)
        rc = measure_usage(family, member, now_ns, time_ns);
    return rc;
}

int pyr_family_keep(struct pyr_family *family, uint64_t now_ns, uint64_t time_ns)
{
    int rc = 0;
    family->undecided = false;
    if (family->follow_children)
        rc = pyr_family_find(family, now_ns);
    for (size_t i = 0, count = family->members.count; rc == 0 && i < count;) { /* the elder first */
        rc = keep_member(family, i, now_ns, time_ns);
        i += family->members.count == count; /* else one has left */
        count = family->members.count;
    }
    return rc;
}

static uint32_t count_left(const struct pyr_family *family, pid_t *pid)
{
    uint32_t count = 0;
    for (size_t i = 0; i < family->members.count; i++) {
        const struct pyr_process *process = member_at(family, i)->process;
        if (process->pid == family->root || !pyr_target_alive(process->target))
            continue;
        *pid = process->pid;
        count++;
    }
    return count;
}

static bool root_lives(const struct pyr_family *family)
{
    return family->members.count && member_at(family, 0)->process->pid == family->root &&
           pyr_target_alive(member_at(family, 0)->process->target);
}

uint32_t pyr_family_left(struct pyr_family *family, pid_t *pid)
{
    if (root_lives(family))
        return 0;
    uint64_t now = pyr_now_ns(), due = now + LEFT_PATIENCE_NS;
    family->scan_after_ns = 0;
    if (family->follow_children)
        pyr_family_find(family, now);
    uint32_t left = count_left(family, pid);
    for (; left && now < due; left = count_left(family, pid), now = pyr_now_ns())
        pyr_sleep_until_ns(now + LEFT_NAP_NS);
    return left;
}

uint64_t pyr_family_rss(const struct pyr_family *family)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < family->members.count; i++)
        sum += PYR_VEC_AT(&family->members, struct pyr_member, i)->rss_bytes;
    return sum;
}

void pyr_family_measure(struct pyr_family *family)
{
    for (size_t i = 0; i < family->members.count; i++) {
        struct pyr_member *member = member_at(family, i);
        uint64_t peak;
        bool had_children;
        read_usage(member);
        if (!member->executed && pyr_child_peak_rss(member->process->pid, &peak, &had_children) == 0 &&
            (family->follow_children || !had_children) && peak > member->peak_rss_bytes)
            member->peak_rss_bytes = peak;
    }
}

int pyr_family_end(struct pyr_family *family, uint64_t time_ns, int root_exit_status)
{
    int rc = 0;
    for (size_t i = 0; i < family->members.count; i++) {
        struct pyr_member *member = member_at(family, i);
        int ended =
            end_in_recording(family, member, time_ns, member->process->pid == family->root ? root_exit_status : -1);
        rc = rc < 0 ? rc : ended;
    }
    return rc;
}
