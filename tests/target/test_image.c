/* Images that are damaged, cut short or made to harm; and running out of memory. */
#include "base/alloc.h"
#include "child.h"
#include "target/image.h"
#include "target/private.h"
#include "target/task.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static char path[] = "/tmp/pyrometer-image-XXXXXX", damaged[] = "/tmp/pyrometer-damaged-XXXXXX";
static uint8_t *image;
static size_t image_size;
static pid_t child;

/* Not a copy of the test: that one is terabytes large under the address sanitizer. */
static int run_sleep(struct shared *s)
{
    (void)s;
    pyr_cpu_sit(pyr_cpu_current()); /* the kernel writes the CPU into the memory of each thread (rseq) */
    execl("/bin/sleep", "sleep", "1000", (char *)NULL);
    return 1;
}

static int set_up(void **state)
{
    (void)state;
    struct pyr_err err;
    close(mkstemp(path));
    close(mkstemp(damaged));
    child = child_start(run_sleep, NULL);
    await_sleep(child, "sleep");
    int status = pyr_target_capture(child, path, &err);
    struct stat file;
    int fd = open(path, O_RDONLY);
    fstat(fd, &file);
    image_size = (size_t)file.st_size;
    image = malloc(image_size);
    bool whole = read(fd, image, image_size) == file.st_size;
    close(fd);
    return status == 0 && whole && (file.st_mode & 0777) == 0600 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    child_kill(child);
    unlink(path);
    unlink(damaged);
    free(image);
    return 0;
}

static void compare_mapping(struct pyr_target *live, struct pyr_target *saved, const struct pyr_mapping *m)
{
    size_t size = (size_t)(m->end - m->start);
    uint8_t *bytes[2] = {malloc(size), malloc(size)};
    assert_int_equal(pyr_target_read(live, PYR_ADDR(m->start), bytes[0], size), 0);
    assert_int_equal(pyr_target_read(saved, PYR_ADDR(m->start), bytes[1], size), 0);
    assert_memory_equal(bytes[0], bytes[1], size);
    struct iovec local = {bytes[1], size};
    struct iovec remote[] = {{(void *)(uintptr_t)(m->start + size / 2), size / 2},
                             {(void *)(uintptr_t)m->start, size / 2}};
    assert_int_equal(pyr_target_readv(saved, &local, 1, remote, 2), size);
    assert_memory_equal(bytes[0] + size / 2, bytes[1], size / 2);
    assert_memory_equal(bytes[0], bytes[1] + size / 2, size / 2);
    free(bytes[0]);
    free(bytes[1]);
}

static void holds_what_was_there(void **state)
{
    (void)state;
    struct pyr_target *live, *saved;
    struct pyr_err err;
    assert_int_equal(pyr_target_open(&live, child, &err), 0);
    assert_int_equal(pyr_target_open_image(&saved, path, &err), 0);
    const struct pyr_mapping *maps, *again;
    size_t count, same;
    assert_int_equal(pyr_target_maps(live, true, &maps, &count, &err), 0);
    assert_int_equal(pyr_target_maps(saved, true, &again, &same, &err), 0);
    assert_int_equal(count, same);
    int compared = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(maps[i].start == again[i].start && maps[i].end == again[i].end);
        assert_string_equal(maps[i].path, again[i].path);
        if (maps[i].readable && maps[i].writable) {
            compare_mapping(live, saved, &maps[i]);
            compared++;
        }
    }
    assert_true(compared >= 4);
    pyr_addr at[2];
    uint64_t byte;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pyr_target_symbol(i ? live : saved, "malloc", &at[i], NULL, &err), 0);
    assert_true(pyr_addr_eq(at[0], at[1]));
    assert_int_equal(pyr_target_symbol(saved, "no_such_symbol", &at[0], NULL, &err), PYR_E_NOT_FOUND);
    assert_int_equal(pyr_target_read(saved, PYR_NULL, &byte, 8), PYR_E_FAULT);
    assert_true(pyr_target_alive(saved));
    pyr_target_close(live);
    pyr_target_close(saved);
}

