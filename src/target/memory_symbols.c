/* Dynamic symbols as the loader sees them: from the target's memory alone, for files that are gone or may not be read.
 */
#include "target/private.h"

#include <elf.h>
#include <string.h>

enum { HEADERS_MAX = 128, DYNAMIC_MAX = 512, CHAIN_MAX = 1 << 16, NAME_MAX_SIZE = 256 };

struct view {
    const struct pyr_target *target;
    pyr_addr base;
    uint64_t bias;
    struct pyr_elf_loads loads;
    uint64_t dynamic_at, dynamic_size;
};

struct dynamic {
    uint64_t symbols, strings, strings_size, gnu_hash, sysv_hash;
};

static uint64_t page_start(uint64_t address)
{
    return address & ~(uint64_t)4095;
}

static int read_header(const struct pyr_target *target, pyr_addr base, Elf64_Ehdr *header)
{
    int status = pyr_target_read(target, base, header, sizeof *header);
    if (status < 0)
        return status;
    bool good = memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
                header->e_ident[EI_DATA] == ELFDATA2LSB && header->e_phentsize == sizeof(Elf64_Phdr) &&
                header->e_phnum > 0 && header->e_phnum <= HEADERS_MAX;
    return good ? 0 : PYR_E_FORMAT;
}

static int open_view(struct view *view, const struct pyr_target *target, pyr_addr base)
{
    Elf64_Ehdr header;
    Elf64_Phdr program[HEADERS_MAX];
    int status = read_header(target, base, &header);
    if (status < 0)
        return status;
    status =
        pyr_target_read(target, pyr_addr_add(base, (int64_t)header.e_phoff), program, header.e_phnum * sizeof *program);
    if (status < 0)
        return status;
    *view = (struct view){.target = target, .base = base, .loads.machine = header.e_machine};
    for (size_t i = 0; i < header.e_phnum; i++) {
        const Elf64_Phdr *p = &program[i];
        if (p->p_type == PT_DYNAMIC) {
            view->dynamic_at = p->p_vaddr;
            view->dynamic_size = p->p_memsz;
        }
        if (p->p_type == PT_LOAD && view->loads.count < PYR_ELF_LOADS_MAX)
            view->loads.load[view->loads.count++] =
                (struct pyr_elf_load){p->p_offset, p->p_vaddr, p->p_memsz, p->p_flags & PF_X};
    }
    if (view->loads.count == 0)
        return PYR_E_FORMAT;
    view->bias = base.v - page_start(view->loads.load[0].address - view->loads.load[0].offset);
    return 0;
}

int pyr_elf_memory_loads(const struct pyr_target *target, pyr_addr base, struct pyr_elf_loads *loads)
{
    struct view view;
    int status = open_view(&view, target, base);
    if (status == 0)
        *loads = view.loads;
    return status;
}

uint64_t pyr_target_module_end(const struct pyr_target *target, pyr_addr base)
{
    struct view view;
    uint64_t end = 0;
    if (open_view(&view, target, base) < 0)
        return 0;
    for (size_t i = 0; i < view.loads.count; i++) {
        const struct pyr_elf_load *load = &view.loads.load[i];
        if (view.bias + load->address + load->memory_size > end)
            end = view.bias + load->address + load->memory_size;
    }
    return end;
}

/* glibc's loader writes addresses over the file's values in place; musl's leaves them. */
static uint64_t relocated(const struct view *view, uint64_t value)
{
    const struct pyr_elf_load *last = &view->loads.load[view->loads.count - 1];
    uint64_t end = view->bias + last->address + last->memory_size;
    return value >= view->base.v && value < end ? value : value + view->bias;
}

static int read_dynamic(const struct view *view, struct dynamic *dynamic)
{
    Elf64_Dyn entries[DYNAMIC_MAX];
    size_t count = view->dynamic_size / sizeof *entries;
    if (count == 0)
        return PYR_E_NOT_FOUND;
    if (count > DYNAMIC_MAX)
        count = DYNAMIC_MAX;
    int status =
        pyr_target_read(view->target, PYR_ADDR(view->bias + view->dynamic_at), entries, count * sizeof *entries);
    if (status < 0)
        return status;
    struct dynamic found = {0};
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
        uint64_t value = entries[i].d_un.d_val;
        switch (entries[i].d_tag) {
        case DT_SYMTAB:
            found.symbols = relocated(view, value);
            break;
        case DT_STRTAB:
            found.strings = relocated(view, value);
            break;
        case DT_STRSZ:
            found.strings_size = value;
            break;
        case DT_GNU_HASH:
            found.gnu_hash = relocated(view, value);
            break;
        case DT_HASH:
            found.sysv_hash = relocated(view, value);
            break;
        default:
            break;
        }
    }
    *dynamic = found;
    return found.symbols && found.strings ? 0 : PYR_E_NOT_FOUND;
}

