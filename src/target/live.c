/* Memory of a live process. */
#include "base/alloc.h"
#include "target/image.h"
#include "target/kernel_view.h"
#include "target/private.h"
#include "target/proc.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KERNEL_THREAD = 0x00200000 }; /* PF_KTHREAD of the kernel */

bool pyr_target_alive(const struct pyr_target *target)
{
    if (target->pid == 0)
        return true;
    if (target->pidfd >= 0) {
        struct pollfd ended = {.fd = target->pidfd, .events = POLLIN};
        return poll(&ended, 1, 0) == 0;
    }
    struct pyr_proc_stat stat;
    if (pyr_proc_stat_read(target->pid, &stat) < 0 || stat.start_ticks != target->start_ticks)
        return false;
    return stat.state != 'Z' || pyr_proc_live_thread(target->pid) > 0;
}

/* The thread that memory was read through has ended; go on through another. */
static bool find_other_thread(const struct pyr_target *target, pid_t old)
{
    if (!pyr_target_alive(target))
        return false;
    pid_t tid = pyr_proc_live_thread(target->pid);
    if (tid < 0 || tid == old)
        return false;
    atomic_store_explicit(&((struct pyr_target *)target)->via, tid, memory_order_relaxed);
    return true;
}

static ssize_t vm_read(const struct pyr_target *target, const struct iovec *local, size_t locals,
                       const struct iovec *remote, size_t remotes)
{
    for (int attempt = 0; attempt < 4; attempt++) {
        pid_t via = atomic_load_explicit(&target->via, memory_order_relaxed);
        ssize_t got = process_vm_readv(via, local, locals, remote, remotes, 0);
        if (got >= 0)
            return got;
        if (errno == EFAULT || errno == EINVAL)
            return 0;
        if (errno == ENOMEM)
            return PYR_E_NOMEM;
        if (errno == EPERM)
            return pyr_target_alive(target) ? PYR_E_PERMISSION : PYR_E_GONE;
        if (errno != ESRCH || !find_other_thread(target, via))
            return PYR_E_GONE;
    }
    return PYR_E_GONE;
}

/* A position in a list of pieces. */
struct pieces {
    const struct iovec *next;
    size_t left, skip; /* skip: bytes of *next that are done */
};

/* Copies pieces worth at most `bytes` to window; returns how many pieces, and in *bytes how much they hold. */
static size_t take_pieces(struct pieces *from, struct iovec *window, size_t *bytes)
{
    size_t count = 0, total = 0;
    while (from->left && count < IOV_MAX && total < *bytes) {
        size_t size = from->next->iov_len - from->skip;
        bool whole = size <= *bytes - total;
        if (!whole)
            size = *bytes - total;
        window[count++] = (struct iovec){(char *)from->next->iov_base + from->skip, size};
        total += size;
        from->skip = whole ? 0 : from->skip + size;
        from->next += whole;
        from->left -= whole;
    }
    *bytes = total;
    return count;
}

static ssize_t vm_read_long(const struct pyr_target *target, struct pieces local, struct pieces remote)
{
    struct iovec local_window[IOV_MAX], remote_window[IOV_MAX];
    size_t done = 0;
    for (;;) {
        struct pieces remote_before = remote;
        size_t bytes = PTRDIFF_MAX;
        size_t remotes = take_pieces(&remote, remote_window, &bytes);
        size_t wanted = bytes;
        size_t locals = take_pieces(&local, local_window, &bytes);
        if (bytes < wanted) { /* the local pieces were the smaller window: cut the remote ones to it */
            remote = remote_before;
            remotes = take_pieces(&remote, remote_window, &bytes);
        }
        if (bytes == 0)
            return (ssize_t)done;
        ssize_t got = vm_read(target, local_window, locals, remote_window, remotes);
        if (got < 0)
            return got;
        done += (size_t)got;
        if ((size_t)got < bytes)
            return (ssize_t)done;
    }
}

static ssize_t mem_read_at(const struct pyr_target *target, uint64_t from, void *to, size_t size)
{
    ssize_t got = pread(target->mem_fd, to, size, (off_t)from);
    if (got > 0)
        return got;
    return pyr_target_alive(target) ? 0 : PYR_E_GONE;
}

/* HOT: no allocation. */
static ssize_t live_readv(const struct pyr_target *target, const struct iovec *local, size_t locals,
                          const struct iovec *remote, size_t remotes)
{
    if (target->mem_fd >= 0)
        return pyr_readv_by_parts(target, local, locals, remote, remotes, mem_read_at);
    if (locals <= IOV_MAX && remotes <= IOV_MAX)
        return vm_read(target, local, locals, remote, remotes);
    struct pieces to = {.next = local, .left = locals}, from = {.next = remote, .left = remotes};
    return vm_read_long(target, to, from);
}

static void live_close(struct pyr_target *target)
{
    (void)target;
}

