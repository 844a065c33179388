/* Code that is put into a copy: it calls each item's tp_traverse with a visitor that writes down what it is given. */
#include "heap/visitor.h"

#include "base/alloc.h"

#include <stddef.h>
#include <string.h>

enum {
    CODE_SIZE = 4096,
    BUFFER_ITEMS = 1 << 16,
    STRIKES_MAX = 8, /* traversals that hung: each costs the time below */
};
#define PROGRESS_NS 500000000ull /* in which one object has to be done with, or something be visited */
#define VISITED_MAX (1ull << 24) /* by one object */

/* As the code below has it, in the copy, a page after that code. */
struct board {
    struct pyr_copy_recovery recovery;
    uint64_t count, at; /* of the items; the one at hand */
    uint64_t visited;   /* since the batch began */
    uint64_t next, end; /* where the next address goes, and where there is no more room */
    struct visitor_item items[VISITOR_BATCH];
};

_Static_assert(sizeof(struct visitor_item) == 32 && offsetof(struct board, count) == 56 &&
                   offsetof(struct board, at) == 64 && offsetof(struct board, visited) == 72 &&
                   offsetof(struct board, next) == 80 && offsetof(struct board, end) == 88 &&
                   offsetof(struct board, items) == 96 && VISITOR_DONE == 1 && VISITOR_REFUSED == 2 &&
                   VISITOR_FAILED == 3,
               "the code in the copy knows these");

struct visitor {
    struct pyr_copy *copy;
    pyr_addr code;
    uint64_t board_at, buffer;
    uint64_t skip; /* in the place of a traversal that is not to be run again */
    unsigned strikes;
    struct board board, now; /* what we believe; what was read */
};

#if defined(__x86_64__)

/* void run(struct board *): %rbp is the board, %rbx the item at hand. A traversal may leave all registers changed, so
 * that both are found anew after it. Where the buffer is full the visitor traps: it is emptied from outside. */
__asm__(".pushsection .rodata\n"
        "pyr_visitor_code:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    sub $8, %rsp\n"
        "    mov %rdi, 9f(%rip)\n"
        "    mov %rdi, %rbp\n"
        "    mov %rbp, 0(%rbp)\n" /* where a fault goes on: frame, instruction, stack */
        "    lea 5f(%rip), %rax\n"
        "    mov %rax, 8(%rbp)\n"
        "    mov %rsp, 16(%rbp)\n"
        "1:  mov 64(%rbp), %rbx\n" /* the next item */
        "    cmp 56(%rbp), %rbx\n"
        "    jae 4f\n"
        "    shl $5, %rbx\n"
        "    lea 96(%rbp,%rbx), %rbx\n"
        "    mov 0(%rbx), %rdi\n"
        "    lea 6f(%rip), %rsi\n"
        "    mov %rbp, %rdx\n"
        "    call *8(%rbx)\n"
        "    mov $1, %ecx\n"
        "    test %eax, %eax\n"
        "    jz 2f\n"
        "    mov $2, %ecx\n"
        "2:  cld\n"
        "    mov 9f(%rip), %rbp\n"
        "    mov 64(%rbp), %rbx\n"
        "    shl $5, %rbx\n"
        "    lea 96(%rbp,%rbx), %rbx\n"
        "    mov %rcx, 24(%rbx)\n"
        "    mov 72(%rbp), %rax\n"
        "    mov %rax, 16(%rbx)\n"
        "    incq 64(%rbp)\n"
        "    jmp 1b\n"
        "4:  add $8, %rsp\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        "5:  mov $3, %ecx\n" /* after a fault */
        "    jmp 2b\n"
        "6:  mov 9f(%rip), %rax\n" /* int visit(object, …) */
        "    mov 80(%rax), %rcx\n"
        "    cmp 88(%rax), %rcx\n"
        "    jae 8f\n"
        "    mov %rdi, 0(%rcx)\n"
        "    addq $8, 80(%rax)\n"
        "    incq 72(%rax)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "8:  int3\n"
        "    jmp 6b\n"
        "pyr_visitor_skip:\n" /* a traversal that refuses */
        "    mov $1, %eax\n"
        "    ret\n"
        "    .balign 8\n"
        "9:  .quad 0\n"
        "pyr_visitor_code_end:\n"
        ".popsection\n");

