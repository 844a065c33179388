/* heap_tool PID capture FILE: saves an image of a process, of which heap_tool FILE works, too, as of a core file.
 *
 * heap_tool PID|FILE [time|small|copy]: walks a process that does not move, through a writer of its own; "copy": a copy
 * of it, in which the traversals of types are run. For every call of the writer it prints a line; with "time" nothing
 * but how many objects there were and how long it took; "small": the same, keeping as little of the target in memory as
 * can be:
 *
 *     S NUMBER TEXT                     a text, whose \ and line ends are escaped
 *     O ADDRESS TYPE SIZE LENGTH CAPACITY CONTENT REFERENCES GENERATION FLAGS TEXT [TO KIND LABEL]...
 *     T ADDRESS MODULE NAME BASIC ITEM FLAGS DICT
 *     R KIND OBJECT HOLDER NAME
 *     W FILE FUNCTION LINE CALLER
 *     F OBJECTS EDGES TORN DANGLING CONSERVATIVE SIZE_BASIC ENABLED COLLECTING [THRESHOLD COUNT COLLECTIONS OBJECTS]...
 */
#include "base/map.h"
#include "heap/heap.h"
#include "target/copy.h"
#include "target/core.h"
#include "target/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

struct pyr_snapshot_writer {
    struct pyr_map texts;
    uint32_t count;
    bool quiet;
};

/* Two threads print to one output, under its lock. */
int pyr_snapshot_writer_part(struct pyr_snapshot_writer *writer, struct pyr_snapshot_writer **part)
{
    *part = writer;
    return 0;
}

static pyr_snapshot_text print_text(struct pyr_snapshot_writer *writer, const void *text, size_t size)
{
    const unsigned char *bytes = text;
    uint64_t hash = XXH3_64bits(text, size);
    const uint64_t *found = pyr_map_find(&writer->texts, hash);
    if (found)
        return (pyr_snapshot_text)*found;
    pyr_map_put(&writer->texts, hash, ++writer->count);
    printf("S %u ", writer->count);
    for (size_t i = 0; i < size; i++)
        if (bytes[i] == '\\' || bytes[i] < ' ')
            printf("\\x%02x", bytes[i]);
        else
            putchar(bytes[i]);
    putchar('\n');
    return writer->count;
}

pyr_snapshot_text pyr_snapshot_writer_text(struct pyr_snapshot_writer *writer, const void *text, size_t size)
{
    if (!size || writer->quiet)
        return size != 0;
    flockfile(stdout);
    pyr_snapshot_text number = print_text(writer, text, size);
    funlockfile(stdout);
    return number;
}

int pyr_snapshot_writer_object(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_object *object,
                               const struct pyr_snapshot_edge *edges, size_t count)
{
    if (writer->quiet)
        return 0;
    pyr_snapshot_text text = object->new_text_size
                                 ? pyr_snapshot_writer_text(writer, object->new_text, object->new_text_size)
                                 : object->text;
    flockfile(stdout);
    printf("O %" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRIx64 " %u %u %u %u", object->address,
           object->type, object->size, (int64_t)object->length, (int64_t)object->capacity, object->content,
           object->references, object->generation, object->flags, text);
    for (size_t i = 0; i < count; i++)
        printf(" %" PRIx64 " %u %u", edges[i].to, edges[i].kind, edges[i].label);
    putchar('\n');
    funlockfile(stdout);
    return 0;
}

int pyr_snapshot_writer_type(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_type *type)
{
    if (!writer->quiet)
        printf("T %" PRIx64 " %u %u %" PRIu64 " %" PRIu64 " %u %u\n", type->address, type->module, type->name,
               type->basic_size, type->item_size, type->flags, type->instance_dict);
    return 0;
}

int pyr_snapshot_writer_root(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_root *root)
{
    if (!writer->quiet)
        printf("R %u %" PRIx64 " %u %u\n", root->kind, root->object, root->holder, root->name);
    return 0;
}

int pyr_snapshot_writer_pool(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_pool *pool)
{
    if (!writer->quiet)
        printf("P %" PRIx64 " %u %u %u %u\n", pool->address, pool->size, pool->block_size, pool->used, pool->total);
    return 0;
}

int pyr_snapshot_writer_arena(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_arena *arena)
{
    if (!writer->quiet)
        printf("A %" PRIx64 " %" PRIu64 " %u %u %u\n", arena->address, arena->size, arena->first_pool, arena->pools,
               arena->ours);
    return 0;
}

/* Images have no private heap's tags: what tells of sites is tested with the agent. */
int pyr_snapshot_writer_site(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_site *site, uint32_t caller)
{
    if (!writer->quiet)
        printf("W %u %u %u %u\n", site->file, site->function, site->line, caller);
    return 0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void print_facts(const struct pyr_heap_facts *facts)
{
    printf("F %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %u", facts->objects,
           facts->edges, facts->torn, facts->dangling, facts->conservative, facts->size_basic, facts->collector_enabled,
           facts->collecting);
    for (int i = 0; i < 3; i++)
        printf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, facts->generations[i].threshold,
               facts->generations[i].count, facts->generations[i].collections, facts->generations[i].objects);
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct pyr_target *target = NULL;
    struct pyr_python python;
    struct pyr_err err = {0};
    struct pyr_heap_facts facts = {0};
    const char *mode = argc > 2 ? argv[2] : "";
    struct pyr_snapshot_writer writer = {.quiet = strcmp(mode, "time") == 0 || strcmp(mode, "small") == 0};
    struct pyr_heap_options options = {.memory_limit = strcmp(mode, "small") == 0 ? 1 : 0};
    if (argc < 2)
        return 2;
    if (argc == 4 && strcmp(argv[2], "capture") == 0)
        return pyr_target_capture((pid_t)strtol(argv[1], NULL, 10), argv[3], &err) < 0;
    int rc = pyr_target_is_core(argv[1]) ? pyr_target_open_core(&target, argv[1], NULL, &err)
             : argv[1][0] == '/'         ? pyr_target_open_image(&target, argv[1], &err)
                                         : pyr_target_open(&target, (pid_t)strtol(argv[1], NULL, 10), &err);
    if (rc == 0)
        rc = pyr_python_detect(&python, target, &err);
    if (rc == 0 && strcmp(mode, "copy") == 0)
        rc = pyr_copy_make(&options.copy, target, &(struct pyr_copy_options){0}, &err);
    double start = now();
    if (rc == 0)
        rc = pyr_heap_walk(options.copy ? pyr_copy_target(options.copy) : target, &python, &options, &writer, &facts,
                           &err);
    if (rc < 0)
        fprintf(stderr, "%d: %s\n", rc, err.text);
    else if (writer.quiet)
        printf("%" PRIu64 " objects, %" PRIu64 " edges, %.3f s\n", facts.objects, facts.edges, now() - start);
    else
        print_facts(&facts);
    pyr_copy_close(options.copy);
    pyr_target_close(target);
    pyr_map_release(&writer.texts);
    return rc < 0;
}
