#include "layout/private.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_PIECE = 1 << 16, TEXT_MAX = 64 << 20 };

/* Versions before 3.7 have Py_GetVersion but no _PyRuntime. */
static int without_runtime(struct pyr_target *target, int status, struct pyr_err *err)
{
    pyr_addr at;
    char known[32];
    if (status != PYR_E_NOT_FOUND)
        return status;
    if (pyr_target_symbol(target, "Py_GetVersion", &at, NULL, NULL) < 0)
        return pyr_err_set(err, PYR_E_NOT_PYTHON, "the process does not run CPython (no _PyRuntime in any module)");
    /* Its library may have been loaded between the two looks. */
    if (pyr_target_symbol(target, "_PyRuntime", &at, NULL, NULL) == 0)
        return pyr_err_set(err, PYR_E_AGAIN, "Python is being loaded");
    pyr_layout_known(known, sizeof known);
    return pyr_err_set(err, PYR_E_UNSUPPORTED,
                       "this Python has no _PyRuntime: it is older than this pyrometer knows (%s), or stripped of its "
                       "symbols: run the program under one of these",
                       known);
}

/* The section is there since 3.10 even where symbols were stripped. */
static int find_runtime(struct pyr_python *python, struct pyr_target *target, struct pyr_err *err)
{
    int status = pyr_target_symbol(target, "_PyRuntime", &python->runtime, &python->runtime_size, err);
    if (status == PYR_E_NOT_FOUND &&
        pyr_target_section(target, "", ".PyRuntime", &python->runtime, &python->runtime_size, NULL) == 0)
        status = 0;
    return status < 0 ? without_runtime(target, status, err) : 0;
}

static int find_source(const struct pyr_layout_source **source, const struct pyr_identity *identity,
                       struct pyr_err *err)
{
    char known[32];
    pyr_layout_known(known, sizeof known);
    if (identity->free_threaded)
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "this Python %s is a free-threaded build, which is not supported: run the program under the "
                           "default build (python%d.%d, not python%d.%dt)",
                           identity->text, identity->major, identity->minor, identity->major, identity->minor);
    *source = pyr_layout_source_find(identity->major, identity->minor, false);
    if (!*source)
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "Python %s is not known to this pyrometer (it knows %s): upgrade pyrometer, or run the "
                           "program under one of these",
                           identity->text, known);
    if (identity->prerelease)
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "Python %s is a pre-release, whose structures differ from the release's: run the program "
                           "under a release of Python %s",
                           identity->text, known);
    if ((*source)->debug_count && !identity->debug_offsets)
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "this Python says that it is %s but lacks the debug offsets of that version: run the "
                           "program under a standard build",
                           identity->text);
    return 0;
}

static int apply_debug(struct pyr_python *python, const struct pyr_layout_source *source, struct pyr_target *target,
                       struct pyr_err *err)
{
    if (!source->debug_count)
        return 0;
    struct pyr_err reason = {0};
    uint8_t *bytes = pyr_alloc(source->debug_size);
    if (!bytes)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    int status = pyr_target_read(target, python->runtime, bytes, source->debug_size);
    if (status < 0)
        status = pyr_err_set(err, status, "the debug offsets of Python cannot be read: %s", pyr_status_text(status));
    else if (pyr_layout_apply_debug(&python->layout, source, bytes, python->runtime_size, &reason) < 0)
        status = pyr_err_set(err, PYR_E_UNSUPPORTED,
                             "this Python %s is not built as that version is (%s): run the program under a standard "
                             "build",
                             python->layout.version_text, reason.text);
    pyr_free(bytes);
    return status;
}

static bool mapping_has(struct pyr_target *target, const struct pyr_mapping *map, char *piece, const char *text)
{
    size_t length = strlen(text);
    uint64_t end = map->end - map->start > TEXT_MAX ? map->start + TEXT_MAX : map->end;
    for (uint64_t at = map->start; at < end; at += TEXT_PIECE - length) {
        size_t size = end - at < TEXT_PIECE ? (size_t)(end - at) : TEXT_PIECE;
        if (pyr_target_read(target, PYR_ADDR(at), piece, size) < 0)
            return false;
        if (memmem(piece, size, text, length))
            return true;
    }
    return false;
}

/* Only a build with the JIT has this error text of Python/jit.c; its symbols are hidden in most versions. */
static bool built_with_jit(struct pyr_target *target, pyr_addr runtime)
{
    static const char text[] = "unable to protect executable memory";
    const struct pyr_mapping *maps, *home = pyr_target_mapping_at(target, runtime);
    size_t count;
    if (!home || pyr_target_maps(target, false, &maps, &count, NULL) < 0)
        return false;
    home = pyr_target_mapping_at(target, runtime);
    char *piece = home ? pyr_alloc(TEXT_PIECE) : NULL;
    bool found = false;
    for (size_t i = 0; piece && !found && i < count; i++)
        if (maps[i].readable && !maps[i].writable && maps[i].inode == home->inode && maps[i].device == home->device)
            found = mapping_has(target, &maps[i], piece, text);
    pyr_free(piece);
    return found;
}

/* What a patch release changed and no header tells. */
static void apply_patch_release(struct pyr_layout *layout, const struct pyr_identity *identity)
{
    bool known = identity->micro >= 0;
    if (known && ((identity->minor == 13 && identity->micro < 13) || (identity->minor == 14 && identity->micro < 4)))
        layout->embedded_values_of_dict = false; /* gh-130327 */
    layout->gc_is_incremental = known && identity->minor == 14 && identity->micro < 5;
}

static void name_version(struct pyr_layout *layout, const struct pyr_identity *identity)
{
    layout->version_major = identity->major;
    layout->version_minor = identity->minor;
    layout->version_micro = identity->micro;
    memcpy(layout->version_text, identity->text, sizeof layout->version_text);
}

int pyr_python_detect(struct pyr_python *python, struct pyr_target *target, struct pyr_err *err)
{
    struct pyr_python found = {0};
    struct pyr_identity identity;
    const struct pyr_layout_source *source = NULL;
    int status = find_runtime(&found, target, err);
    if (status == 0)
        status = pyr_identity_find(&identity, target, found.runtime, err);
    if (status == 0)
        status = find_source(&source, &identity, err);
    if (status < 0)
        return status;
    found.layout = *source->layout;
    name_version(&found.layout, &identity);
    apply_patch_release(&found.layout, &identity);
    if ((status = apply_debug(&found, source, target, err)) < 0 ||
        (status = pyr_layout_probe(&found.layout, source, target, found.runtime, err)) < 0)
        return status;
    found.layout.jit = source->debug_count && built_with_jit(target, found.runtime);
    *python = found;
    return 0;
}