extern const unsigned char pyr_visitor_code[] __attribute__((visibility("hidden")));
extern const unsigned char pyr_visitor_skip[] __attribute__((visibility("hidden")));
extern const unsigned char pyr_visitor_code_end[] __attribute__((visibility("hidden")));

static int write_code(struct visitor *visitor, struct pyr_err *err)
{
    size_t size = (uintptr_t)pyr_visitor_code_end - (uintptr_t)pyr_visitor_code;
    visitor->skip = visitor->code.v + ((uintptr_t)pyr_visitor_skip - (uintptr_t)pyr_visitor_code);
    return pyr_copy_write(visitor->copy, visitor->code, pyr_visitor_code, size, err);
}

#else

static int write_code(struct visitor *visitor, struct pyr_err *err)
{
    (void)visitor;
    return pyr_err_set(err, PYR_E_UNSUPPORTED, "not on this kind of processor");
}

#endif

int visitor_open(struct visitor **out, struct pyr_copy *copy, struct pyr_err *err)
{
    struct visitor *visitor = pyr_alloc(sizeof *visitor);
    if (!visitor)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    visitor->copy = copy;
    uint64_t board = CODE_SIZE, buffer = (board + sizeof(struct board) + 63) & ~63ull;
    int rc = pyr_copy_map(copy, buffer + BUFFER_ITEMS * sizeof(uint64_t), &visitor->code, err);
    if (rc == 0)
        rc = write_code(visitor, err);
    visitor->board_at = visitor->code.v + board;
    visitor->buffer = visitor->code.v + buffer;
    if (rc < 0)
        visitor_close(visitor);
    else
        *out = visitor;
    return rc;
}

void visitor_close(struct visitor *visitor)
{
    pyr_free(visitor);
}

/* ---- one batch ---- */

static int read_copy(const struct visitor *visitor, uint64_t at, void *to, size_t size)
{
    return pyr_target_read(pyr_copy_target(visitor->copy), PYR_ADDR(at), to, size);
}

static int write_board(struct visitor *visitor, struct pyr_err *err)
{
    size_t size = offsetof(struct board, items) + visitor->board.count * sizeof *visitor->board.items;
    return pyr_copy_write(visitor->copy, PYR_ADDR(visitor->board_at), &visitor->board, size, err);
}

static uint64_t end_before(const struct board *board, uint64_t item)
{
    return item ? board->items[item - 1].end : 0;
}

/* What stands in the copy may have been overwritten by what ran there: no count is believed. A call that was
 * interrupted may stand between two steps of the visitor. */
static bool is_sane(const struct visitor *visitor)
{
    const struct board *now = &visitor->now, *before = &visitor->board;
    uint64_t fresh = now->visited - before->visited, next = visitor->buffer + fresh * sizeof(uint64_t);
    if (now->count != before->count || now->at < before->at || now->at > now->count || fresh > BUFFER_ITEMS)
        return false;
    for (uint64_t i = before->at, end = end_before(before, i); i < now->at; i++) {
        const struct visitor_item *item = &now->items[i];
        if (item->end < end || item->end > now->visited || item->state < VISITOR_DONE || item->state > VISITOR_FAILED)
            return false;
        end = item->end;
    }
    return now->next == next || now->next == next + sizeof(uint64_t);
}

/* Takes over what the copy has written. PYR_E_LIMIT if that is nonsense. */
static int take_over(struct visitor *visitor, struct pyr_vec *visited, struct pyr_err *err)
{
    struct board *now = &visitor->now, *board = &visitor->board;
    if (read_copy(visitor, visitor->board_at, now, sizeof *now) < 0)
        return pyr_err_set(err, PYR_E_GONE, "the copy was killed (by the system, for lack of memory?)");
    if (!is_sane(visitor))
        return pyr_err_set(err, PYR_E_LIMIT, "what ran in the copy overwrote its results");
    size_t fresh = (size_t)(now->visited - board->visited);
    if (pyr_vec_reserve(visited, visited->count + fresh) < 0)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory for what objects refer to");
    if (fresh && read_copy(visitor, visitor->buffer, PYR_VEC_AT(visited, uint64_t, visited->count),
                           fresh * sizeof(uint64_t)) < 0)
        return pyr_err_set(err, PYR_E_GONE, "the copy was killed (by the system, for lack of memory?)");
    visited->count += fresh;
    memcpy(board->items + board->at, now->items + board->at, (size_t)(now->at - board->at) * sizeof *board->items);
    board->at = now->at;
    board->visited = now->visited;
    return 0;
}

