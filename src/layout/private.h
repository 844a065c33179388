/* Private to src/layout. */
#ifndef PYR_LAYOUT_PRIVATE_H
#define PYR_LAYOUT_PRIVATE_H

#include "layout/layout.h"
#include "layout/source.h"
#include "target/target.h"

/* Which CPython. */
struct pyr_identity {
    int major, minor, micro; /* micro −1: not known */
    bool prerelease;         /* alpha or beta */
    bool free_threaded;
    bool debug_offsets; /* _PyRuntime begins with _Py_DebugOffsets */
    char text[32];      /* "3.14.10" */
};

/* PY_VERSION_HEX, as a number. */
int pyr_identity_from_hex(struct pyr_identity *identity, uint64_t hex);

/* The text of sys.version, such as "3.8.18 (default, …) \n[GCC …", anywhere in bytes. Returns how many different
 * versions such texts name: 0, 1 (then *identity is filled), or 2 for more. */
int pyr_identity_from_banner(struct pyr_identity *identity, const char *bytes, size_t size);

/* A path such as /usr/lib/libpython3.8.so.1.0: the minor version only. */
int pyr_identity_from_path(struct pyr_identity *identity, const char *path);

int pyr_identity_find(struct pyr_identity *identity, struct pyr_target *target, pyr_addr runtime, struct pyr_err *err);

const struct pyr_layout_source *pyr_layout_source_find(int major, int minor, bool free_threaded);

/* "3.8 to 3.15" */
void pyr_layout_known(char *text, size_t size);

/* Replaces what _Py_DebugOffsets tells. bytes: source->debug_size of them, from _PyRuntime. runtime_size: of the
 * symbol, 0 if not known. PYR_E_FORMAT if one of them cannot be. */
int pyr_layout_apply_debug(struct pyr_layout *layout, const struct pyr_layout_source *source, const uint8_t *bytes,
                           uint64_t runtime_size, struct pyr_err *err);

/* Checks a layout against a process; fields that the process contradicts and that can be done without become
 * PYR_ABSENT, or are found again where they moved to. PYR_E_AGAIN if Python is not up yet, PYR_E_UNSUPPORTED. */
int pyr_layout_probe(struct pyr_layout *layout, const struct pyr_layout_source *source, const struct pyr_target *target,
                     pyr_addr runtime, struct pyr_err *err);

#endif
