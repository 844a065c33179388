/* The processes of one recording: the root and, where wanted, its descendants, as they come, exec and go. */
#ifndef PYR_SAMPLE_FAMILY_H
#define PYR_SAMPLE_FAMILY_H

#include "sample/process.h"

struct pyr_family {
    pid_t root;
    bool follow_children;
    bool adopt_orphans; /* the root's program was started by us alone, so all that executes it descends from the root */
    bool regimes;       /* exact ticks are taken as well as glances */
    struct pyr_writer *writer;
    struct pyr_quality *quality;
    struct pyr_vec members;               /* of struct pyr_member */
    bool begun;                           /* it was looked for children once: those that come now are new */
    pid_t last_pid;                       /* the newest process id of the system when last looked */
    pid_t previous_pid, older_pid;        /* before that, and before that */
    int last_pid_fd;                      /* see pyr_system_last_pid */
    unsigned scans;                       /* still to be done after it changed */
    bool undecided;                       /* a forked process may still be on its way to an exec: look again soon */
    uint64_t scan_all_ns;                 /* when to look at all children again, not only at those that are new */
    uint64_t scan_after_ns;               /* not to spend time scanning a family of thousands of threads */
    uint32_t processes, pythons, threads; /* seen so far */
    struct pyr_err problem;               /* why a Python process could not be profiled, if one could not */
    char python[32];                      /* version of the first Python */
    bool root_gone;
};

struct pyr_member {
    struct pyr_process *process;
    uint64_t exec_id;
    uint64_t found_ns;
    uint64_t look_ns;                   /* when to look again whether it lives and is the same program */
    uint64_t detect_ns, detect_wait_ns; /* when to look again whether it is Python */
    unsigned refusals; /* how often in a row it could not be profiled: one that is being loaded looks odd */
    uint64_t rss_bytes, peak_rss_bytes, cpu_ns;
    uint64_t usage_ns, usage_wait_ns; /* when to read them again */
    uint64_t cpu_before_ns;           /* used by what it executed before, or before the recording: not counted */
    bool executed;                    /* another Python program before this one */
    bool refused;                     /* it cannot be profiled: not tried again until it execs */
};

int pyr_family_start(struct pyr_family *family, struct pyr_err *err);
void pyr_family_release(struct pyr_family *family);

/* Finds new members, notices those that ended or became another program, and those that have become Python. */
int pyr_family_keep(struct pyr_family *family, uint64_t now_ns, uint64_t time_ns);

/* Looks for new members: children of members and, where adopt_orphans, descendants whose parents have died already. */
int pyr_family_find(struct pyr_family *family, uint64_t now_ns);

/* Makes a process a member. PYR_E_GONE, PYR_E_PERMISSION …: it is none then. */
int pyr_family_join(struct pyr_family *family, pid_t pid, uint64_t now_ns, struct pyr_err *err);
bool pyr_family_has(const struct pyr_family *family, pid_t pid);

/* How many members live on after the root has ended; 0 while it lives. *pid is one of them. Waits a moment for those
 * that end with it. */
uint32_t pyr_family_left(struct pyr_family *family, pid_t *pid);

/* Resident memory of all members, as last read. */
uint64_t pyr_family_rss(const struct pyr_family *family);

/* What they have used at the end. To be called while those that have ended are not reaped. */
void pyr_family_measure(struct pyr_family *family);

/* Ends every member in the recording; the root with this exit status (as waitpid gives it; −1 unknown). */
int pyr_family_end(struct pyr_family *family, uint64_t time_ns, int root_exit_status);

#endif
