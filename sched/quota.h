/* The CPU quota of the cgroups that the process is in: how much processor time they may use, over all their processors. */
#ifndef SCHED_QUOTA_H
#define SCHED_QUOTA_H

#include <limits.h>
#include <stdint.h>

/* run_us of processor time in every period_us. */
struct quota {
    uint64_t run_us;
    uint64_t period_us;  /* 0: there is no quota */
    char file[PATH_MAX]; /* that says so */
};

/* The tightest quota of all enclosing groups, in cgroup v1 and v2.  root: a folder that holds proc/ and sys/; "": the real one.
 * What is missing, unreadable or not understood counts as no quota. */
void scopei_quota_read(const char *root, struct quota *quota);

/* How many processors it keeps busy, rounded up: at least 1, and UINT_MAX if there is no quota. */
unsigned scopei_quota_cpus(const struct quota *quota);

#endif
