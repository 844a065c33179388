/* Frozen copies as their user sees them: each call here is a question to the guardian (guard.c). */
#include "target/copy_private.h"
#include "target/private.h"
#include "target/resident.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/guardian.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATIENCE_NS 2000000000ull
#define STOPPED_MAX_NS 10000000000ull
#define PAUSE_MIN_NS 500000ull /* between tries; longer each time */
#define PAUSE_MAX_NS 20000000ull

struct pyr_copy {
    struct pyr_target *target; /* the process */
    struct pyr_target *read;   /* the copy; the process if it is held stopped */
    struct pyr_copy_facts facts;
    pid_t guardian;
    int link;
    uint64_t stopped_until_ns;
};

/* ---- questions ---- */

static int gone(struct pyr_err *err)
{
    return pyr_err_set(err, PYR_E_GONE, "the helper process that guards the copy was killed");
}

static int ask(struct pyr_copy *copy, const struct pyr_copy_question *question, struct pyr_copy_answer *answer,
               struct pyr_err *err)
{
    ssize_t got;
    if (send(copy->link, question, sizeof *question, MSG_NOSIGNAL) != (ssize_t)sizeof *question)
        return gone(err);
    do
        got = recv(copy->link, answer, sizeof *answer, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof *answer)
        return gone(err);
    if (answer->status < 0 && err)
        *err = answer->err;
    return answer->status;
}

static int ask_simply(struct pyr_copy *copy, enum pyr_copy_ask what, struct pyr_copy_answer *answer,
                      struct pyr_err *err)
{
    struct pyr_copy_question question = {.ask = what};
    return ask(copy, &question, answer, err);
}

/* ---- making one ---- */

/* Where the process that is to be read lies, in the guardian: with descriptors of its own. */
static _Noreturn void be_guardian(int link, pid_t pid, const struct pyr_gadgets *gadgets,
                                  const struct pyr_copy_options *options)
{
    struct pyr_target *target;
    const struct pyr_steps steps = {.die_at = options->die_at, .who = options->it_dies ? pid : 0};
    if (pyr_target_open(&target, pid, NULL) < 0)
        _exit(1);
    pyr_guard_run(link, target, gadgets, steps);
}

static int start_guardian(struct pyr_copy *copy, const struct pyr_copy_options *options, struct pyr_err *err)
{
    struct pyr_gadgets gadgets;
    int rc = pyr_gadgets_find(copy->target, &gadgets, err);
    if (rc < 0)
        return rc;
    pid_t pid = pyr_guardian_start("pyrometer-guard", &copy->link, err);
    if (pid == 0)
        be_guardian(copy->link, pyr_target_pid(copy->target), &gadgets, options);
    if (pid > 0)
        copy->guardian = pid;
    return pid < 0 ? (int)pid : 0;
}

/* What the caller thinks of the moment in which everything stands still: 0 it will do, else a status. */
static int judge(const struct pyr_copy_options *options, struct pyr_err *err)
{
    int verdict = options->safe ? options->safe(options->context) : 1;
    if (verdict == 0)
        return pyr_err_set(err, PYR_E_AGAIN, "the process is in the middle of something at each try");
    return verdict < 0 ? pyr_err_set(err, verdict, "the moment cannot be judged: %s", pyr_status_text(verdict)) : 0;
}

/* One try: stop, judge, then `then` or let go. */
static int try_once(struct pyr_copy *copy, const struct pyr_copy_options *options, const struct pyr_copy_question *then,
                    struct pyr_err *err)
{
    struct pyr_copy_answer answer;
    struct pyr_copy_question hold = {.ask = PYR_ASK_TRY, .every = then->ask == PYR_ASK_STAND};
    hold.first = options->first ? options->first(options->context) : 0;
    copy->facts.tries++;
    int rc = ask(copy, &hold, &answer, err);
    if (rc < 0)
        return rc;
    rc = judge(options, err);
    if (rc < 0) {
        int asked = ask_simply(copy, PYR_ASK_LEAVE, &answer, NULL);
        return asked < 0 ? gone(err) : rc;
    }
    rc = ask(copy, then, &answer, err);
    if (rc == 0) {
        answer.facts.tries = copy->facts.tries;
        copy->facts = answer.facts;
    }
    return rc;
}

