/* Writes a recording (.pyro): append-only, checksummed frames, bounded memory. One thread at a time.
 * Failures stick: after the first (disk full, out of memory) nothing more is written, every call returns its status at
 * once, and the file keeps the whole frames that it has. Two statuses do not stick and leave the recording as it was:
 * PYR_E_MISUSE (a number that was not given out, a call in the wrong place, something of a thread or process that has
 * ended) and PYR_E_LIMIT (definitions have reached what a reader accepts: FORMAT.md, "Limits").
 * A file size limit raises SIGXFSZ: programs that write recordings ignore it. */
#ifndef PYR_RECORD_WRITER_H
#define PYR_RECORD_WRITER_H

#include "pyrometer/err.h"
#include "record/format.h"

#include <stddef.h>

struct pyr_writer;

/* Creates the file and writes its header and facts, which are copied. An existing file gives PYR_E_EXISTS unless force;
 * one that a recording is being written to, and what is neither a file nor /dev/null, always does. */
int pyr_writer_open(struct pyr_writer **out, const char *path, bool force, const struct pyr_run_facts *facts,
                    struct pyr_err *err);

/* The facts again, with what is known by now (python's version); the last ones count. */
int pyr_writer_facts(struct pyr_writer *writer, const struct pyr_run_facts *facts);

/* Registers things; returns their number (from 0; nodes from 1), or a negative status. Facts are copied;
 * NULL strings are "", strings above 64 KiB are cut. The same code facts give the same number, and so
 * does the same set of instructions. */
int64_t pyr_writer_process(struct pyr_writer *writer, const struct pyr_process_facts *facts);
int64_t pyr_writer_thread(struct pyr_writer *writer, const struct pyr_thread_facts *facts);
int pyr_writer_thread_name(struct pyr_writer *writer, uint32_t thread, const char *name); /* its name from now on */
int64_t pyr_writer_code(struct pyr_writer *writer, const struct pyr_code_facts *facts);
int64_t pyr_writer_instructions(struct pyr_writer *writer, const struct pyr_instruction_set *set);

/* The node of the stack tree for this frame (code number, instruction offset in bytes from the first instruction,
 * −1 if unknown or not started) called from parent (PYR_NODE_EMPTY for the outermost). Same arguments, same node.
 * HOT: one hash look-up, amortised no allocation. */
int64_t pyr_writer_node(struct pyr_writer *writer, uint32_t parent, uint32_t code, int32_t instruction);

/* The same where it is known which instruction is there, by its number in the code's set; 0: it is not. */
int64_t pyr_writer_node_at(struct pyr_writer *writer, uint32_t parent, uint32_t code, int32_t instruction,
                           uint8_t opcode);

/* One instant of one process. Between begin and end, only the threads that changed since their last sample are named;
 * every other live thread of the process is taken to be as it was. HOT. */
int pyr_writer_tick_begin(struct pyr_writer *writer, uint32_t process, uint64_t time_ns, enum pyr_tick_kind kind);
int pyr_writer_sample(struct pyr_writer *writer, uint32_t thread, uint32_t node, uint8_t flags);
int pyr_writer_thread_end(struct pyr_writer *writer, uint32_t thread); /* it is gone from this tick on */

/* Within a tick, at most once per thread: what the kernel has counted for it since it began. What is recorded is the
 * difference to the thread's last call. PYR_E_LIMIT: not in this tick any more. */
int pyr_writer_cpu_time(struct pyr_writer *writer, uint32_t thread, uint64_t ran_ns, uint64_t waited_ns);
int pyr_writer_tick_end(struct pyr_writer *writer);

int pyr_writer_process_end(struct pyr_writer *writer, uint32_t process, uint64_t time_ns, int exit_status,
                           uint64_t cpu_ns, uint64_t peak_rss_bytes); /* exit_status −1 if unknown */

/* Periodic figures of a process for the timeline. */
int pyr_writer_usage(struct pyr_writer *writer, uint32_t process, uint64_t time_ns, uint64_t rss_bytes,
                     uint64_t cpu_ns);

/* All figures of a heap; they replace those given before of the same process and interpreter. Not within a tick. What
 * is pending is written out first. */
int pyr_writer_memory(struct pyr_writer *writer, const struct pyr_memory_facts *facts);

/* The collections of an interpreter: the sums replace those given before, the pauses (at most 65536) come after them.
 * Not within a tick. What is pending is written out first. */
int pyr_writer_gc(struct pyr_writer *writer, const struct pyr_gc_facts *facts);

/* What the resident memory of a process consisted of; replaces what was given before of the same moment (last or not).
 * At most 256 classes and as many pins. Not within a tick. What is pending is written out first. */
int pyr_writer_resident(struct pyr_writer *writer, const struct pyr_resident_facts *facts);

int pyr_writer_quality(struct pyr_writer *writer, const struct pyr_quality *quality);

/* Writes out what is buffered as whole frames: what a SIGKILL cannot take any more. Also happens by itself at least
 * every 512 KiB of events. Each flush begins compression anew. At 100 ticks a second,
 * a flush every ten seconds cost 10 to 40 % more bytes in the benchmark's workloads, one every second 28 to 76 %. */
int pyr_writer_flush(struct pyr_writer *writer, struct pyr_err *err);

/* Ends the recording (and a tick that is open). A recording never closed still opens. Releases the writer even on
 * failure; the first error that any call met (disk full …) is returned here with its text. */
int pyr_writer_close(struct pyr_writer *writer, struct pyr_err *err);

bool pyr_writer_takes_opcodes(const struct pyr_writer *writer); /* its facts say so */

uint64_t pyr_writer_bytes(const struct pyr_writer *writer); /* written so far */

#endif
