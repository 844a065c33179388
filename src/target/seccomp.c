/* What the seccomp filters of a thread would say to a call: they are read, and run here. */
#include "target/copy_private.h"
#include "target/private.h"
#include "target/proc.h"

#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ptrace.h>

enum { FILTERS_MAX = 64, MEMORY_WORDS = BPF_MEMWORDS };

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#else
#define MACHINE AUDIT_ARCH_AARCH64
#endif

struct machine {
    uint32_t a, x, memory[MEMORY_WORDS];
    const struct seccomp_data *data;
};

static uint32_t compute(uint16_t operation, uint32_t a, uint32_t by)
{
    switch (operation) {
    case BPF_ADD:
        return a + by;
    case BPF_SUB:
        return a - by;
    case BPF_MUL:
        return a * by;
    case BPF_DIV:
        return by ? a / by : 0;
    case BPF_AND:
        return a & by;
    case BPF_OR:
        return a | by;
    case BPF_XOR:
        return a ^ by;
    case BPF_LSH:
        return by < 32 ? a << by : 0;
    case BPF_RSH:
        return by < 32 ? a >> by : 0;
    default: /* BPF_NEG */
        return 0 - a;
    }
}

static bool holds(uint16_t comparison, uint32_t a, uint32_t with)
{
    switch (comparison) {
    case BPF_JEQ:
        return a == with;
    case BPF_JGT:
        return a > with;
    case BPF_JGE:
        return a >= with;
    default: /* BPF_JSET */
        return (a & with) != 0;
    }
}

static uint32_t load(const struct machine *m, const struct sock_filter *at)
{
    uint32_t word = 0;
    switch (BPF_MODE(at->code)) {
    case BPF_IMM:
        return at->k;
    case BPF_LEN:
        return sizeof *m->data;
    case BPF_MEM:
        return at->k < MEMORY_WORDS ? m->memory[at->k] : 0;
    default: /* BPF_ABS */
        if (at->k <= sizeof *m->data - sizeof word)
            memcpy(&word, (const char *)m->data + at->k, sizeof word);
        return word;
    }
}

/* One instruction that neither jumps nor returns. */
static void execute(struct machine *m, const struct sock_filter *at)
{
    switch (BPF_CLASS(at->code)) {
    case BPF_LD:
        m->a = load(m, at);
        break;
    case BPF_LDX:
        m->x = load(m, at);
        break;
    case BPF_ST:
    case BPF_STX:
        if (at->k < MEMORY_WORDS)
            m->memory[at->k] = BPF_CLASS(at->code) == BPF_ST ? m->a : m->x;
        break;
    case BPF_ALU:
        m->a = compute(BPF_OP(at->code), m->a, BPF_SRC(at->code) == BPF_X ? m->x : at->k);
        break;
    default: /* BPF_MISC */
        if (BPF_MISCOP(at->code) == BPF_TAX)
            m->x = m->a;
        else
            m->a = m->x;
    }
}

/* What a filter answers. Jumps lead forward only, so that it ends; one that runs off its end kills. */
static uint32_t run_filter(const struct sock_filter *program, size_t count, const struct seccomp_data *data)
{
    struct machine m = {.data = data};
    for (size_t i = 0; i < count; i++) {
        const struct sock_filter *at = &program[i];
        if (BPF_CLASS(at->code) == BPF_RET)
            return BPF_RVAL(at->code) == BPF_A ? m.a : at->k;
        if (BPF_CLASS(at->code) != BPF_JMP)
            execute(&m, at);
        else if (BPF_OP(at->code) == BPF_JA)
            i += at->k;
        else
            i += holds(BPF_OP(at->code), m.a, BPF_SRC(at->code) == BPF_X ? m.x : at->k) ? at->jt : at->jf;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

static bool passes(const struct sock_filter *program, size_t count, const struct pyr_injection *call)
{
    struct seccomp_data data = {
        .nr = (int)call->number, .arch = MACHINE, .instruction_pointer = call->gadgets->call + 2};
    memcpy(data.args, call->arguments, sizeof data.args);
    uint32_t action = run_filter(program, count, &data) & SECCOMP_RET_ACTION_FULL;
    return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

static int check_filters(pid_t tid, const struct pyr_injection *calls, size_t count, struct pyr_err *err)
{
    struct sock_filter program[BPF_MAXINSNS];
    for (unsigned long number = 0; number < FILTERS_MAX; number++) {
        long size = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)number, NULL);
        if (size < 0 && errno == ENOENT)
            return 0;
        if (size > BPF_MAXINSNS || ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)number, program) != size)
            break;
        for (size_t i = 0; i < count; i++)
            if (!passes(program, (size_t)size, &calls[i]))
                return pyr_err_set(
                    err, PYR_E_UNSUPPORTED,
                    "the process has a seccomp filter that forbids it what a copy takes (system call %ld)",
                    calls[i].number);
    }
    return pyr_err_set(err, PYR_E_UNSUPPORTED,
                       "the process has a seccomp filter, of which only root can tell whether it lets a copy be made "
                       "(sudo)");
}

int pyr_seccomp_allows(pid_t tid, const struct pyr_injection *calls, size_t count, struct pyr_err *err)
{
    char text[4096];
    uint64_t mode = 0;
    if (pyr_proc_read(tid, "status", text, sizeof text) <= 0)
        return pyr_err_set(err, PYR_E_GONE, "thread %d has ended", (int)tid);
    if (!pyr_proc_status_field(text, "Seccomp:", false, &mode) || mode == SECCOMP_MODE_DISABLED)
        return 0;
    if (mode == SECCOMP_MODE_STRICT)
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "the process is in seccomp's strict mode, in which none can be copied");
    return check_filters(tid, calls, count, err);
}