static int try_patiently(struct pyr_copy *copy, const struct pyr_copy_options *options,
                         const struct pyr_copy_question *then, struct pyr_err *err)
{
    uint64_t pause_ns = PAUSE_MIN_NS, now = pyr_now_ns();
    uint64_t until_ns = now + (options->patience_ns ? options->patience_ns : PATIENCE_NS);
    int rc;
    while ((rc = try_once(copy, options, then, err)) == PYR_E_AGAIN && (now = pyr_now_ns()) < until_ns) {
        pyr_sleep_until_ns(now + pause_ns);
        pause_ns = pause_ns * 2 < PAUSE_MAX_NS ? pause_ns * 2 : PAUSE_MAX_NS;
    }
    return rc;
}

static int fork_it(struct pyr_copy *copy, const struct pyr_copy_options *options, struct pyr_err *err)
{
    const struct pyr_copy_question question = {.ask = PYR_ASK_FORK};
    int rc = pyr_headroom_check(pyr_target_pid(copy->target), options->headroom_bytes, err);
    if (rc == 0)
        rc = try_patiently(copy, options, &question, err);
    if (rc == 0)
        rc = pyr_target_open(&copy->read, copy->facts.pid, err);
    if (rc == 0)
        pyr_live_read_shared(copy->read);
    return rc;
}

/* Instead of a copy, and why. */
static int stop_it(struct pyr_copy *copy, const struct pyr_copy_options *options, struct pyr_err *err)
{
    char reason[sizeof copy->facts.reason];
    const uint64_t span_ns = options->stopped_max_ns ? options->stopped_max_ns : STOPPED_MAX_NS;
    const struct pyr_copy_question question = {.ask = PYR_ASK_STAND, .size = span_ns};
    snprintf(reason, sizeof reason, "%.255s", err->text);
    uint64_t before_ns = pyr_now_ns();
    int rc = try_patiently(copy, options, &question, err);
    if (rc < 0)
        return rc;
    snprintf(copy->facts.reason, sizeof copy->facts.reason, "%s", reason);
    copy->stopped_until_ns = before_ns + span_ns;
    copy->read = copy->target;
    return 0;
}

int pyr_copy_make(struct pyr_copy **out, struct pyr_target *target, const struct pyr_copy_options *options,
                  struct pyr_err *err)
{
    struct pyr_err own;
    struct pyr_copy *copy = pyr_alloc(sizeof *copy);
    if (!copy)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    err = err ? err : &own;
    copy->target = target;
    copy->link = -1;
    int rc = start_guardian(copy, options, err);
    if (rc == 0) {
        rc = fork_it(copy, options, err);
        if (options->or_stopped && (rc == PYR_E_LIMIT || rc == PYR_E_UNSUPPORTED))
            rc = stop_it(copy, options, err);
    }
    if (rc < 0)
        pyr_copy_close(copy);
    else
        *out = copy;
    return rc;
}

/* ---- using it ---- */

struct pyr_target *pyr_copy_target(struct pyr_copy *copy)
{
    return copy->read;
}

const struct pyr_copy_facts *pyr_copy_facts(const struct pyr_copy *copy)
{
    return &copy->facts;
}

int pyr_copy_check(struct pyr_copy *copy)
{
    struct pollfd link = {.fd = copy->link, .events = POLLIN};
    if (!pyr_target_alive(copy->read) || poll(&link, 1, 0) != 0)
        return PYR_E_GONE;
    return copy->facts.stopped && pyr_now_ns() >= copy->stopped_until_ns ? PYR_E_GONE : 0;
}

