#include "target/resident.h"

#include "target/private.h"
#include "target/proc.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 256 << 20, ENTRIES_AT_ONCE = 512, THREADS_MAX = 4096 };
#define PRESENT (UINT64_C(1) << 63)

/* "Rss:                 132 kB" */
static bool figure(const char *line, const char *name, uint64_t *bytes)
{
    size_t size = strlen(name);
    if (strncmp(line, name, size) != 0 || line[size] != ':')
        return false;
    *bytes = strtoull(line + size + 1, NULL, 10) * 1024;
    return true;
}

static int take_line(char *line, const char *root, size_t root_length, struct pyr_vec *mappings)
{
    struct pyr_resident_mapping found = {0};
    struct pyr_resident_mapping *last =
        mappings->count ? PYR_VEC_AT(mappings, struct pyr_resident_mapping, mappings->count - 1) : NULL;
    if (last && (figure(line, "Rss", &last->rss_bytes) || figure(line, "Anonymous", &last->private_bytes) ||
                 figure(line, "Private_Dirty", &last->alone_bytes)))
        return 0;
    if (!pyr_mapping_parse(line, root, root_length, &found.mapping))
        return 0;
    if (last && found.mapping.start < last->mapping.end) /* read in parts while it changed */
        return 0;
    return pyr_vec_push(mappings, &found) ? 0 : PYR_E_NOMEM;
}

int pyr_resident_read(pid_t pid, struct pyr_buf *text, struct pyr_vec *mappings)
{
    char root[PATH_MAX];
    ssize_t length = pyr_proc_link(pid, "root", root, sizeof root);
    int rc = pyr_proc_read_all(pid, "smaps", TEXT_MAX, text);
    char *line = rc == 0 ? (char *)text->bytes : NULL;
    while (rc == 0 && line && *line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        rc = take_line(line, root, length > 0 ? (size_t)length : 0, mappings);
        line = end ? end + 1 : NULL;
    }
    return rc == 0 && !mappings->count ? PYR_E_GONE : rc;
}

int pyr_resident_pages_open(pid_t pid)
{
    if (sysconf(_SC_PAGESIZE) != PYR_PAGE_BYTES)
        return PYR_E_UNSUPPORTED;
    return pyr_proc_open(pid, "pagemap");
}

int pyr_resident_pages(int fd, uint64_t at, size_t pages, uint8_t *present)
{
    uint64_t entries[ENTRIES_AT_ONCE];
    for (size_t done = 0; done < pages;) {
        size_t some = pages - done < ENTRIES_AT_ONCE ? pages - done : ENTRIES_AT_ONCE;
        uint64_t place = (at / PYR_PAGE_BYTES + done) * sizeof *entries;
        if (place > INT64_MAX || pread(fd, entries, some * sizeof *entries, (off_t)place) != (ssize_t)(some * 8))
            return PYR_E_IO;
        for (size_t i = 0; i < some; i++)
            present[done + i] = (entries[i] & PRESENT) != 0;
        done += some;
    }
    return 0;
}

/* "NUMBER ARGUMENTS… SP PC", or "running". */
static bool stack_pointer(pid_t pid, pid_t tid, uint64_t *pointer)
{
    char name[64], text[512];
    snprintf(name, sizeof name, "task/%d/syscall", (int)tid);
    ssize_t size = pyr_proc_read(pid, name, text, sizeof text);
    char *last = size > 0 ? strrchr(text, ' ') : NULL;
    if (!last)
        return false;
    *last = '\0';
    last = strrchr(text, ' ');
    *pointer = last ? strtoull(last + 1, NULL, 16) : 0;
    return *pointer != 0;
}

int pyr_resident_stacks(pid_t pid, struct pyr_vec *pointers)
{
    char directory[64];
    struct pyr_vec threads = PYR_VEC(pid_t);
    snprintf(directory, sizeof directory, "/proc/%d/task", (int)pid);
    int rc = pyr_proc_numbers(directory, &threads);
    for (size_t i = 0; rc == 0 && i < threads.count && i < THREADS_MAX; i++) {
        uint64_t pointer;
        pid_t tid = *PYR_VEC_AT(&threads, pid_t, i);
        if (tid != pid && stack_pointer(pid, tid, &pointer) && !pyr_vec_push(pointers, &pointer))
            rc = PYR_E_NOMEM;
    }
    pyr_vec_release(&threads);
    return rc;
}
