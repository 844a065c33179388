#include "pyobj/code.h"

#include "pyobj/str.h"

#include <xxhash.h>

#define NAME_MAX_CHARS 1024
#define PATH_MAX_CHARS 4096
#define LINETABLE_MAX ((size_t)16 * 1024 * 1024)
#define CODE_BYTES_MAX ((uint64_t)256 * 1024 * 1024)
#define HEADER_MAX 512
#define COMPARED_NAME 96u /* bytes of each part that are compared again and again */
#define COMPARED_FILE 256u
#define COMPARED_LINES 64u

static uint32_t reach(uint32_t so_far, int32_t offset)
{
    return offset != PYR_ABSENT && (uint32_t)offset + 8 > so_far ? (uint32_t)offset + 8 : so_far;
}

uint32_t pyr_code_header_size(const struct pyr_layout *layout)
{
    uint32_t size = reach(0, layout->code_name);
    size = reach(size, layout->code_filename);
    size = reach(size, layout->code_linetable);
    size = reach(size, layout->code_firstlineno);
    size = reach(size, layout->code_version);
    size = reach(size, layout->code_qualname);
    return reach(size, layout->code_bytes);
}

void pyr_code_identity_decode(const struct pyr_layout *layout, const void *bytes, struct pyr_code_identity *identity)
{
    *identity = (struct pyr_code_identity){
        .name = pyr_word_at(bytes, layout->code_name),
        .filename = pyr_word_at(bytes, layout->code_filename),
        .linetable = pyr_word_at(bytes, layout->code_linetable),
        .firstlineno = (uint32_t)pyr_int_at(bytes, layout->code_firstlineno),
        .version = PYR_HAS(layout, code_version) ? (uint32_t)pyr_int_at(bytes, layout->code_version) : 0,
        .size = PYR_HAS(layout, code_adaptive) ? pyr_word_at(bytes, layout->varobject_size)
                                               : pyr_word_at(bytes, layout->code_bytes),
    };
}

bool pyr_code_identity_equal(const struct pyr_code_identity *a, const struct pyr_code_identity *b)
{
    return a->name == b->name && a->filename == b->filename && a->linetable == b->linetable &&
           a->firstlineno == b->firstlineno && a->version == b->version && a->size == b->size;
}

static int identity_read(struct pyr_view view, pyr_addr at, struct pyr_code_identity *identity, pyr_addr *qualname)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint8_t header[HEADER_MAX];
    uint32_t size = pyr_code_header_size(layout);
    if (size > sizeof header)
        return PYR_E_UNSUPPORTED;
    int rc = pyr_target_read(view.target, at, header, size);
    if (rc < 0)
        return rc;
    pyr_code_identity_decode(layout, header, identity);
    *qualname = PYR_ADDR(PYR_HAS(layout, code_qualname) ? pyr_word_at(header, layout->code_qualname) : identity->name);
    return 0;
}

/* The length of the instructions: two bytes a unit from 3.11 on, else that of the bytes object. */
static int code_bytes_read(struct pyr_view view, const struct pyr_code_identity *identity, uint64_t *size)
{
    const struct pyr_layout *layout = &view.python->layout;
    if (PYR_HAS(layout, code_adaptive)) {
        *size = identity->size * 2;
        return 0;
    }
    return pyr_target_read(view.target, pyr_addr_add(PYR_ADDR(identity->size), layout->varobject_size), size,
                           sizeof *size);
}

static uint32_t least(uint64_t size, uint32_t most)
{
    return size < most ? (uint32_t)size : most;
}

static struct iovec piece_of(uint64_t object, int32_t offset, uint32_t size)
{
    return (struct iovec){(void *)(uintptr_t)(object + (uint64_t)offset), size};
}

