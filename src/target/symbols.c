/* Looking names up in the modules of a target. */
#include "base/alloc.h"
#include "target/private.h"

#include <string.h>
#include <unistd.h>

enum { ANSWERS_MAX = 256 };

enum name_kind { NAME_SYMBOL, NAME_SECTION };

/* What a module answered, kept so that its file is read once for each name. */
struct pyr_module_answer {
    char *name;
    enum name_kind kind;
    int status;
    struct pyr_elf_answer answer;
};

void pyr_module_release_answers(struct pyr_module *module)
{
    for (size_t i = 0; i < module->answers.count; i++)
        pyr_free(PYR_VEC_AT(&module->answers, struct pyr_module_answer, i)->name);
    pyr_vec_release(&module->answers);
}

static void examine(const struct pyr_target *target, struct pyr_module *module)
{
    int fd = pyr_module_open_file(target, module);
    module->examined = true;
    module->from_file = fd >= 0 && pyr_elf_file_loads(fd, &module->loads) == 0;
    module->usable = module->from_file;
    if (fd >= 0)
        close(fd);
    pyr_addr base = pyr_module_base(target, module);
    if (!module->usable && base.v)
        module->usable = pyr_elf_memory_loads(target, base, &module->loads) == 0;
}

static int ask_file(const struct pyr_target *target, const struct pyr_module *module, enum name_kind kind,
                    const char *name, struct pyr_elf_answer *answer)
{
    int fd = pyr_module_open_file(target, module);
    if (fd < 0)
        return PYR_E_NOT_FOUND;
    int status = kind == NAME_SYMBOL ? pyr_elf_file_symbol(fd, name, answer) : pyr_elf_file_section(fd, name, answer);
    close(fd);
    return status;
}

static int ask_memory(const struct pyr_target *target, const struct pyr_module *module, enum name_kind kind,
                      const char *name, struct pyr_elf_answer *answer)
{
    if (kind == NAME_SECTION)
        return target->image ? pyr_image_section(target, module, name, answer) : PYR_E_NOT_FOUND;
    pyr_addr base = pyr_module_base(target, module);
    return base.v ? pyr_elf_memory_symbol(target, base, name, answer) : PYR_E_NOT_FOUND;
}

static const struct pyr_module_answer *find_answer(const struct pyr_module *module, enum name_kind kind,
                                                   const char *name)
{
    for (size_t i = 0; i < module->answers.count; i++) {
        const struct pyr_module_answer *known = PYR_VEC_AT(&module->answers, struct pyr_module_answer, i);
        if (known->kind == kind && strcmp(known->name, name) == 0)
            return known;
    }
    return NULL;
}

static void keep_answer(struct pyr_module *module, struct pyr_module_answer *given, const char *name)
{
    if (module->answers.count >= ANSWERS_MAX || !(given->name = pyr_strdup(name)))
        return;
    module->answers.item_size = sizeof *given;
    if (!pyr_vec_push(&module->answers, given))
        pyr_free(given->name);
}

static int ask(const struct pyr_target *target, struct pyr_module *module, enum name_kind kind, const char *name,
               struct pyr_elf_answer *answer)
{
    const struct pyr_module_answer *known = find_answer(module, kind, name);
    if (!known) {
        struct pyr_module_answer given = {.kind = kind};
        if (module->from_file)
            given.status = ask_file(target, module, kind, name, &given.answer);
        else
            given.status = ask_memory(target, module, kind, name, &given.answer);
        *answer = given.answer;
        if (given.status == 0 || given.status == PYR_E_NOT_FOUND) /* others may have passed by the next time */
            keep_answer(module, &given, name);
        return given.status;
    }
    *answer = known->answer;
    return known->status;
}

/* An emulator maps the programs of another processor, but what they read and write is its own affair. */
static bool is_foreign(const struct pyr_module *module)
{
    return module->usable && module->loads.machine != pyr_machine();
}

static bool find_in_module(const struct pyr_target *target, struct pyr_module *module, enum name_kind kind,
                           const char *name, pyr_addr *at, uint64_t *size_bytes)
{
    struct pyr_elf_answer answer;
    uint64_t bias;
    if (!module->examined)
        examine(target, module);
    if (!module->usable || ask(target, module, kind, name, &answer) < 0 || !pyr_module_bias(target, module, &bias))
        return false;
    *at = PYR_ADDR(answer.value + bias);
    *size_bytes = answer.size;
    return true;
}

static int refuse_foreign(const struct pyr_target *target, const struct pyr_module *module, struct pyr_err *err)
{
    unsigned machine = module->loads.machine;
    return pyr_err_set(
        err, PYR_E_UNSUPPORTED,
        "process %d emulates another kind of processor: %s is for %s (ELF machine %u); only programs for %s "
        "can be read: run it and pyrometer on a machine of its kind",
        (int)target->pid, module->path, pyr_machine_name(machine), machine, pyr_machine_name(pyr_machine()));
}

static int find_name(struct pyr_target *target, const char *hint, enum name_kind kind, const char *name, pyr_addr *at,
                     uint64_t *size_bytes, struct pyr_err *err)
{
    const struct pyr_module *foreign = NULL;
    pyr_addr found;
    uint64_t size;
    int status = pyr_modules_update(target, err);
    if (status < 0)
        return status;
    for (int rank = 0; rank < PYR_RANKS; rank++) {
        for (size_t i = 0; i < target->modules.count; i++) {
            struct pyr_module *module = *PYR_VEC_AT(&target->modules, struct pyr_module *, i);
            if (!pyr_module_is_current(target, module) || (int)pyr_module_rank(target, module) != rank ||
                !strstr(module->path, hint) || !find_in_module(target, module, kind, name, &found, &size))
                continue;
            if (is_foreign(module)) {
                foreign = module;
                continue;
            }
            *at = found;
            if (size_bytes)
                *size_bytes = size;
            return 0;
        }
    }
    if (foreign)
        return refuse_foreign(target, foreign, err);
    return pyr_err_set(err, PYR_E_NOT_FOUND, "no program or library in process %d has the %s %s", (int)target->pid,
                       kind == NAME_SYMBOL ? "symbol" : "section", name);
}

int pyr_target_symbol(struct pyr_target *target, const char *name, pyr_addr *at, uint64_t *size_bytes,
                      struct pyr_err *err)
{
    return find_name(target, "", NAME_SYMBOL, name, at, size_bytes, err);
}

int pyr_target_symbol_in(struct pyr_target *target, const char *module_hint, const char *name, pyr_addr *at,
                         uint64_t *size_bytes, struct pyr_err *err)
{
    return find_name(target, module_hint, NAME_SYMBOL, name, at, size_bytes, err);
}

int pyr_target_section(struct pyr_target *target, const char *module_hint, const char *section, pyr_addr *at,
                       uint64_t *size_bytes, struct pyr_err *err)
{
    return find_name(target, module_hint, NAME_SECTION, section, at, size_bytes, err);
}