static void write_damaged(const uint8_t *bytes, size_t size)
{
    int fd = open(damaged, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

/* Opens it if it can be opened, and uses it. */
static int use(const char *file)
{
    struct pyr_target *target = NULL;
    struct pyr_err err = {0};
    int status = pyr_target_open_image(&target, file, &err);
    if (status < 0) {
        assert_null(target);
        assert_true(err.status == status && *err.text);
        return status;
    }
    const struct pyr_mapping *maps;
    size_t count;
    pyr_addr at;
    uint8_t got[10000];
    pyr_target_symbol(target, "malloc", &at, NULL, &err);
    pyr_target_section(target, "", ".text", &at, NULL, &err);
    assert_int_equal(pyr_target_maps(target, true, &maps, &count, &err), 0);
    for (size_t i = 0; i < count; i++)
        pyr_target_read(target, PYR_ADDR(maps[i].start + 100), got, sizeof got);
    pyr_target_close(target);
    return 0;
}

static void cut_short_is_refused(void **state)
{
    (void)state;
    assert_int_equal(use(path), 0);
    for (size_t size = 0; size < 200; size++) {
        write_damaged(image, size);
        assert_int_equal(use(damaged), PYR_E_FORMAT);
    }
    for (int i = 0; i < 30; i++) {
        write_damaged(image, image_size / 31 * (size_t)i);
        assert_int_equal(use(damaged), PYR_E_FORMAT);
    }
    write_damaged(image, image_size - 1);
    assert_int_equal(use(damaged), PYR_E_FORMAT);
    assert_int_equal(use("/"), PYR_E_FORMAT);
    assert_int_equal(use("/dev/null"), PYR_E_FORMAT);
    assert_int_equal(use("/no/such/file"), PYR_E_IO);
}

static uint64_t get(size_t at)
{
    uint64_t value;
    memcpy(&value, image + at, sizeof value);
    return value;
}

/* The checksums made right again, for the checks behind them. */
static void seal(uint8_t *bytes)
{
    uint64_t hash = XXH64(bytes + get(16), get(24), 0);
    memcpy(bytes + 32, &hash, 8);
    hash = XXH64(bytes, PYR_IMAGE_HEADER_SIZE - 8, 0);
    memcpy(bytes + PYR_IMAGE_HEADER_SIZE - 8, &hash, 8);
}

static void flip_within(size_t from, size_t size, bool sealed, int rounds)
{
    uint8_t *copy = malloc(image_size);
    int fd = open(damaged, O_RDWR | O_TRUNC);
    assert_true(write(fd, image, image_size) == (ssize_t)image_size);
    for (int i = 0; i < rounds; i++) {
        memcpy(copy, image, image_size);
        for (int flips = rand() % 4; flips >= 0; flips--) {
            size_t at = from + (size_t)rand() % size;
            copy[at] = (uint8_t)(rand() % 3 ? copy[at] ^ 1 << rand() % 8 : rand() % 2 ? 0xff : 0);
        }
        if (sealed)
            seal(copy);
        bool changed = memcmp(copy, image, image_size) != 0;
        assert_true(pwrite(fd, copy, PYR_IMAGE_HEADER_SIZE, 0) == PYR_IMAGE_HEADER_SIZE);
        assert_true(pwrite(fd, copy + from, size, (off_t)from) == (ssize_t)size);
        int status = use(damaged);
        if (changed && !sealed)
            assert_true(status < 0);
    }
    close(fd);
    free(copy);
}

static void flipped_bits_are_noticed(void **state)
{
    (void)state;
    srand(1);
    flip_within(0, PYR_IMAGE_HEADER_SIZE, false, 300);
    flip_within(get(16), get(24), false, 100);
}

static void hostile_tables_do_no_harm(void **state)
{
    (void)state;
    srand(2);
    flip_within(get(16), get(24), true, 600);
    flip_within(get(16), 200, true, 300);
}

/* The headers and tables of the ELF files inside, as found in memory. */
static void hostile_memory_does_no_harm(void **state)
{
    (void)state;
    srand(3);
    size_t data = PYR_IMAGE_HEADER_SIZE, size = get(16) - data;
    for (size_t at = data; at + 4 < data + size; at++) {
        if (memcmp(image + at, "\177ELF", 4) != 0)
            continue;
        flip_within(at, 64, true, 20);
        flip_within(at + 64, 700, true, 40);
    }
}

static void huge_counts_are_refused(void **state)
{
    (void)state;
    uint8_t *copy = malloc(image_size);
    size_t counts = get(16) + 16 + 4;
    uint32_t path_size;
    memcpy(&path_size, image + get(16) + 16, 4);
    for (size_t i = 0; i < 3; i++) {
        memcpy(copy, image, image_size);
        memset(copy + counts + path_size + i * 4, 0xff, 4);
        seal(copy);
        write_damaged(copy, image_size);
        assert_int_equal(use(damaged), PYR_E_FORMAT);
    }
    free(copy);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    int refused = 0;
    for (long n = 1; n < 3000; n++) {
        struct pyr_target *target = NULL;
        pyr_addr at;
        pyr_alloc_fail_after(n);
        int status = pyr_target_open_image(&target, path, NULL);
        if (status == 0)
            status = pyr_target_symbol(target, "malloc", &at, NULL, NULL);
        pyr_alloc_fail_after(0);
        pyr_target_close(target);
        assert_true(status == 0 || status == PYR_E_NOMEM || status == PYR_E_NOT_FOUND);
        refused += status == PYR_E_NOMEM;
        if (n == 2999)
            assert_int_equal(status, 0);
    }
    assert_true(refused > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_was_there),
        cmocka_unit_test(cut_short_is_refused),
        cmocka_unit_test(flipped_bits_are_noticed),
        cmocka_unit_test(hostile_tables_do_no_harm),
        cmocka_unit_test(hostile_memory_does_no_harm),
        cmocka_unit_test(huge_counts_are_refused),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
