/* The ELF files mapped into a target, and the way to their bytes. */
#include "base/alloc.h"
#include "base/map.h"
#include "target/private.h"
#include "target/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct pyr_mapping *mapping(const struct pyr_target *target, size_t i)
{
    return PYR_VEC_AT(&target->maps, struct pyr_mapping, i);
}

static bool is_same_file(const struct pyr_module *module, const struct pyr_mapping *m)
{
    return module->inode == m->inode && module->device == m->device && strcmp(module->path, m->path) == 0;
}

static void free_module(struct pyr_module *module)
{
    if (!module)
        return;
    pyr_free(module->path);
    pyr_module_release_answers(module);
    pyr_free(module);
}

void pyr_modules_release(struct pyr_target *target)
{
    for (size_t i = 0; i < target->modules.count; i++)
        free_module(*PYR_VEC_AT(&target->modules, struct pyr_module *, i));
    pyr_vec_release(&target->modules);
}

static struct pyr_module *add_module(struct pyr_target *target, const struct pyr_mapping *m)
{
    struct pyr_module *module = pyr_alloc(sizeof *module);
    if (!module)
        return NULL;
    module->device = m->device;
    module->inode = m->inode;
    module->path = pyr_strdup(m->path);
    if (module->path && pyr_vec_push(&target->modules, &module))
        return module;
    free_module(module);
    return NULL;
}

static uint64_t file_key(uint64_t device, uint64_t inode)
{
    return (device ^ inode << 20) * UINT64_C(0x9e3779b97f4a7c15) ^ inode;
}

/* The module of this mapping, known or new; seen maps file keys to numbers of modules. */
static struct pyr_module *module_of(struct pyr_target *target, struct pyr_map *seen, const struct pyr_mapping *m)
{
    uint64_t key = file_key(m->device, m->inode);
    uint64_t *known = pyr_map_find(seen, key);
    if (known) {
        struct pyr_module *module = *PYR_VEC_AT(&target->modules, struct pyr_module *, *known);
        if (is_same_file(module, m))
            return module;
    }
    struct pyr_module *module = add_module(target, m);
    if (module && pyr_map_put(seen, key, target->modules.count - 1) < 0)
        return NULL; /* it is in the list, and released with it */
    return module;
}

static int index_modules(struct pyr_target *target, struct pyr_map *seen)
{
    for (size_t i = 0; i < target->modules.count; i++) {
        const struct pyr_module *module = *PYR_VEC_AT(&target->modules, struct pyr_module *, i);
        if (pyr_map_put(seen, file_key(module->device, module->inode), i) < 0)
            return PYR_E_NOMEM;
    }
    return 0;
}

static int assign_mappings(struct pyr_target *target, struct pyr_map *seen)
{
    for (size_t i = 0; i < target->maps.count; i++) {
        const struct pyr_mapping *m = mapping(target, i);
        if (m->inode == 0 || *m->path == '\0' || *m->path == '[')
            continue;
        struct pyr_module *module = module_of(target, seen, m);
        if (!module)
            return PYR_E_NOMEM;
        if (module->generation != target->generation) {
            module->generation = target->generation;
            module->first_mapping = i;
            module->has_code = false;
        }
        module->has_code |= m->executable;
    }
    return 0;
}

int pyr_modules_update(struct pyr_target *target, struct pyr_err *err)
{
    const struct pyr_mapping *maps;
    size_t count;
    int status = pyr_target_maps(target, true, &maps, &count, err);
    if (status < 0)
        return status;
    target->generation++;
    struct pyr_map seen = {0};
    status = index_modules(target, &seen);
    if (status == 0)
        status = assign_mappings(target, &seen);
    pyr_map_release(&seen);
    return status < 0 ? pyr_err_set(err, status, "out of memory for the modules of a process") : 0;
}

bool pyr_module_is_current(const struct pyr_target *target, const struct pyr_module *module)
{
    return module->generation == target->generation;
}

