/* ELF files on disk, by libelf. The file may be anything: every number in it is checked against its size. */
#include "target/private.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((off_t)8 << 30)
#define TABLE_MAX ((uint64_t)512 << 20)

enum { HEADERS_MAX = 1024, SECTIONS_MAX = 65536 };

static Elf *open_elf(int fd)
{
    struct stat file;
    if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode) || file.st_size > FILE_MAX)
        return NULL;
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL); /* read, not mapped: a file that shrinks must not kill us */
    GElf_Ehdr header;
    if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getclass(elf) == ELFCLASS64 && gelf_getehdr(elf, &header) &&
        header.e_ident[EI_DATA] == ELFDATA2LSB)
        return elf;
    elf_end(elf);
    return NULL;
}

int pyr_elf_file_loads(int fd, struct pyr_elf_loads *loads)
{
    Elf *elf = open_elf(fd);
    size_t count = 0;
    if (!elf || elf_getphdrnum(elf, &count) < 0) {
        elf_end(elf);
        return PYR_E_FORMAT;
    }
    GElf_Ehdr file;
    struct pyr_elf_loads found = {.machine = gelf_getehdr(elf, &file) ? file.e_machine : 0};
    for (size_t i = 0; i < count && i < HEADERS_MAX && found.count < PYR_ELF_LOADS_MAX; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_LOAD)
            continue;
        found.load[found.count++] = (struct pyr_elf_load){
            .offset = header.p_offset,
            .address = header.p_vaddr,
            .memory_size = header.p_memsz,
            .executable = header.p_flags & PF_X,
        };
    }
    elf_end(elf);
    if (found.count == 0)
        return PYR_E_FORMAT;
    *loads = found;
    return 0;
}

static Elf_Data *table_data(Elf_Scn *section, const GElf_Shdr *header)
{
    return section && header->sh_type != SHT_NOBITS && header->sh_size <= TABLE_MAX ? elf_getdata(section, NULL) : NULL;
}

static bool is_named(const Elf_Data *names, uint64_t at, const char *name, size_t length)
{
    return at < names->d_size && names->d_size - at > length &&
           memcmp((const char *)names->d_buf + at, name, length + 1) == 0;
}

static bool is_place(const GElf_Sym *symbol)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && symbol->st_shndx != SHN_COMMON &&
           (type == STT_OBJECT || type == STT_FUNC || type == STT_NOTYPE);
}

/* A global symbol wins over a local one of the same name. */
static int search_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, const char *name,
                        struct pyr_elf_answer *answer)
{
    GElf_Shdr names_header;
    Elf_Scn *names_section = elf_getscn(elf, header->sh_link);
    if (!names_section || !gelf_getshdr(names_section, &names_header))
        return PYR_E_NOT_FOUND;
    Elf_Data *symbols = table_data(section, header), *names = table_data(names_section, &names_header);
    if (!symbols || !names || !symbols->d_buf || !names->d_buf)
        return PYR_E_NOT_FOUND;
    size_t length = strlen(name), count = symbols->d_size / sizeof(Elf64_Sym);
    int status = PYR_E_NOT_FOUND;
    for (size_t i = 0; i < count && i < INT32_MAX; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(symbols, (int)i, &symbol) || !is_place(&symbol) ||
            !is_named(names, symbol.st_name, name, length))
            continue;
        *answer = (struct pyr_elf_answer){symbol.st_value, symbol.st_size};
        status = 0;
        if (GELF_ST_BIND(symbol.st_info) != STB_LOCAL)
            break;
    }
    return status;
}

static int search_tables(Elf *elf, uint32_t type, const char *name, struct pyr_elf_answer *answer)
{
    int tables = 0;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section)) && tables < SECTIONS_MAX; tables++) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_type == type &&
            search_table(elf, section, &header, name, answer) == 0)
            return 0;
    }
    return PYR_E_NOT_FOUND;
}

int pyr_elf_file_symbol(int fd, const char *name, struct pyr_elf_answer *answer)
{
    Elf *elf = open_elf(fd);
    if (!elf)
        return PYR_E_FORMAT;
    int status = search_tables(elf, SHT_DYNSYM, name, answer);
    if (status < 0)
        status = search_tables(elf, SHT_SYMTAB, name, answer);
    elf_end(elf);
    return status;
}

int pyr_elf_file_sections(int fd, int (*visit)(void *context, const char *name, const struct pyr_elf_answer *answer),
                          void *context)
{
    Elf *elf = open_elf(fd);
    size_t names;
    if (!elf || elf_getshdrstrndx(elf, &names) < 0) {
        elf_end(elf);
        return PYR_E_FORMAT;
    }
    int status = 0, count = 0;
    for (Elf_Scn *section = NULL; status == 0 && (section = elf_nextscn(elf, section)) && count < SECTIONS_MAX;
         count++) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_ALLOC))
            continue;
        const char *name = elf_strptr(elf, names, header.sh_name);
        struct pyr_elf_answer answer = {header.sh_addr, header.sh_size};
        if (name)
            status = visit(context, name, &answer);
    }
    elf_end(elf);
    return status;
}

struct section_search {
    const char *name;
    struct pyr_elf_answer *answer;
};

static int visit_section(void *context, const char *name, const struct pyr_elf_answer *answer)
{
    struct section_search *search = context;
    if (strcmp(name, search->name) != 0)
        return 0;
    *search->answer = *answer;
    return 1;
}

int pyr_elf_file_section(int fd, const char *name, struct pyr_elf_answer *answer)
{
    struct section_search search = {name, answer};
    int status = pyr_elf_file_sections(fd, visit_section, &search);
    if (status < 0)
        return status;
    return status == 1 ? 0 : PYR_E_NOT_FOUND;
}