int pyr_code_contents(struct pyr_view view, const struct pyr_code_shape *like, uint64_t *hash)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint8_t copy[COMPARED_NAME + COMPARED_FILE + COMPARED_LINES + 3 * 8];
    /* Lengths first, then what follows the headers: the headers' counts and caches change. */
    struct iovec remote[] = {piece_of(like->name, layout->unicode_length, 8),
                             piece_of(like->file, layout->unicode_length, 8),
                             piece_of(like->linetable, layout->varobject_size, 8),
                             piece_of(like->name, layout->unicode_ascii_data, like->name_size),
                             piece_of(like->file, layout->unicode_ascii_data, like->file_size),
                             piece_of(like->linetable, layout->bytes_data, like->linetable_size)};
    size_t size = 3 * 8 + like->name_size + like->file_size + like->linetable_size;
    struct iovec local = {copy, size};
    if (size > sizeof copy)
        return PYR_E_MISUSE;
    ssize_t got = pyr_target_readv(view.target, &local, 1, remote, sizeof remote / sizeof *remote);
    if (got < 0)
        return (int)got;
    if ((size_t)got != size)
        return PYR_E_FAULT;
    *hash = XXH3_64bits(copy, size);
    return 0;
}

int pyr_code_read(struct pyr_view view, pyr_addr at, struct pyr_code *code)
{
    *code = (struct pyr_code){0};
    pyr_addr qualname, again;
    int rc = identity_read(view, at, &code->identity, &qualname);
    if (rc < 0)
        return rc;
    struct pyr_code_identity *identity = &code->identity;
    uint64_t code_bytes = 0;
    if ((rc = code_bytes_read(view, identity, &code_bytes)) < 0 ||
        (rc = pyr_str_read(view, qualname, NAME_MAX_CHARS, &code->name)) < 0 ||
        (rc = pyr_str_read(view, PYR_ADDR(identity->filename), PATH_MAX_CHARS, &code->file)) < 0 ||
        (rc = pyr_bytes_read(view, PYR_ADDR(identity->linetable), LINETABLE_MAX, &code->linetable)) < 0)
        return rc;
    if (code_bytes == 0 || code_bytes > CODE_BYTES_MAX)
        return PYR_E_FORMAT;
    /* Freed and used again while it was read? Then its parts would not be the same now. */
    struct pyr_code_identity now;
    if ((rc = identity_read(view, at, &now, &again)) < 0)
        return rc;
    if (!pyr_code_identity_equal(identity, &now))
        return PYR_E_TORN;
    code->shape = (struct pyr_code_shape){.name = qualname.v,
                                          .file = identity->filename,
                                          .linetable = identity->linetable,
                                          .name_size = least(code->name.size, COMPARED_NAME),
                                          .file_size = least(code->file.size, COMPARED_FILE),
                                          .linetable_size = least(code->linetable.size, COMPARED_LINES)};
    if ((rc = pyr_code_contents(view, &code->shape, &code->contents)) < 0)
        return rc;
    code->first_line = identity->firstlineno;
    code->code_bytes = (uint32_t)code_bytes;
    return 0;
}

void pyr_code_release(struct pyr_code *code)
{
    pyr_buf_release(&code->name);
    pyr_buf_release(&code->file);
    pyr_buf_release(&code->linetable);
}

int pyr_code_instruction(const struct pyr_layout *layout, pyr_addr code, uint32_t code_bytes, uint64_t instr,
                         int32_t *instruction)
{
    int64_t offset;
    switch (layout->instr_kind) {
    case PYR_INSTR_LASTI_BYTES:
        offset = (int64_t)instr;
        break;
    case PYR_INSTR_LASTI_UNITS:
        offset = (int64_t)instr < 0 ? -1 : (int64_t)instr * 2;
        break;
    default:
        offset = (int64_t)(instr - (code.v + (uint64_t)layout->code_adaptive));
        break;
    }
    if (offset < -2 || offset >= (int64_t)code_bytes)
        return PYR_E_TORN;
    *instruction = offset < 0 ? -1 : (int32_t)offset;
    return 0;
}
