/* libFuzzer target for the reader of recordings. The first byte chooses: 0 is a file as it is; else the rest is a list
 * of frames (kind, low and high byte of the size, payload), which get a header, facts and right checksums, so that the
 * fuzzer does not have to find a hash.
 *   CC=clang meson setup build/fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
 *   ninja -C build/fuzz tests/fuzz/fuzz_reader && build/fuzz/tests/fuzz/fuzz_reader -max_total_time=60 */
#include "../record/exercise.h"

#include "record/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_together(struct pyr_buf *file, const uint8_t *data, size_t size)
{
    uint8_t header[PYR_WIRE_HEADER_SIZE];
    pyr_wire_header_put(header, 0);
    pyr_buf_append(file, header, sizeof header);
    append_frame(file, PYR_FRAME_FACTS, 0, (const uint8_t *)"\0\0\0\0\0\0\0\0", 8);
    while (size >= 3) {
        size_t payload = (size_t)data[1] | (size_t)data[2] << 8;
        if (payload > size - 3)
            payload = size - 3;
        append_frame(file, data[0] & 15, data[0] >> 4 & 3, data + 3, payload);
        data += 3 + payload;
        size -= 3 + payload;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct pyr_buf file = {0};
    if (data[0] == 0)
        pyr_buf_append(&file, data + 1, size - 1);
    else
        put_together(&file, data + 1, size - 1);
    exercise_reader(file.bytes, file.size);
    pyr_buf_release(&file);
    return 0;
}
