/* Which version of CPython a process runs: the evidence in it, the best first. */
#include "layout/private.h"

#include "base/alloc.h"

#include <string.h>

/* The banner is looked for in the writable data of the module, in pieces that overlap by more than its length. */
enum { PIECE = 65536, OVERLAP = 512, SEARCH_MAX = 32 << 20 };

struct span {
    uint64_t start, end;
};

static const char cookie[8] = {'x', 'd', 'e', 'b', 'u', 'g', 'p', 'y'};

static int from_debug_offsets(struct pyr_identity *identity, const uint64_t head[3])
{
    if (memcmp(head, cookie, sizeof cookie) != 0)
        return PYR_E_NOT_FOUND;
    int status = pyr_identity_from_hex(identity, head[1]);
    if (status < 0)
        return status;
    identity->debug_offsets = true;
    identity->free_threaded = head[2] != 0;
    return 0;
}

/* 3.11 and later export their version as a number. */
static int from_symbol(struct pyr_identity *identity, struct pyr_target *target)
{
    pyr_addr at;
    uint64_t hex;
    if (pyr_target_symbol(target, "Py_Version", &at, NULL, NULL) < 0 ||
        pyr_target_read(target, at, &hex, sizeof hex) < 0)
        return PYR_E_NOT_FOUND;
    return pyr_identity_from_hex(identity, hex);
}

/* The writable mappings that adjoin the one with _PyRuntime: the module's data and its zeroed data. */
static int data_around(struct span *span, struct pyr_target *target, pyr_addr runtime)
{
    const struct pyr_mapping *maps;
    size_t count, middle = 0;
    int status = pyr_target_maps(target, true, &maps, &count, NULL);
    if (status < 0)
        return status;
    while (middle < count && maps[middle].end <= runtime.v)
        middle++;
    if (middle == count || maps[middle].start > runtime.v)
        return PYR_E_FAULT;
    size_t first = middle, last = middle;
    while (first > 0 && maps[first - 1].end == maps[first].start && maps[first - 1].writable)
        first--;
    while (last + 1 < count && maps[last + 1].start == maps[last].end && maps[last + 1].writable &&
           maps[last + 1].path[0] != '[')
        last++;
    *span = (struct span){maps[first].start, maps[last].end};
    return 0;
}

/* The buffer of Py_GetVersion, filled when sys.version was set. */
static int from_banner(struct pyr_identity *identity, struct pyr_target *target, pyr_addr runtime)
{
    struct span span;
    int status = data_around(&span, target, runtime);
    if (status < 0)
        return PYR_E_NOT_FOUND;
    char *piece = pyr_alloc(PIECE);
    if (!piece)
        return PYR_E_NOMEM;
    if (span.end - span.start > SEARCH_MAX)
        span.end = span.start + SEARCH_MAX;
    status = PYR_E_NOT_FOUND;
    for (uint64_t at = span.start; at < span.end; at += PIECE - OVERLAP) {
        size_t size = span.end - at < PIECE ? (size_t)(span.end - at) : PIECE;
        if (pyr_target_read(target, PYR_ADDR(at), piece, size) < 0)
            continue;
        struct pyr_identity one;
        int found = pyr_identity_from_banner(&one, piece, size);
        if (found > 1 || (found == 1 && status == 0 && strcmp(one.text, identity->text) != 0)) {
            status = PYR_E_FORMAT;
            break;
        }
        if (found == 1) {
            *identity = one;
            status = 0;
        }
    }
    pyr_free(piece);
    return status;
}

static int from_module_path(struct pyr_identity *identity, struct pyr_target *target, pyr_addr runtime)
{
    const char *path = pyr_target_module_path(target, runtime);
    return path ? pyr_identity_from_path(identity, path) : PYR_E_NOT_FOUND;
}

/* Up to 3.10: its own text, else (not set yet, or there are several) the name of its file. */
static int from_data(struct pyr_identity *identity, struct pyr_target *target, pyr_addr runtime)
{
    int status = from_banner(identity, target, runtime);
    if ((status == PYR_E_NOT_FOUND || status == PYR_E_FORMAT) && from_module_path(identity, target, runtime) == 0)
        return 0;
    return status;
}

/* What every version from 3.8 to 3.10 has as its fourth word. */
static bool seems_initialised(const uint64_t head[3])
{
    return head[1] >> 32 != 0;
}

static int refuse(int status, const uint64_t head[3], struct pyr_err *err)
{
    if (status == PYR_E_NOMEM)
        return pyr_err_set(err, status, "out of memory while looking for the version of Python");
    if (status == PYR_E_NOT_FOUND && !seems_initialised(head))
        return pyr_err_set(err, PYR_E_AGAIN, "Python has not started up yet: its version is not set");
    return pyr_err_set(err, PYR_E_UNSUPPORTED,
                       "which version this Python is cannot be told (no Py_Version, and %s): "
                       "run the program under a standard build of CPython",
                       status == PYR_E_FORMAT ? "its version texts contradict each other" : "no version text");
}

int pyr_identity_find(struct pyr_identity *identity, struct pyr_target *target, pyr_addr runtime, struct pyr_err *err)
{
    uint64_t head[3];
    int status = pyr_target_read(target, runtime, head, sizeof head);
    if (status == PYR_E_GONE)
        return pyr_err_set(err, status, "the process has ended");
    if (status < 0)
        return pyr_err_set(err, PYR_E_AGAIN, "Python is being loaded: its _PyRuntime cannot be read yet");
    struct pyr_identity found = {0};
    if (from_debug_offsets(&found, head) < 0 && from_symbol(&found, target) < 0)
        status = from_data(&found, target, runtime);
    if (status < 0)
        return refuse(status, head, err);
    *identity = found;
    return 0;
}
