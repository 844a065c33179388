/* Reads what dump_line_tables.py prints from stdin and compares it with our decoders. */
#include "base/alloc.h"
#include "model/linetable.h"
#include "record/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *unhex(const char *hex, uint32_t *size)
{
    size_t digits = strcmp(hex, "-") == 0 ? 0 : strlen(hex);
    uint8_t *bytes = pyr_alloc(digits / 2);
    for (size_t i = 0; bytes && i < digits / 2; i++) {
        unsigned byte = 0;
        sscanf(hex + 2 * i, "%2x", &byte);
        bytes[i] = (uint8_t)byte;
    }
    *size = (uint32_t)(digits / 2);
    return bytes;
}

static bool agrees(const struct pyr_linetable *table, int32_t offset, const int32_t want[4])
{
    const struct pyr_line_entry *entry = pyr_linetable_find(table, offset);
    if (!entry)
        return want[0] == 0;
    if (want[0] == 0)
        return entry->line == 0;
    return entry->line == want[0] && entry->end_line == want[1] && entry->column == want[2] &&
           entry->end_column == want[3] && pyr_linetable_line(table, offset) == (uint32_t)want[0];
}

static unsigned long check_code(const struct pyr_code_facts *facts, unsigned rows)
{
    struct pyr_linetable table = {0};
    unsigned long wrong = pyr_linetable_decode(&table, facts) != 0;
    for (unsigned i = 0; i < rows; i++) {
        int32_t offset, want[4];
        if (scanf("%" SCNd32 " %" SCNd32 " %" SCNd32 " %" SCNd32 " %" SCNd32, &offset, &want[0], &want[1], &want[2],
                  &want[3]) != 5)
            return wrong + 1;
        if (!agrees(&table, offset, want) && wrong++ < 5)
            printf("kind %u first %u: offset %d should be line %d\n", facts->linetable_kind, facts->first_line, offset,
                   want[0]);
    }
    pyr_linetable_release(&table);
    return wrong;
}

int main(void)
{
    unsigned long codes = 0, offsets = 0, wrong = 0;
    unsigned kind, first, rows;
    char *hex = NULL;
    while (scanf(" code %u %u %u %ms", &kind, &first, &rows, &hex) == 4) {
        struct pyr_code_facts facts = {.name = "", .file = "", .first_line = first, .linetable_kind = (uint8_t)kind};
        uint8_t *bytes = unhex(hex, &facts.linetable_size);
        facts.linetable = bytes;
        wrong += check_code(&facts, rows);
        codes++;
        offsets += rows;
        pyr_free(bytes);
        free(hex);
        hex = NULL;
    }
    printf("codes %lu offsets %lu wrong %lu end %d\n", codes, offsets, wrong, feof(stdin) ? 1 : 0);
    return wrong || !codes || !feof(stdin);
}