/* Whether symbol `index` has the name and is defined; fills answer. A negative status ends the search. */
static int check_symbol(const struct view *view, const struct dynamic *dynamic, uint32_t index, const char *name,
                        struct pyr_elf_answer *answer)
{
    Elf64_Sym symbol;
    char text[NAME_MAX_SIZE];
    size_t size = strlen(name) + 1;
    int status =
        pyr_target_read(view->target, PYR_ADDR(dynamic->symbols + index * sizeof symbol), &symbol, sizeof symbol);
    if (status < 0)
        return status;
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || ELF64_ST_TYPE(symbol.st_info) == STT_TLS ||
        symbol.st_name >= dynamic->strings_size || dynamic->strings_size - symbol.st_name < size)
        return 0;
    status = pyr_target_read(view->target, PYR_ADDR(dynamic->strings + symbol.st_name), text, size);
    if (status < 0)
        return status;
    if (memcmp(text, name, size) != 0)
        return 0;
    *answer = (struct pyr_elf_answer){symbol.st_value, symbol.st_size};
    return 1;
}

static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static int search_gnu(const struct view *view, const struct dynamic *dynamic, const char *name,
                      struct pyr_elf_answer *answer)
{
    struct {
        uint32_t buckets, first, bloom_words, bloom_shift;
    } head;
    int status = pyr_target_read(view->target, PYR_ADDR(dynamic->gnu_hash), &head, sizeof head);
    if (status < 0 || head.buckets == 0)
        return status < 0 ? status : PYR_E_NOT_FOUND;
    uint32_t wanted = gnu_hash(name), index;
    uint64_t buckets = dynamic->gnu_hash + sizeof head + (uint64_t)head.bloom_words * 8;
    uint64_t chains = buckets + (uint64_t)head.buckets * 4;
    status = pyr_target_read_u32(view->target, PYR_ADDR(buckets + (uint64_t)(wanted % head.buckets) * 4), &index);
    if (status < 0 || index < head.first)
        return status < 0 ? status : PYR_E_NOT_FOUND;
    for (int n = 0; n < CHAIN_MAX; n++, index++) {
        uint32_t hash;
        status = pyr_target_read_u32(view->target, PYR_ADDR(chains + (uint64_t)(index - head.first) * 4), &hash);
        if (status == 0 && (hash | 1) == (wanted | 1))
            status = check_symbol(view, dynamic, index, name, answer);
        if (status != 0)
            return status < 0 ? status : 0;
        if (hash & 1)
            break;
    }
    return PYR_E_NOT_FOUND;
}

static uint32_t sysv_hash(const char *name)
{
    uint32_t hash = 0;
    for (; *name; name++) {
        hash = (hash << 4) + (unsigned char)*name;
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    return hash;
}

static int search_sysv(const struct view *view, const struct dynamic *dynamic, const char *name,
                       struct pyr_elf_answer *answer)
{
    uint32_t head[2], index;
    int status = pyr_target_read(view->target, PYR_ADDR(dynamic->sysv_hash), head, sizeof head);
    if (status < 0 || head[0] == 0)
        return status < 0 ? status : PYR_E_NOT_FOUND;
    uint64_t buckets = dynamic->sysv_hash + sizeof head, chains = buckets + (uint64_t)head[0] * 4;
    uint64_t at = buckets + (uint64_t)(sysv_hash(name) % head[0]) * 4;
    for (int n = 0; n < CHAIN_MAX; n++) {
        status = pyr_target_read_u32(view->target, PYR_ADDR(at), &index);
        if (status < 0 || index == 0 || index >= head[1])
            return status < 0 ? status : PYR_E_NOT_FOUND;
        status = check_symbol(view, dynamic, index, name, answer);
        if (status != 0)
            return status < 0 ? status : 0;
        at = chains + (uint64_t)index * 4;
    }
    return PYR_E_NOT_FOUND;
}

int pyr_elf_memory_symbol(const struct pyr_target *target, pyr_addr base, const char *name,
                          struct pyr_elf_answer *answer)
{
    struct view view;
    struct dynamic dynamic = {0};
    if (strlen(name) >= NAME_MAX_SIZE)
        return PYR_E_NOT_FOUND;
    int status = open_view(&view, target, base);
    if (status == 0)
        status = read_dynamic(&view, &dynamic);
    if (status < 0)
        return status;
    if (dynamic.gnu_hash)
        return search_gnu(&view, &dynamic, name, answer);
    return dynamic.sysv_hash ? search_sysv(&view, &dynamic, name, answer) : PYR_E_NOT_FOUND;
}