/* The one at hand does not come back, or without an end to what it visits: the next call begins behind it. */
static int strike(struct visitor *visitor, struct pyr_vec *visited, struct pyr_err *err)
{
    struct board *board = &visitor->board;
    if (board->at >= board->count || ++visitor->strikes > STRIKES_MAX)
        return pyr_err_set(err, PYR_E_LIMIT, "too many traversals of types do not come back");
    board->visited = visited->count = (size_t)end_before(board, board->at);
    board->items[board->at].state = VISITOR_FAILED;
    board->items[board->at].end = board->visited;
    for (uint64_t i = board->at + 1; i < board->count; i++)
        if (board->items[i].traverse == board->items[board->at].traverse)
            board->items[i].traverse = visitor->skip;
    board->at++;
    return 0;
}

static int start(struct visitor *visitor, struct pyr_copy_outcome *outcome, struct pyr_err *err)
{
    const struct pyr_copy_call call = {
        .entry = visitor->code,
        .arguments = {visitor->board_at},
        .recovery = PYR_ADDR(visitor->board_at + offsetof(struct board, recovery)),
        .faults_max = visitor->board.count,
        .timeout_ns = PROGRESS_NS,
    };
    int rc = write_board(visitor, err);
    return rc < 0 ? rc : pyr_copy_call(visitor->copy, &call, outcome, err);
}

/* Goes on as long as it gets on. */
static int await(struct visitor *visitor, struct pyr_copy_outcome *outcome, struct pyr_err *err)
{
    uint64_t was[2], now[2] = {visitor->board.at, visitor->board.visited}; /* as they lie there */
    int rc = 0;
    while (rc == 0 && outcome->end == PYR_COPY_TIMED_OUT) {
        memcpy(was, now, sizeof was);
        if (read_copy(visitor, visitor->board_at + offsetof(struct board, at), now, sizeof now) < 0)
            return pyr_err_set(err, PYR_E_GONE, "the copy was killed (by the system, for lack of memory?)");
        if (memcmp(was, now, sizeof was) == 0)
            break;
        rc = pyr_copy_continue(visitor->copy, PROGRESS_NS, outcome, err);
    }
    return rc;
}

/* Whether the visitor waits for its buffer to be emptied. */
static bool is_full(const struct visitor *visitor, const struct pyr_copy_outcome *outcome)
{
    const struct board *board = &visitor->board;
    return outcome->end == PYR_COPY_TRAPPED && outcome->ip > visitor->code.v &&
           outcome->ip < visitor->code.v + CODE_SIZE && board->visited - end_before(board, board->at) < VISITED_MAX;
}

static int run_batch(struct visitor *visitor, struct pyr_vec *visited, struct pyr_err *err)
{
    struct pyr_copy_outcome outcome;
    int rc = start(visitor, &outcome, err);
    for (;;) {
        if (rc == 0)
            rc = await(visitor, &outcome, err);
        if (rc == 0)
            rc = take_over(visitor, visited, err);
        if (rc < 0 || outcome.end == PYR_COPY_RETURNED)
            return rc;
        if (is_full(visitor, &outcome)) {
            rc = pyr_copy_write(visitor->copy, PYR_ADDR(visitor->board_at + offsetof(struct board, next)),
                                &visitor->board.next, sizeof visitor->board.next, err);
            rc = rc < 0 ? rc : pyr_copy_continue(visitor->copy, PROGRESS_NS, &outcome, err);
        } else {
            rc = strike(visitor, visited, err);
            rc = rc < 0 ? rc : start(visitor, &outcome, err);
        }
    }
}

int visitor_run(struct visitor *visitor, struct visitor_item *items, size_t count, struct pyr_vec *visited,
                struct pyr_err *err)
{
    struct board *board = &visitor->board;
    if (count > VISITOR_BATCH)
        return PYR_E_MISUSE;
    memset(board, 0, offsetof(struct board, items));
    board->count = count;
    board->next = visitor->buffer;
    board->end = visitor->buffer + BUFFER_ITEMS * sizeof(uint64_t);
    memcpy(board->items, items, count * sizeof *items);
    visited->count = 0;
    int rc = run_batch(visitor, visited, err);
    memcpy(items, board->items, count * sizeof *items);
    return rc;
}
