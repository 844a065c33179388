/* libFuzzer target for the query language: the input is a query to a small heap. The first byte chooses
 * how that begins: what is random from the start seldom comes as far as an answer.
 *   CC=clang meson setup build/fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
 *   ninja -C build/fuzz tests/fuzz/fuzz_query && build/fuzz/tests/fuzz/fuzz_query -max_total_time=60 */
#include "../graph/exercise.h"
#include "query/query.h"
#include "record/snapshot_reader.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pyr_graph *graph;

static void make_heap(void)
{
    static struct pyr_buf whole;
    static struct pyr_snapshot *snapshot;
    make_snapshot(&whole);
    void *bytes = aligned_alloc(64, (whole.size + 63) / 64 * 64);
    if (!bytes)
        abort();
    memcpy(bytes, whole.bytes, whole.size);
    if (pyr_snapshot_open_bytes(&snapshot, bytes, whole.size, "made", NULL) < 0 ||
        pyr_graph_open(&graph, snapshot, NULL) < 0)
        abort();
}

/* Every value is one that the answer's kinds allow. */
static void look_at(const struct pyr_query_answer *answer)
{
    volatile char last = 0;
    for (size_t i = 0; i < (size_t)answer->rows * answer->columns; i++) {
        const struct pyr_query_value *value = &answer->values[i];
        if (value->kind > PYR_QUERY_OBJECT ||
            (value->kind == PYR_QUERY_OBJECT && value->object >= graph->objects && !pyr_query_no_object(value->object)))
            abort();
        if (value->kind == PYR_QUERY_TEXT && value->size)
            last = value->text[value->size - 1];
    }
    (void)last;
}

static const char *const beginnings[] = {"", "select * from * where ", "select count(), ",
                                         "select sum(size), max(text), avg(len) from * group by ",
                                         "select name, type from dict, list order by "};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyr_query *query = NULL;
    struct pyr_query_answer answer = {0};
    if (!size)
        return 0;
    const char *beginning = beginnings[data[0] % (sizeof beginnings / sizeof *beginnings)];
    size_t before = strlen(beginning);
    char *text = calloc(1, before + size);
    if (!text)
        abort();
    if (!graph)
        make_heap();
    memcpy(text, beginning, before);
    memcpy(text + before, data + 1, size - 1);
    if (pyr_query_open(&query, text, NULL) == 0) {
        for (uint32_t i = 0; i < pyr_query_columns(query); i++) {
            enum pyr_query_unit unit;
            if (!pyr_query_column(query, i, &unit))
                abort();
        }
        if (pyr_query_run(&answer, query, graph, 3, NULL) == 0)
            look_at(&answer);
    }
    pyr_query_answer_release(&answer);
    pyr_query_close(query);
    free(text);
    return 0;
}
