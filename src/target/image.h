/* Private to src/target: the file of a captured process (pyr_target_capture, pyr_target_open_image). Little-endian.
 *
 *   header   magic "PYRIMAGE", u32 version, u32 ELF machine, u64 table offset, u64 table size, u64 XXH64 of the table,
 *            u64 file size, u64 XXH64 of the header so far
 *   bytes    of the segments
 *   table    u64 device, u64 inode, text path of the executable; u32 counts of mappings, segments, sections; then
 *     mapping  u64 start, end, file offset, device, inode; u32 flags; text path
 *     segment  u64 address, u64 size, u64 offset in the file (0: all zeros, not stored); sorted, apart
 *     section  u64 device, u64 inode of its module; text name; u64 address before the load bias, u64 size
 *   text     u32 length, bytes
 */
#ifndef PYR_TARGET_IMAGE_H
#define PYR_TARGET_IMAGE_H

#include <stdint.h>

#define PYR_IMAGE_MAGIC "PYRIMAGE"

enum {
    PYR_IMAGE_VERSION = 1,
    PYR_IMAGE_HEADER_SIZE = 56,
    PYR_IMAGE_TABLE_MAX = 64 << 20,
};

enum pyr_image_flags {
    PYR_IMAGE_READABLE = 1,
    PYR_IMAGE_WRITABLE = 2,
    PYR_IMAGE_EXECUTABLE = 4,
    PYR_IMAGE_DELETED = 8,
};

struct pyr_image_segment {
    uint64_t address, size, offset;
};

#endif
