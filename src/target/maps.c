/* What is mapped. */
#include "target/private.h"
#include "target/proc.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { MAPS_TEXT_MAX = 256 << 20 };

static bool scan_hex(const char **p, char end, uint64_t *value)
{
    uint64_t number = 0;
    const char *at = *p;
    for (;; at++) {
        char c = *at;
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10;
        else
            break;
        number = number << 4 | digit;
    }
    if (at == *p || *at != end)
        return false;
    *p = at + 1;
    *value = number;
    return true;
}

static bool scan_decimal(const char **p, uint64_t *value)
{
    const char *at = *p;
    uint64_t number = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    bool any = at > *p;
    *p = at;
    *value = number;
    return any;
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* The kernel writes a newline in a file name as \012. */
static size_t unescape(char *path, size_t length)
{
    size_t to = 0;
    for (size_t from = 0; from < length; from++) {
        if (path[from] == '\\' && length - from >= 4 && path[from + 1] == '0' && is_octal(path[from + 2]) &&
            is_octal(path[from + 3])) {
            path[to++] = (char)((path[from + 2] - '0') * 8 + (path[from + 3] - '0'));
            from += 3;
        } else {
            path[to++] = path[from];
        }
    }
    path[to] = '\0';
    return to;
}

const char *pyr_below_root(const char *path, const char *root, size_t root_length)
{
    if (root_length > 1 && strncmp(path, root, root_length) == 0 && path[root_length] == '/')
        return path + root_length;
    return path;
}

bool pyr_cut_deleted(char *path, size_t length)
{
    static const char deleted[] = " (deleted)";
    size_t size = sizeof deleted - 1;
    if (length <= size || strcmp(path + length - size, deleted) != 0)
        return false;
    path[length - size] = '\0';
    return true;
}

bool pyr_mapping_parse(char *line, const char *root, size_t root_length, struct pyr_mapping *mapping)
{
    const char *p = line;
    uint64_t major, minor;
    struct pyr_mapping m = {0};
    if (!scan_hex(&p, '-', &m.start) || !scan_hex(&p, ' ', &m.end) || m.end <= m.start || strnlen(p, 5) < 5)
        return false;
    m.readable = p[0] == 'r';
    m.writable = p[1] == 'w';
    m.executable = p[2] == 'x';
    m.shared = p[3] == 's';
    p += 5;
    if (!scan_hex(&p, ' ', &m.file_offset) || !scan_hex(&p, ':', &major) || !scan_hex(&p, ' ', &minor) ||
        !scan_decimal(&p, &m.inode))
        return false;
    m.device = makedev((unsigned)major, (unsigned)minor);
    while (*p == ' ')
        p++;
    char *path = line + (p - line);
    size_t length = unescape(path, strlen(path));
    m.deleted = m.inode && pyr_cut_deleted(path, length);
    m.path = pyr_below_root(path, root, root_length);
    *mapping = m;
    return true;
}

static int keep_mapping(struct pyr_target *target, struct pyr_mapping *mapping)
{
    const struct pyr_mapping *last =
        target->maps.count ? PYR_VEC_AT(&target->maps, struct pyr_mapping, target->maps.count - 1) : NULL;
    if (last && mapping->start < last->end) /* read in parts while it changed */
        return 0;
    if (last && strcmp(last->path, mapping->path) == 0)
        mapping->path = last->path;
    else if (*mapping->path)
        mapping->path = pyr_arena_dup(&target->maps_arena, mapping->path, strlen(mapping->path));
    else
        mapping->path = "";
    return mapping->path && pyr_vec_push(&target->maps, mapping) ? 0 : PYR_E_NOMEM;
}

static int parse_maps(struct pyr_target *target, char *text)
{
    char root[PATH_MAX];
    ssize_t length = pyr_proc_link(target->via, "root", root, sizeof root);
    size_t root_length = length > 0 ? (size_t)length : 0;
    int status = 0;
    for (char *line = text; line && *line && status == 0;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        struct pyr_mapping mapping;
        if (pyr_mapping_parse(line, root, root_length, &mapping))
            status = keep_mapping(target, &mapping);
        line = end ? end + 1 : NULL;
    }
    return status;
}

/* Its path serves where device and inode in the maps differ from what stat says (btrfs, overlayfs). */
static void identify_executable(struct pyr_target *target)
{
    char path[64], root[PATH_MAX], link[PATH_MAX + 16];
    struct stat exe;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)target->via);
    target->exe_path = NULL;
    target->exe_device = target->exe_inode = 0;
    if (stat(path, &exe) == 0) {
        target->exe_device = exe.st_dev;
        target->exe_inode = exe.st_ino;
    }
    ssize_t root_length = pyr_proc_link(target->via, "root", root, sizeof root);
    if (pyr_proc_link(target->via, "exe", link, sizeof link) < 0)
        return;
    pyr_cut_deleted(link, strlen(link));
    const char *name = pyr_below_root(link, root, root_length > 0 ? (size_t)root_length : 0);
    target->exe_path = pyr_arena_dup(&target->maps_arena, name, strlen(name));
}

