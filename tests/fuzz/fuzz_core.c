/* libFuzzer target for core files: their headers and notes, and the search for Python in what they hold. The input is a
 * core file; its header is made right, for that is easily come by.
 *   CC=clang meson setup build/fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
 *   ninja -C build/fuzz tests/fuzz/fuzz_core && build/fuzz/tests/fuzz/fuzz_core -max_total_time=60 */
#include "layout/layout.h"
#include "target/core.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_header(int fd)
{
    static const Elf64_Ehdr right = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
#ifdef __x86_64__
        .e_machine = EM_X86_64,
#else
        .e_machine = EM_AARCH64,
#endif
        .e_version = EV_CURRENT,
    };
    Elf64_Ehdr given;
    if (pread(fd, &given, sizeof given, 0) != sizeof given)
        return;
    memcpy(&given, &right, offsetof(Elf64_Ehdr, e_entry));
    given.e_phentsize = sizeof(Elf64_Phdr);
    if (pwrite(fd, &given, sizeof given, 0) < 0)
        return;
}

static void look(struct pyr_target *target)
{
    struct pyr_python python;
    const struct pyr_mapping *maps;
    size_t count;
    char bytes[256];
    if (pyr_target_maps(target, true, &maps, &count, NULL) == 0)
        for (size_t i = 0; i < count && i < 1000; i++)
            pyr_target_read(target, PYR_ADDR(maps[i].start), bytes, sizeof bytes);
    pyr_target_core_explain(target, "core", NULL, pyr_python_detect(&python, target, NULL), NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[40];
    struct pyr_target *target;
    int fd = memfd_create("core", MFD_CLOEXEC);
    if (fd < 0)
        return 0;
    if (write(fd, data, size) == (ssize_t)size) {
        put_header(fd);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (pyr_target_open_core(&target, path, "/proc/self/fdinfo", NULL) == 0) {
            look(target);
            pyr_target_close(target);
        }
    }
    close(fd);
    return 0;
}
