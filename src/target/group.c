/* HOT: figures of a whole process, by a question to the kernel's taskstats and by its CPU clock. */
#include "target/group.h"

#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CPU_CLOCK_OF_PROCESS = 2 }; /* the kernel's CPUCLOCK_SCHED: what the scheduler counted */

struct message {
    struct nlmsghdr head;
    struct genlmsghdr generic;
    char body[1024];
};

/* The attribute of this type among those in [at, at + size); NULL if there is none. */
static const struct nlattr *find_attribute(const char *at, size_t size, unsigned type)
{
    while (size >= sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const struct nlattr *)(const void *)at;
        if (attribute->nla_len < sizeof *attribute || attribute->nla_len > size)
            return NULL;
        if ((attribute->nla_type & NLA_TYPE_MASK) == type)
            return attribute;
        size_t step = NLA_ALIGN(attribute->nla_len);
        if (step >= size)
            return NULL;
        at += step;
        size -= step;
    }
    return NULL;
}

static const char *content(const struct nlattr *attribute)
{
    return (const char *)attribute + NLA_HDRLEN;
}

static size_t content_size(const struct nlattr *attribute)
{
    return attribute->nla_len - (size_t)NLA_HDRLEN;
}

/* One question with one attribute; the kernel has answered when it has taken it. The size of the answer's body. */
static ssize_t ask(struct pyr_group *group, uint16_t family, uint8_t command, uint16_t type, const void *value,
                   uint16_t size, struct message *answer)
{
    struct message question = {.head = {.nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST},
                               .generic = {.cmd = command, .version = 1}};
    struct nlattr *attribute = (struct nlattr *)(void *)question.body;
    attribute->nla_type = type;
    attribute->nla_len = (uint16_t)(NLA_HDRLEN + size);
    memcpy(question.body + NLA_HDRLEN, value, size);
    question.head.nlmsg_seq = ++group->sequence;
    question.head.nlmsg_len = (uint32_t)(offsetof(struct message, body) + NLA_ALIGN(attribute->nla_len));
    if (send(group->netlink_fd, &question, question.head.nlmsg_len, 0) < 0)
        return PYR_E_UNSUPPORTED;
    for (;;) {
        ssize_t got = recv(group->netlink_fd, answer, sizeof *answer, MSG_DONTWAIT);
        if (got < (ssize_t)sizeof answer->head || answer->head.nlmsg_len > (size_t)got)
            return PYR_E_UNSUPPORTED;
        if (answer->head.nlmsg_seq != group->sequence)
            continue;
        if (answer->head.nlmsg_type == NLMSG_ERROR || got < (ssize_t)offsetof(struct message, body))
            return PYR_E_UNSUPPORTED;
        return (ssize_t)(answer->head.nlmsg_len - offsetof(struct message, body));
    }
}

static int find_family(struct pyr_group *group)
{
    static const char name[] = TASKSTATS_GENL_NAME;
    struct message answer;
    ssize_t size = ask(group, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name, sizeof name, &answer);
    const struct nlattr *id = size > 0 ? find_attribute(answer.body, (size_t)size, CTRL_ATTR_FAMILY_ID) : NULL;
    if (!id || content_size(id) < sizeof group->family)
        return PYR_E_UNSUPPORTED;
    memcpy(&group->family, content(id), sizeof group->family);
    return 0;
}

static int open_netlink(struct pyr_group *group)
{
    if (group->netlink_fd >= 0)
        return 0;
    group->netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    return group->netlink_fd < 0 ? PYR_E_UNSUPPORTED : find_family(group);
}

static int ask_slices(struct pyr_group *group, pid_t pid, uint64_t *slices)
{
    struct message answer;
    const uint32_t number = (uint32_t)pid;
    int rc = open_netlink(group);
    if (rc < 0)
        return rc;
    ssize_t size =
        ask(group, group->family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_TGID, &number, sizeof number, &answer);
    const struct nlattr *whole = size > 0 ? find_attribute(answer.body, (size_t)size, TASKSTATS_TYPE_AGGR_TGID) : NULL;
    const struct nlattr *stats =
        whole ? find_attribute(content(whole), content_size(whole), TASKSTATS_TYPE_STATS) : NULL;
    const size_t at = offsetof(struct taskstats, cpu_count);
    if (!stats || content_size(stats) < at + sizeof *slices)
        return PYR_E_UNSUPPORTED;
    memcpy(slices, content(stats) + at, sizeof *slices);
    return *slices ? 0 : PYR_E_UNSUPPORTED; /* a kernel that does not count */
}

int pyr_group_slices(struct pyr_group *group, pid_t pid, uint64_t *slices)
{
    if (group->no_slices)
        return PYR_E_UNSUPPORTED;
    int rc = ask_slices(group, pid, slices);
    group->no_slices = rc < 0;
    return rc;
}

int pyr_group_run_ns(pid_t pid, uint64_t *run_ns)
{
    struct timespec used;
    if (clock_gettime((clockid_t)((~(unsigned)pid << 3) | CPU_CLOCK_OF_PROCESS), &used) != 0)
        return PYR_E_GONE;
    *run_ns = (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
    return 0;
}

int pyr_group_runnable(struct pyr_group *group, uint64_t *count)
{
    char text[128];
    if (group->load_fd < 0)
        group->load_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    ssize_t got = group->load_fd < 0 ? -1 : pread(group->load_fd, text, sizeof text - 1, 0);
    if (got <= 0)
        return PYR_E_UNSUPPORTED;
    text[got] = 0;
    char *slash = strchr(text, '/');
    while (slash && slash > text && slash[-1] != ' ')
        slash--;
    if (!slash)
        return PYR_E_UNSUPPORTED;
    *count = strtoull(slash, NULL, 10);
    return 0;
}

void pyr_group_close(struct pyr_group *group)
{
    if (group->netlink_fd >= 0)
        close(group->netlink_fd);
    if (group->load_fd >= 0)
        close(group->load_fd);
    *group = PYR_GROUP_CLOSED;
}