/* The file of a thread that has ended is empty, or root's. */
static int read_text(struct pyr_target *target, struct pyr_buf *text)
{
    int status = pyr_proc_read_all(target->via, "maps", MAPS_TEXT_MAX, text);
    if (status == 0 && text->size)
        return 0;
    if (!pyr_target_alive(target))
        return PYR_E_GONE;
    pid_t other = pyr_proc_live_thread(target->pid);
    if (other < 0 || other == target->via)
        return status == 0 ? PYR_E_GONE : status;
    target->via = other;
    text->size = 0;
    status = pyr_proc_read_all(other, "maps", MAPS_TEXT_MAX, text);
    return status == 0 && text->size == 0 ? PYR_E_GONE : status;
}

int pyr_live_load_maps(struct pyr_target *target, struct pyr_err *err)
{
    struct pyr_buf text = {0};
    int status = read_text(target, &text);
    if (status == PYR_E_PERMISSION) {
        pyr_permission_explain(target->pid, err);
    } else if (status < 0) {
        pyr_err_set(err, status, "cannot read what is mapped in process %d: %s", (int)target->pid,
                    pyr_status_text(status));
    } else {
        target->maps.count = 0;
        pyr_arena_release(&target->maps_arena);
        target->maps_loaded = false;
        status = parse_maps(target, (char *)text.bytes);
        if (status < 0)
            pyr_err_set(err, status, "out of memory for the maps of process %d", (int)target->pid);
        identify_executable(target);
    }
    pyr_buf_release(&text);
    return status;
}

int pyr_target_maps(struct pyr_target *target, bool refresh, const struct pyr_mapping **maps, size_t *count,
                    struct pyr_err *err)
{
    if (refresh || !target->maps_loaded) {
        int status = target->backend->load_maps(target, err);
        if (status < 0)
            return status;
        target->maps_loaded = true;
    }
    *maps = target->maps.items;
    *count = target->maps.count;
    return 0;
}

const struct pyr_mapping *pyr_target_mapping_at(struct pyr_target *target, pyr_addr at)
{
    size_t low = 0, high = target->maps.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pyr_mapping *mapping = PYR_VEC_AT(&target->maps, struct pyr_mapping, middle);
        if (at.v >= mapping->end)
            low = middle + 1;
        else if (at.v < mapping->start)
            high = middle;
        else
            return mapping;
    }
    return NULL;
}

const char *pyr_target_module_path(struct pyr_target *target, pyr_addr at)
{
    const struct pyr_mapping *mapping = pyr_target_mapping_at(target, at);
    return mapping && *mapping->path && *mapping->path != '[' ? mapping->path : NULL;
}