enum pyr_module_rank pyr_module_rank(const struct pyr_target *target, const struct pyr_module *module)
{
    bool same_inode = module->inode == target->exe_inode && module->device == target->exe_device;
    if (same_inode || (target->exe_path && strcmp(module->path, target->exe_path) == 0))
        return PYR_RANK_EXECUTABLE;
    const char *slash = strrchr(module->path, '/');
    if (strstr(slash ? slash : module->path, "python"))
        return PYR_RANK_PYTHON;
    return module->has_code ? PYR_RANK_OTHER : PYR_RANKS;
}

pyr_addr pyr_module_base(const struct pyr_target *target, const struct pyr_module *module)
{
    for (size_t i = module->first_mapping; i < target->maps.count; i++) {
        const struct pyr_mapping *m = mapping(target, i);
        char magic[4];
        if (is_same_file(module, m) && m->file_offset == 0 && m->readable &&
            pyr_target_read(target, PYR_ADDR(m->start), magic, sizeof magic) == 0 && memcmp(magic, "\177ELF", 4) == 0)
            return PYR_ADDR(m->start);
    }
    return PYR_NULL;
}

static bool bias_from(const struct pyr_target *target, const struct pyr_module *module, bool code, uint64_t *bias)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE) - 1;
    for (size_t i = module->first_mapping; i < target->maps.count; i++) {
        const struct pyr_mapping *m = mapping(target, i);
        if (!is_same_file(module, m) || (code && !m->executable))
            continue;
        for (size_t k = 0; k < module->loads.count; k++) {
            const struct pyr_elf_load *load = &module->loads.load[k];
            if (m->file_offset == (load->offset & ~page) && (load->executable || !code)) {
                *bias = m->start - (load->address & ~page);
                return true;
            }
        }
    }
    return false;
}

/* By the code first: programs map their own files for other ends as well, but not executable. */
bool pyr_module_bias(const struct pyr_target *target, const struct pyr_module *module, uint64_t *bias)
{
    return bias_from(target, module, true, bias) || bias_from(target, module, false, bias);
}

int pyr_open_below(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)flags | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
    while (*path == '/')
        path++;
    return openat(root, path, flags | O_CLOEXEC);
}

static bool has_first_page_in_memory(const struct pyr_target *target, const struct pyr_module *module, int fd)
{
    char file[4096], memory[4096];
    pyr_addr base = pyr_module_base(target, module);
    return base.v && pread(fd, file, sizeof file, 0) == sizeof file &&
           pyr_target_read(target, base, memory, sizeof memory) == 0 && memcmp(file, memory, sizeof file) == 0;
}

/* Some file systems (btrfs, overlayfs) show another device or inode in maps than to stat: there the bytes decide. */
static bool is_that_file(const struct pyr_target *target, const struct pyr_module *module, int fd)
{
    struct stat file;
    if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
        return false;
    return (file.st_dev == module->device && file.st_ino == module->inode) ||
           has_first_page_in_memory(target, module, fd);
}

static int open_by_root(const struct pyr_target *target, const struct pyr_module *module)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root", (int)target->via);
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    int fd = pyr_open_below(root, module->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    close(root);
    if (fd >= 0 && !is_that_file(target, module, fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int open_by_mapping(const struct pyr_target *target, const struct pyr_module *module)
{
    const struct pyr_mapping *m = mapping(target, module->first_mapping);
    char path[128];
    snprintf(path, sizeof path, "/proc/%d/map_files/%llx-%llx", (int)target->via, (unsigned long long)m->start,
             (unsigned long long)m->end);
    struct stat file; /* never open what may be a device */
    if (stat(path, &file) < 0 || !S_ISREG(file.st_mode))
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

int pyr_module_open_file(const struct pyr_target *target, const struct pyr_module *module)
{
    if (target->core)
        return pyr_core_open_file(target, module);
    if (target->pid == 0)
        return PYR_E_NOT_FOUND;
    int fd = open_by_root(target, module);
    if (fd < 0)
        fd = open_by_mapping(target, module);
    if (fd < 0 && pyr_module_rank(target, module) == PYR_RANK_EXECUTABLE)
        fd = pyr_proc_open(target->via, "exe");
    return fd < 0 ? PYR_E_NOT_FOUND : fd;
}
