#!/bin/bash
# What an exception, or the end of a thread, finds on its way out of scopes: C++, and C that is compiled with -fexceptions.
. tests/check.inc
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ulimit -c 0

builds()
{
    "$@" -Wall -Wextra -Werror -O2 -I scope build/libtaskscope.a -lhwloc -pthread
}

# ends_well PROGRAM ARGUMENT...: with each number of workers.
ends_well()
{
    local workers
    for workers in 1 2 4; do
        SCOPE_NUM_WORKERS=$workers timeout 60 "$@" || { echo "$* with $workers workers: $?"; return 1; }
    done
}

# aborts PROGRAM CASE: with a word of the library's, or, on a thread of the pool, where nobody catches, of the C++ library's.
aborts()
{
    local workers status
    for workers in 1 2; do
        SCOPE_NUM_WORKERS=$workers timeout 60 "$@" > "$tmp/out" 2>&1
        status=$?
        cat "$tmp/out"
        ((status == 134)) && ! grep -q '^caught' "$tmp/out" || return 1
        grep -q '^taskscope: an exception, pthread_exit or pthread_cancel has left a task' "$tmp/out" ||
            { ((workers > 1)) && grep -q '^terminate called\|^libc++abi: terminating' "$tmp/out"; } || return 1
    done
}

cat > "$tmp/unwind.c" << 'END'
#include <pthread.h>
#include <taskscope.h>
#include <unistd.h>
static int ran, scopes;
static int counts(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    usleep(200);
    __atomic_fetch_add(&ran, 1, __ATOMIC_RELAXED);
    return 0;
}
static int exits(struct scope *s, void *arg)
{
    if (scopes++ < 5)
        return scope_run(exits, arg);
    SCOPE (block, NULL, NULL) {
        scope_spawn(s, counts, NULL);
        scope_spawn(block, counts, NULL);
        pthread_exit(&ran);
    }
    return 1;
}
static void *thread_main(void *arg)
{
    scope_run(exits, arg);
    return NULL;
}
int main(void)
{
    pthread_t thread;
    void *result;
    if (pthread_create(&thread, NULL, thread_main, NULL) != 0 || pthread_join(thread, &result) != 0)
        return 1;
    int counted = ran;
    usleep(10000);
    return result == &ran && counted >= 1 && counted == ran && scopes == 6 ? 0 : 2;
}
END

for compiler in gcc clang-14 clang-19; do
    check "unwind_${compiler}_builds" builds $compiler -std=c11 -D_GNU_SOURCE -fexceptions "$tmp/unwind.c" -o "$tmp/unwind_c"
    check "unwind_${compiler}_fexceptions_joined" ends_well "$tmp/unwind_c"
done
for compiler in g++ clang++-14 clang++-19; do
    check "unwind_${compiler}_builds" builds $compiler -std=c++17 tests/unwind.cpp -o "$tmp/unwind"
    for case in bodies blocks thread; do
        check "unwind_${compiler}_${case}_joined" ends_well "$tmp/unwind" $case
    done
    for case in task inner_task fork2 typed dispose for invoke reduce filter sort sort_later sort_unstable merge pipeline; do
        check "unwind_${compiler}_${case}_aborts" aborts "$tmp/unwind" $case
    done
done
check_done
