/* libFuzzer target for heap snapshots and all that reads them. The first byte chooses: 0 is a file as it is; else the
 * rest is written over a whole small file, from a place that the next two bytes say, and checksums are made right.
 *   CC=clang meson setup build/fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
 *   ninja -C build/fuzz tests/fuzz/fuzz_snapshot && build/fuzz/tests/fuzz/fuzz_snapshot -max_total_time=60 */
#include "../graph/exercise.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pyr_buf whole;
    if (size < 3)
        return 0;
    if (!whole.size)
        make_snapshot(&whole);
    if (data[0] == 0) {
        exercise_snapshot(data + 1, size - 1);
        return 0;
    }
    uint8_t *file = malloc(whole.size);
    size_t at = ((size_t)data[1] | (size_t)data[2] << 8) % whole.size, room = whole.size - at;
    memcpy(file, whole.bytes, whole.size);
    memcpy(file + at, data + 3, size - 3 < room ? size - 3 : room);
    repair_sums(file, whole.size);
    exercise_snapshot(file, whole.size);
    free(file);
    return 0;
}
