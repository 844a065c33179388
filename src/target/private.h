/* Private to src/target: what a target is made of. */
#ifndef PYR_TARGET_PRIVATE_H
#define PYR_TARGET_PRIVATE_H

#include "base/arena.h"
#include "base/vec.h"
#include "target/target.h"

#include <stdatomic.h>
#include <stdint.h>

/* Where the memory comes from: a live process, or a file. */
struct pyr_backend {
    ssize_t (*readv)(const struct pyr_target *target, const struct iovec *local, size_t locals,
                     const struct iovec *remote, size_t remotes);
    int (*load_maps)(struct pyr_target *target, struct pyr_err *err); /* into target->maps and target->maps_arena */
    void (*close)(struct pyr_target *target);
};

struct pyr_image; /* image.c */
struct pyr_core;  /* core.c */

struct pyr_target {
    const struct pyr_backend *backend;
    pid_t pid;
    /* A living thread of it. The first thread may end before the process, and then nothing can be read through its pid.
     */
    _Atomic pid_t via;
    int pidfd;  /* -1 if the kernel has none */
    int mem_fd; /* /proc/PID/mem where process_vm_readv is not to be had, or not wanted, else -1 */
    uint64_t start_ticks;
    uint64_t exe_device, exe_inode; /* as of the last read of the maps */
    const char *exe_path;           /* in maps_arena; NULL if it may not be read */
    struct pyr_image *image;
    struct pyr_core *core;
    struct pyr_vec maps; /* of struct pyr_mapping, sorted */
    struct pyr_arena maps_arena;
    bool maps_loaded;
    struct pyr_vec modules; /* of struct pyr_module *, for as long as the target */
    unsigned generation;    /* counts reads of the maps, to know the modules that are still there */
};

/* A readv made of single reads. read_at returns how many bytes it read (0: not mapped) or a negative status. */
ssize_t pyr_readv_by_parts(const struct pyr_target *target, const struct iovec *local, size_t locals,
                           const struct iovec *remote, size_t remotes,
                           ssize_t (*read_at)(const struct pyr_target *target, uint64_t from, void *to, size_t size));

extern const struct pyr_backend pyr_backend_live, pyr_backend_image;

int pyr_live_load_maps(struct pyr_target *target, struct pyr_err *err);

/* Of a live process that shares its pages with the one that it was forked from: process_vm_readv would have the kernel
 * make a page of its own for it of each that is read, which takes as long as reading it, and as much memory again from
 * the same cgroup. A file (/proc/PID/mem) does not. As before where that cannot be opened. */
void pyr_live_read_shared(struct pyr_target *target);

/* The kernel names files as seen from our root; the target may have another (chroot). A suffix of path. */
const char *pyr_below_root(const char *path, const char *root, size_t root_length);

/* One line of maps or smaps, which is changed, and in which the path stays; NUL-terminated. False if it is none. */
bool pyr_mapping_parse(char *line, const char *root, size_t root_length, struct pyr_mapping *mapping);
bool pyr_cut_deleted(char *path, size_t length); /* the kernel's " (deleted)" behind the name of a file that is gone */

/* Fills err for a process that may not be read: who owns it, and what to change. Returns PYR_E_PERMISSION. */
int pyr_permission_explain(pid_t pid, struct pyr_err *err);

/* Whether a traced thread is past the point at which its end is announced to its tracer: a first thread's end is then
 * reported only when all others have ended, and nothing else comes from it. True for one that is gone, too. */
bool pyr_task_ending(pid_t tid);

/* For a thread in the stop that it was asked for: if that broke a system call, has the kernel begin it again. */
void pyr_restart_call(pid_t tid);

/* ---- ELF ---- */

unsigned pyr_machine(void);                     /* that this program is for: all that is read must be, too */
const char *pyr_machine_name(unsigned machine); /* "x86-64" */

enum { PYR_ELF_LOADS_MAX = 64 };

struct pyr_elf_loads {
    unsigned machine; /* that the file is for */
    size_t count;
    struct pyr_elf_load {
        uint64_t offset, address, memory_size;
        bool executable;
    } load[PYR_ELF_LOADS_MAX];
};

/* What a name stands for in a module; value is as in the file, before the load bias. */
struct pyr_elf_answer {
    uint64_t value, size;
};

/* From a file. The descriptor stays the caller's. PYR_E_FORMAT if it is no ELF file of this machine, else 0 or
 * PYR_E_NOT_FOUND. */
int pyr_elf_file_loads(int fd, struct pyr_elf_loads *loads);
int pyr_elf_file_symbol(int fd, const char *name, struct pyr_elf_answer *answer);
int pyr_elf_file_section(int fd, const char *name, struct pyr_elf_answer *answer);
int pyr_elf_file_sections(int fd, int (*visit)(void *context, const char *name, const struct pyr_elf_answer *answer),
                          void *context);

/* From the target's memory; base is where the file's first byte is mapped. */
int pyr_elf_memory_loads(const struct pyr_target *target, pyr_addr base, struct pyr_elf_loads *loads);
int pyr_elf_memory_symbol(const struct pyr_target *target, pyr_addr base, const char *name,
                          struct pyr_elf_answer *answer);

/* ---- modules: the ELF files that are mapped ---- */

enum pyr_module_rank { PYR_RANK_EXECUTABLE, PYR_RANK_PYTHON, PYR_RANK_OTHER, PYR_RANKS };

struct pyr_module {
    uint64_t device, inode;
    char *path;
    unsigned generation;  /* of the maps that it was last seen in */
    size_t first_mapping; /* in the maps of that generation */
    bool has_code;
    bool examined, usable, from_file;
    struct pyr_elf_loads loads;
    struct pyr_vec answers; /* symbols.c's own */
};

int pyr_modules_update(struct pyr_target *target, struct pyr_err *err); /* reads the maps anew */
enum pyr_module_rank pyr_module_rank(const struct pyr_target *target, const struct pyr_module *module);
bool pyr_module_is_current(const struct pyr_target *target, const struct pyr_module *module);
bool pyr_module_bias(const struct pyr_target *target, const struct pyr_module *module, uint64_t *bias);
pyr_addr pyr_module_base(const struct pyr_target *target, const struct pyr_module *module); /* NULL if not mapped */
/* A path that belongs to a target: it is resolved inside its root (a directory's descriptor), and may name anything. */
int pyr_open_below(int root, const char *path, int flags);
int pyr_module_open_file(const struct pyr_target *target, const struct pyr_module *module);
void pyr_modules_release(struct pyr_target *target);
void pyr_module_release_answers(struct pyr_module *module);

/* The file of a module in a core file: a descriptor of the caller's. PYR_E_NOT_FOUND. */
int pyr_core_open_file(const struct pyr_target *target, const struct pyr_module *module);

/* The section of a module in an image. */
int pyr_image_section(const struct pyr_target *target, const struct pyr_module *module, const char *name,
                      struct pyr_elf_answer *answer);

#endif
