/* A process (or a captured image of one) whose memory is read. Everything here treats it as hostile and changing.
 * Only src/target knows about system calls on other processes and /proc. Not thread-safe unless stated. */
#ifndef PYR_TARGET_TARGET_H
#define PYR_TARGET_TARGET_H

#include "base/addr.h"
#include "pyrometer/err.h"

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct pyr_target;

/* Opens a live process. Fails with PYR_E_GONE, PYR_E_PERMISSION (the text says what to change: run as the same user,
 * sudo, ptrace_scope, CAP_SYS_PTRACE) or PYR_E_UNSUPPORTED (another ABI). Does not require it to be Python. */
int pyr_target_open(struct pyr_target **out, pid_t pid, struct pyr_err *err);

/* Opens an image saved by pyr_target_capture: for tests, without a process. */
int pyr_target_open_image(struct pyr_target **out, const char *path, struct pyr_err *err);

void pyr_target_close(struct pyr_target *target); /* NULL is allowed */

pid_t pyr_target_pid(const struct pyr_target *target); /* 0 for an image */

/* Whether the process that was opened (not another with its number) still runs. Thread-safe. */
bool pyr_target_alive(const struct pyr_target *target);

/* A descriptor that polls readable when the process has ended; -1 if the kernel has none. Borrowed. */
int pyr_target_pidfd(const struct pyr_target *target);

/* A number that changes when the process executes another program (or the same again). Needs the permission to read
 * its memory. PYR_E_GONE, PYR_E_PERMISSION. */
int pyr_target_exec_id(pid_t pid, uint64_t *id);

/* Reads exactly size bytes, or fails with PYR_E_FAULT, PYR_E_GONE, or PYR_E_PERMISSION where the process has changed
 * its privileges since. On failure nothing is written to `to`; a read over several pages pays for that with a copy.
 * Thread-safe. */
int pyr_target_read(const struct pyr_target *target, pyr_addr from, void *to, size_t size);

/* Reads many pieces in the order given with as few system calls as the kernel allows (one per 1024 remote pieces);
 * stops at the first that is not mapped (perhaps in its middle, at a page boundary). Returns the bytes read, or
 * PYR_E_GONE, or PYR_E_PERMISSION as above. remote[i].iov_base holds a target address. Thread-safe. HOT: no allocation.
 */
ssize_t pyr_target_readv(const struct pyr_target *target, const struct iovec *local, size_t locals,
                         const struct iovec *remote, size_t remotes);

/* Convenience for one pointer or integer. */
int pyr_target_read_addr(const struct pyr_target *target, pyr_addr from, pyr_addr *to);
int pyr_target_read_u32(const struct pyr_target *target, pyr_addr from, uint32_t *to);

/* ---- what is mapped ---- */

struct pyr_mapping {
    uint64_t start, end, file_offset;
    uint64_t device, inode;
    bool readable, writable, executable, deleted;
    bool shared;      /* what is written there is seen by others, too */
    const char *path; /* "" for anonymous; as the target's root and mount namespace name it */
};

/* The mappings, sorted by address; borrowed until the next call of this with refresh, of pyr_target_symbol or
 * pyr_target_section (they read them anew), or close. */
int pyr_target_maps(struct pyr_target *target, bool refresh, const struct pyr_mapping **maps, size_t *count,
                    struct pyr_err *err);
const struct pyr_mapping *pyr_target_mapping_at(struct pyr_target *target, pyr_addr at); /* from the last read maps */

/* ---- ELF modules ---- */

/* Finds a dynamic (or, if the file has it, static) symbol in the executable or any mapped shared object whose file name
 * contains "python", executable first, other objects (embedders) last. Reads the file through the target's root or
 * map_files; where the file is gone (deleted), the dynamic symbol table in the target's memory. size_bytes may be NULL.
 * Reads the maps anew, so it may be called again while the process starts. PYR_E_NOT_FOUND if no module has it. */
int pyr_target_symbol(struct pyr_target *target, const char *name, pyr_addr *at, uint64_t *size_bytes,
                      struct pyr_err *err);

/* The same of modules alone whose path contains module_hint. */
int pyr_target_symbol_in(struct pyr_target *target, const char *module_hint, const char *name, pyr_addr *at,
                         uint64_t *size_bytes, struct pyr_err *err);

/* The address and size of a named ELF section in any mapped module whose path contains module_hint ("" for any). */
int pyr_target_section(struct pyr_target *target, const char *module_hint, const char *section, pyr_addr *at,
                       uint64_t *size_bytes, struct pyr_err *err);

/* The path of the module that holds an address; NULL if none. Borrowed like maps. */
const char *pyr_target_module_path(struct pyr_target *target, pyr_addr at);

/* Where the data of an ELF module ends, what is zeroed at its start included: base is where its first byte is mapped.
 * 0 if that is no module. */
uint64_t pyr_target_module_end(const struct pyr_target *target, pyr_addr base);

/* ---- facts about the process ---- */

struct pyr_process_info {
    pid_t pid, parent;
    pid_t namespace_pid;  /* its pid as it sees itself */
    uint64_t start_ticks; /* field 22 of stat: with the pid it names one process for ever */
    char *command;        /* argv joined by spaces, UTF-8 with \x escapes; at most 4096 bytes; owned */
    char *executable;     /* as the target's mount namespace names it, "" where not readable; owned */
    bool zombie, stopped;
};

int pyr_process_info_read(struct pyr_process_info *info, pid_t pid, struct pyr_err *err);
void pyr_process_info_release(struct pyr_process_info *info);

/* The direct children of a process, or all descendants: appended to pids (of pid_t). */
struct pyr_vec;
int pyr_process_children(pid_t pid, bool descendants, struct pyr_vec *pids);

int pyr_process_parent(pid_t pid, pid_t *parent);

/* Whether the environment that the process was started with has the variable, not empty, and (unless part is NULL) the
 * text in its value. False also if it cannot be read. */
bool pyr_process_started_with(pid_t pid, const char *name, const char *part);

/* Whether it has mapped a file of that name (the last part of its path): 1 or 0; PYR_E_GONE, PYR_E_PERMISSION … */
int pyr_process_has_mapped(pid_t pid, const char *name);

/* Resident set size and CPU used so far (user + system, all threads, ended ones included). */
int pyr_process_usage(pid_t pid, uint64_t *rss_bytes, uint64_t *peak_rss_bytes, uint64_t *cpu_ns);

/* The largest resident set that a child of ours had which has ended and is not reaped yet, itself or one of the
 * children that it waited for, if it had any. PYR_E_NOT_FOUND if it is no such child. */
int pyr_child_peak_rss(pid_t pid, uint64_t *peak_rss_bytes, bool *had_children);

/* Saves every readable writable mapping, plus read-only ones up to 64 MiB in total that hold symbols and code, to a
 * file. Stops the process while it does. */
int pyr_target_capture(pid_t pid, const char *path, struct pyr_err *err);

#endif
