#!/bin/bash
# The archive that ships, under valgrind.  memcheck, with 2 workers: memory that is read before it was written, which no
# sanitizer of the other columns sees, and leaks.  drd: timers, the one part that has locks and nothing else; neither drd nor
# helgrind understands C11 atomics, so all else would be false alarms.  (helgrind complains of glibc's own pthread_cond_timedwait.)
. tests/check.inc
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# valgrind runs one thread at a time, and unless it is to be fair one that spins may keep a timer from its turn for minutes.
fair=--fair-sched=try

# What threads of the default pool hold, which runs when the program ends, is `possibly lost`.
memory_clean()
{
    SCOPE_NUM_WORKERS=2 timeout 120 valgrind -q $fair --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect \
        --errors-for-leak-kinds=definite,indirect "$1"
}

locks_clean()
{
    timeout 120 valgrind -q $fair --tool=drd --report-signal-unlocked=no --error-exitcode=9 "$1"
}

finds_unwritten()
{
    cat > "$tmp/unwritten.c" << 'END'
#include <stdlib.h>
#include <taskscope.h>
static int task(struct scope *s, void *arg)
{
    int *n = arg;
    return n[1] == 5 && scope_cancelled(s) ? 1 : 0;
}
static int body(struct scope *s, void *arg)
{
    return scope_spawn_copy(s, task, arg, 40);
}
int main(void)
{
    int *half = malloc(40);
    half[0] = 1;
    int status = scope_run(body, half);
    free(half);
    return status != SCOPE_OK;
}
END
    gcc -g -I scope -o "$tmp/unwritten" "$tmp/unwritten.c" build/libtaskscope.a -lhwloc -pthread &&
        ! memory_clean "$tmp/unwritten" > "$tmp/found" 2>&1 && cat "$tmp/found" && grep -q uninitialised "$tmp/found"
}

finds_unlocked()
{
    sed '/^void scopei_timer_disarm/,/^}/ s/.*pthread_mutex_.*//' sched/timer.c > "$tmp/timer.c" &&
        gcc -g -D_GNU_SOURCE -iquote . -o "$tmp/timer" tests/sched_timer.c "$tmp/timer.c" build/libtaskscope.a -lhwloc -pthread &&
        ! locks_clean "$tmp/timer" > "$tmp/found" 2>&1 && cat "$tmp/found" && grep -q 'Conflicting' "$tmp/found"
}

check valgrind_memcheck_finds_unwritten finds_unwritten
for program in examples/{gather,nested,pipeline,race,service,timeout} tests/{deque_owner,scope_copy,scope_fail}; do
    check "valgrind_memcheck_${program##*/}_clean" memory_clean "build/$program"
done
check valgrind_drd_finds_unlocked finds_unlocked
check valgrind_drd_sched_timer_clean locks_clean build/tests/sched_timer
check_done
