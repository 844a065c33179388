/* Makes a snapshot from a description on standard input, for tests in Python. One thing a line, fields between tabs,
 * numbers as C has them, "-" for no count:
 *   facts PID PYTHON COMMAND PAUSE_NS TAKEN_NS      type ADDRESS MODULE NAME BASIC ITEM FLAGS DICT
 *   site FILE FUNCTION LINE CALLER           root KIND HOLDER NAME OBJECT
 *   object ADDRESS TYPE SIZE LENGTH CAPACITY CONTENT REFERENCES SITE GENERATION FLAGS TEXT
 *   edge KIND TO LABEL                       of the object before it
 *   generation N THRESHOLD COUNT COLLECTIONS COLLECTED UNCOLLECTABLE OBJECTS
 *   arena ADDRESS SIZE FIRST_POOL POOLS OURS pool ADDRESS SIZE BLOCK USED TOTAL
 * usage: snapshot_tool OUT */
#include "record/snapshot_writer.h"

#include "pyrometer/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 13, EDGES_MAX = 1 << 20 };

static struct pyr_snapshot_writer *writer;
static struct pyr_snapshot_facts facts;
static struct pyr_snapshot_object object;
static struct pyr_snapshot_edge edges[EDGES_MAX];
static size_t edge_count;
static int has_object;

static uint64_t number(const char *field)
{
    return strcmp(field, "-") ? strtoull(field, NULL, 0) : PYR_SNAPSHOT_NO_COUNT;
}

static uint32_t small(const char *field)
{
    return (uint32_t)number(field);
}

static pyr_snapshot_text text(const char *field)
{
    return pyr_snapshot_writer_text(writer, field, strlen(field));
}

static void end_object(void)
{
    if (has_object)
        pyr_snapshot_writer_object(writer, &object, edges, edge_count);
    has_object = 0;
    edge_count = 0;
}

static void read_object(char *const *f)
{
    object = (struct pyr_snapshot_object){.address = number(f[1]),
                                          .type = number(f[2]),
                                          .size = number(f[3]),
                                          .length = number(f[4]),
                                          .capacity = number(f[5]),
                                          .content = number(f[6]),
                                          .references = small(f[7]),
                                          .site = small(f[8]),
                                          .generation = (uint8_t)number(f[9]),
                                          .flags = (uint8_t)number(f[10]),
                                          .text = text(f[11])};
    has_object = 1;
}

static void read_facts(char *const *f)
{
    facts.pid = number(f[1]);
    facts.python = text(f[2]);
    facts.command = text(f[3]);
    facts.pause_ns = number(f[4]);
    facts.taken_ns = number(f[5]);
    facts.collector_enabled = 1;
}

static void read_generation(char *const *f)
{
    facts.generations[number(f[1]) % 3] = (struct pyr_snapshot_generation){.threshold = number(f[2]),
                                                                           .count = number(f[3]),
                                                                           .collections = number(f[4]),
                                                                           .collected = number(f[5]),
                                                                           .uncollectable = number(f[6]),
                                                                           .objects = number(f[7])};
}

static void read_row(char *const *f)
{
    if (!strcmp(f[0], "type"))
        pyr_snapshot_writer_type(writer, &(struct pyr_snapshot_type){.address = number(f[1]),
                                                                     .module = text(f[2]),
                                                                     .name = text(f[3]),
                                                                     .basic_size = number(f[4]),
                                                                     .item_size = number(f[5]),
                                                                     .flags = small(f[6]),
                                                                     .instance_dict = small(f[7])});
    else if (!strcmp(f[0], "root"))
        pyr_snapshot_writer_root(
            writer, &(struct pyr_snapshot_root){
                        .kind = small(f[1]), .holder = text(f[2]), .name = text(f[3]), .object = number(f[4])});
    else if (!strcmp(f[0], "site"))
        pyr_snapshot_writer_site(
            writer, &(struct pyr_snapshot_site){.file = text(f[1]), .function = text(f[2]), .line = small(f[3])},
            small(f[4]));
    else if (!strcmp(f[0], "arena"))
        pyr_snapshot_writer_arena(writer, &(struct pyr_snapshot_arena){.address = number(f[1]),
                                                                       .size = number(f[2]),
                                                                       .first_pool = small(f[3]),
                                                                       .pools = small(f[4]),
                                                                       .ours = small(f[5])});
    else if (!strcmp(f[0], "pool"))
        pyr_snapshot_writer_pool(writer, &(struct pyr_snapshot_pool){.address = number(f[1]),
                                                                     .size = small(f[2]),
                                                                     .block_size = small(f[3]),
                                                                     .used = small(f[4]),
                                                                     .total = small(f[5])});
}

static void read_line(char *line)
{
    static char nothing[] = "";
    char *f[FIELDS];
    int count = 0;
    line[strcspn(line, "\n")] = 0;
    for (char *field; count < FIELDS && (field = strsep(&line, "\t")); count++)
        f[count] = field;
    while (count < FIELDS)
        f[count++] = nothing;
    if (!strcmp(f[0], "edge")) {
        edges[edge_count++ % EDGES_MAX] =
            (struct pyr_snapshot_edge){.kind = small(f[1]), .to = number(f[2]), .label = text(f[3])};
        return;
    }
    end_object();
    if (!strcmp(f[0], "object"))
        read_object(f);
    else if (!strcmp(f[0], "facts"))
        read_facts(f);
    else if (!strcmp(f[0], "generation"))
        read_generation(f);
    else
        read_row(f);
}

int main(int argc, char **argv)
{
    struct pyr_err err = {0};
    char *line = NULL;
    size_t size = 0;
    if (argc != 2 || pyr_snapshot_writer_open(&writer, argv[1], true, &err) < 0)
        return fprintf(stderr, "snapshot_tool: %s\n", argc == 2 ? err.text : "snapshot_tool OUT"), 1;
    while (getline(&line, &size, stdin) > 0)
        read_line(line);
    end_object();
    free(line);
    if (pyr_snapshot_writer_finish(writer, &facts, &err) < 0)
        return fprintf(stderr, "snapshot_tool: %s\n", err.text), 1;
    return 0;
}