/* What was mapped to run code in is no memory of the process's. */
static bool is_ours(const struct pyr_mapping *mapping)
{
    return mapping->writable && mapping->executable && !*mapping->path;
}

uint64_t pyr_copy_written_bytes(const struct pyr_copy *copy)
{
    struct pyr_buf text = {0};
    struct pyr_vec mappings = PYR_VEC(struct pyr_resident_mapping);
    uint64_t bytes = 0;
    int rc = copy->facts.stopped ? PYR_E_UNSUPPORTED : pyr_resident_read(copy->facts.pid, &text, &mappings);
    for (size_t i = 0; rc == 0 && i < mappings.count; i++) {
        const struct pyr_resident_mapping *row = PYR_VEC_AT(&mappings, struct pyr_resident_mapping, i);
        bytes += is_ours(&row->mapping) ? 0 : row->alone_bytes;
    }
    pyr_vec_release(&mappings);
    pyr_buf_release(&text);
    return bytes;
}

static int refuse_stopped(const struct pyr_copy *copy, struct pyr_err *err)
{
    if (!copy->facts.stopped)
        return 0;
    return pyr_err_set(err, PYR_E_UNSUPPORTED, "no code is run in process %d, which is held stopped for want of a copy",
                       (int)copy->facts.pid);
}

int pyr_copy_map(struct pyr_copy *copy, size_t size, pyr_addr *at, struct pyr_err *err)
{
    struct pyr_copy_answer answer;
    const struct pyr_copy_question question = {.ask = PYR_ASK_MAP, .size = size};
    int rc = refuse_stopped(copy, err);
    if (rc == 0)
        rc = ask(copy, &question, &answer, err);
    if (rc == 0)
        *at = answer.at;
    return rc;
}

int pyr_copy_write(struct pyr_copy *copy, pyr_addr to, const void *from, size_t size, struct pyr_err *err)
{
    struct iovec local = {(void *)from, size}, remote = {(void *)(uintptr_t)to.v, size};
    int rc = refuse_stopped(copy, err);
    if (rc < 0)
        return rc;
    if (process_vm_writev(copy->facts.pid, &local, 1, &remote, 1, 0) == (ssize_t)size)
        return 0;
    if (!pyr_target_alive(copy->read))
        return pyr_err_set(err, PYR_E_GONE, "the copy was killed (by the system, for lack of memory?)");
    return pyr_err_set(err, PYR_E_FAULT, "%zu bytes cannot be written at %#llx of the copy", size,
                       (unsigned long long)to.v);
}

int pyr_copy_call(struct pyr_copy *copy, const struct pyr_copy_call *call, struct pyr_copy_outcome *outcome,
                  struct pyr_err *err)
{
    struct pyr_copy_answer answer;
    const struct pyr_copy_question question = {.ask = PYR_ASK_CALL, .call = *call};
    int rc = refuse_stopped(copy, err);
    if (rc == 0)
        rc = ask(copy, &question, &answer, err);
    if (rc == 0)
        *outcome = answer.outcome;
    return rc;
}

int pyr_copy_continue(struct pyr_copy *copy, uint64_t timeout_ns, struct pyr_copy_outcome *outcome, struct pyr_err *err)
{
    struct pyr_copy_answer answer;
    const struct pyr_copy_question question = {.ask = PYR_ASK_CONTINUE, .call = {.timeout_ns = timeout_ns}};
    int rc = refuse_stopped(copy, err);
    if (rc == 0)
        rc = ask(copy, &question, &answer, err);
    if (rc == 0)
        *outcome = answer.outcome;
    return rc;
}

void pyr_copy_close(struct pyr_copy *copy)
{
    struct pyr_copy_answer answer;
    if (!copy)
        return;
    if (copy->link >= 0) {
        ask_simply(copy, PYR_ASK_END, &answer, NULL);
        pyr_guardian_end(copy->guardian, copy->link);
    }
    if (copy->read != copy->target)
        pyr_target_close(copy->read);
    pyr_free(copy);
}
