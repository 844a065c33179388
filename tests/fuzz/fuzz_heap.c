/* libFuzzer target for the reader of agents' files. The first byte chooses: 0 is a file as it is; else the rest is
 * written over a whole small file, from a place that the next two bytes say: so that the fuzzer gets at all of it.
 *   CC=clang meson setup build/fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
 *   ninja -C build/fuzz tests/fuzz/fuzz_heap && build/fuzz/tests/fuzz/fuzz_heap -max_total_time=60 */
#include "../record/exercise_heap.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyr_buf file = {0};
    unsigned sites;
    if (size < 3)
        return 0;
    make_heap(&file, 4, data[0] & 2);
    size_t at = ((size_t)data[1] | (size_t)data[2] << 8) % file.size;
    if (data[0] == 0)
        exercise_heap(data + 1, size - 1, file.bytes, file.size, &sites);
    size_t room = file.size - at;
    memcpy(file.bytes + at, data + 3, size - 3 < room ? size - 3 : room);
    if (data[0] != 0)
        exercise_heap(file.bytes, file.size, data[0] & 4 ? file.bytes : NULL, file.size, &sites);
    pyr_buf_release(&file);
    return 0;
}
