/* Real Pythons: is their _PyRuntime found, by each of the ways to it? */
#include "child.h"
#include "target/private.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static pyr_addr find_runtime(struct pyr_target *target)
{
    pyr_addr at, again;
    uint64_t size = 0;
    struct pyr_err err = {0};
    if (pyr_target_symbol(target, "_PyRuntime", &at, &size, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(size > 256);
    assert_int_equal(pyr_target_symbol(target, "_PyRuntime", &again, NULL, &err), 0);
    assert_true(pyr_addr_eq(at, again));
    return at;
}

/* The file's answer, and that of the memory alone, must be the same. */
static void compare_ways(const struct pyr_target *target, const char *path, const char *name)
{
    for (size_t i = 0; i < target->modules.count; i++) {
        const struct pyr_module *module = *PYR_VEC_AT(&target->modules, struct pyr_module *, i);
        struct pyr_elf_answer file, memory;
        if (strcmp(module->path, path) != 0)
            continue;
        int fd = pyr_module_open_file(target, module);
        assert_true(fd >= 0);
        assert_int_equal(pyr_elf_file_symbol(fd, name, &file), 0);
        assert_int_equal(pyr_elf_memory_symbol(target, pyr_module_base(target, module), name, &memory), 0);
        assert_true(file.value == memory.value && file.size == memory.size);
        assert_int_equal(pyr_elf_memory_symbol(target, pyr_module_base(target, module), "PyNoSuchThing", &memory),
                         PYR_E_NOT_FOUND);
        close(fd);
    }
}

static void check_python(const char *root, const char *program)
{
    struct python python;
    struct pyr_target *target;
    struct pyr_err err;
    if (!python_start(&python, root, program))
        return;
    assert_int_equal(pyr_target_open(&target, python.pid, &err), 0);
    pyr_addr at = find_runtime(target);
    if (python.runtime)
        assert_true(at.v == python.runtime);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", pyr_target_module_path(target, at));
    compare_ways(target, path, "_PyRuntime");
    compare_ways(target, path, "PyObject_Repr");
    pyr_target_close(target);
    child_kill(python.pid);
}

static void runtime_is_found(void **state)
{
    (void)state;
    if (each_python(check_python) == 0)
        skip();
}

static void check_image(const char *root, const char *program)
{
    char file[] = "/tmp/pyrometer-image-XXXXXX";
    struct python python;
    struct pyr_target *live, *image;
    struct pyr_err err = {0};
    if (!python_start(&python, root, program))
        return;
    close(mkstemp(file));
    if (pyr_target_capture(python.pid, file, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(pyr_target_open(&live, python.pid, &err), 0);
    pyr_addr at = find_runtime(live), section[2];
    uint64_t size[2];
    static uint8_t bytes[2][4096];
    assert_int_equal(pyr_target_read(live, at, bytes[0], sizeof *bytes), 0);
    assert_int_equal(pyr_target_section(live, "", ".dynsym", &section[0], &size[0], &err), 0);
    pyr_target_close(live);
    child_kill(python.pid);
    if (pyr_target_open_image(&image, file, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(pyr_target_pid(image), 0);
    assert_true(pyr_addr_eq(find_runtime(image), at));
    assert_int_equal(pyr_target_read(image, at, bytes[1], sizeof *bytes), 0);
    assert_memory_equal(bytes[0], bytes[1], sizeof *bytes);
    assert_int_equal(pyr_target_section(image, "", ".dynsym", &section[1], &size[1], &err), 0);
    assert_true(pyr_addr_eq(section[0], section[1]) && size[0] == size[1]);
    pyr_target_close(image);
    unlink(file);
}

static void image_is_like_the_process(void **state)
{
    (void)state;
    if (each_python(check_image) == 0)
        skip();
}

static void deleted_program_is_read(void **state)
{
    (void)state;
    char program[] = "/tmp/pyrometer-renamed-XXXXXX";
    struct python python;
    struct pyr_target *target;
    struct pyr_err err;
    close(mkstemp(program));
    if (!copy_file("/usr/bin/python3", program) || chmod(program, 0755) < 0 || !python_start(&python, NULL, program)) {
        unlink(program);
        skip();
    }
    unlink(program);
    assert_int_equal(pyr_target_open(&target, python.pid, &err), 0);
    pyr_addr at = find_runtime(target);
    if (python.runtime)
        assert_true(at.v == python.runtime);
    const struct pyr_mapping *mapping = pyr_target_mapping_at(target, at);
    assert_non_null(mapping);
    for (size_t i = 0; i < target->modules.count; i++) {
        struct pyr_module *module = *PYR_VEC_AT(&target->modules, struct pyr_module *, i);
        struct pyr_elf_answer answer;
        if (strcmp(module->path, program) == 0 &&
            pyr_elf_memory_symbol(target, pyr_module_base(target, module), "_PyRuntime", &answer) == 0) {
            uint64_t bias;
            assert_true(pyr_module_bias(target, module, &bias));
            assert_true(answer.value + bias == at.v);
        }
    }
    pyr_target_close(target);
    child_kill(python.pid);
}

/* Its file is in a mount namespace of its own, another file of that name in ours. */
static int run_in_namespace(struct shared *shared)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("pyrometer", "/mnt", "tmpfs", 0, NULL) < 0 || !copy_file("/usr/bin/python3", "/mnt/python3"))
        return 77;
    atomic_store(&shared->flag, 1);
    execl("/mnt/python3", "python3", "-c", "import time; time.sleep(1000)", (char *)NULL);
    return 78;
}

static void other_mount_namespace_is_read(void **state)
{
    (void)state;
    struct shared *shared = shared_new();
    struct pyr_target *target;
    struct pyr_err err;
    if (geteuid() != 0 || access("/usr/bin/python3", X_OK) < 0)
        skip();
    pid_t pid = child_start(run_in_namespace, shared);
    for (int i = 0; i < 2000 && !atomic_load(&shared->flag) && kill(pid, 0) == 0; i++)
        pause_ms(1);
    await_sleep(pid, "python3");
    if (!atomic_load(&shared->flag)) {
        child_kill(pid);
        skip();
    }
    assert_int_equal(pyr_target_open(&target, pid, &err), 0);
    pyr_addr at = find_runtime(target);
    if (pyr_target_mapping_at(target, at) && pyr_target_module_path(target, at))
        assert_string_equal(pyr_target_module_path(target, at), "/mnt/python3");
    uint64_t size;
    assert_int_equal(pyr_target_section(target, "/mnt/python3", ".rodata", &at, &size, &err), 0);
    pyr_target_close(target);
    child_kill(pid);
    shared_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runtime_is_found),
        cmocka_unit_test(image_is_like_the_process),
        cmocka_unit_test(deleted_program_is_read),
        cmocka_unit_test(other_mount_namespace_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