const struct pyr_backend pyr_backend_live = {
    .readv = live_readv,
    .load_maps = pyr_live_load_maps,
    .close = live_close,
};

void pyr_live_read_shared(struct pyr_target *target)
{
    if (target->mem_fd < 0)
        target->mem_fd = pyr_proc_open(target->via, "mem");
}

/* The kernel checks the permission before the address: that address 0 cannot be read says that others can. */
static int choose_way_in(struct pyr_target *target, struct pyr_err *err)
{
    char byte;
    struct iovec local = {&byte, 1}, remote = {NULL, 1};
    if (process_vm_readv(target->via, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT)
        return 0;
    int error = errno;
    if (error == ESRCH)
        return pyr_err_set(err, PYR_E_GONE, "process %d has ended", (int)target->pid);
    int fd = pyr_proc_open(target->via, "mem"); /* seccomp filters of containers forbid the call alone */
    if (fd >= 0) {
        target->mem_fd = fd;
        return 0;
    }
    if (fd == PYR_E_PERMISSION)
        return pyr_permission_explain(target->pid, err);
    return pyr_err_set(err, fd, "cannot read the memory of process %d: %s", (int)target->pid, pyr_status_text(fd));
}

/* Another word size or machine cannot be read with these structures. What cannot be opened is let through. */
static int check_abi(const struct pyr_target *target, struct pyr_err *err)
{
    unsigned char head[20];
    int fd = pyr_proc_open(target->via, "exe");
    if (fd < 0)
        return 0;
    ssize_t got = pread(fd, head, sizeof head, 0);
    close(fd);
    if (got != (ssize_t)sizeof head)
        return 0;
    unsigned machine = head[18] | (unsigned)head[19] << 8;
    if (head[EI_CLASS] == ELFCLASS64 && head[EI_DATA] == ELFDATA2LSB && machine == pyr_machine())
        return 0;
    return pyr_err_set(
        err, PYR_E_UNSUPPORTED,
        "process %d runs a program for another kind of processor (%s, ELF machine %u): only 64-bit programs for %s "
        "can be read",
        (int)target->pid, pyr_machine_name(machine), machine, pyr_machine_name(pyr_machine()));
}

static int check_is_process(pid_t pid, struct pyr_err *err)
{
    char text[4096];
    uint64_t process;
    if (pyr_system_is_process(pid) || pyr_proc_read(pid, "status", text, sizeof text) <= 0 ||
        !pyr_proc_status_field(text, "Tgid:", false, &process) || process == (uint64_t)pid)
        return 0;
    return pyr_err_set(err, PYR_E_MISUSE, "%d is a thread of process %d: name the process", (int)pid, (int)process);
}

static int identify(struct pyr_target *target, struct pyr_err *err)
{
    int pid = (int)target->pid;
    struct pyr_proc_stat stat;
    int status = pyr_proc_stat_read(target->pid, &stat);
    if (status == PYR_E_GONE && (kill(target->pid, 0) == 0 || errno == EPERM))
        return pyr_err_set(err, PYR_E_PERMISSION, "/proc hides process %d from this user: run as root (sudo)", pid);
    if (status == PYR_E_GONE)
        return pyr_err_set(err, status, "there is no process %d", pid);
    if (status < 0)
        return pyr_err_set(err, status, "cannot read the state of process %d: %s", pid, pyr_status_text(status));
    if (stat.flags & KERNEL_THREAD)
        return pyr_err_set(err, PYR_E_UNSUPPORTED, "process %d is a thread of the kernel", pid);
    status = check_is_process(target->pid, err);
    if (status < 0)
        return status;
    target->start_ticks = stat.start_ticks;
    target->via = stat.state == 'Z' || stat.state == 'X' ? pyr_proc_live_thread(target->pid) : target->pid;
    if (target->via < 0)
        return pyr_err_set(err, PYR_E_GONE, "process %d has ended; only its exit status is left for its parent", pid);
    return 0;
}

int pyr_target_open(struct pyr_target **out, pid_t pid, struct pyr_err *err)
{
    if (pid <= 0)
        return pyr_err_set(err, PYR_E_MISUSE, "%d is not the number of a process", (int)pid);
    struct pyr_target *target = pyr_alloc(sizeof *target);
    if (!target)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    *target = (struct pyr_target){
        .backend = &pyr_backend_live,
        .pid = pid,
        .mem_fd = -1,
        .pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
        .maps = PYR_VEC(struct pyr_mapping),
        .modules = PYR_VEC(struct pyr_module *),
    };
    int status = identify(target, err);
    if (status == 0)
        status = choose_way_in(target, err);
    if (status == 0)
        status = check_abi(target, err);
    if (status == 0 && !pyr_target_alive(target))
        status = pyr_err_set(err, PYR_E_GONE, "process %d has ended", (int)pid);
    if (status < 0)
        pyr_target_close(target);
    else
        *out = target;
    return status;
}
