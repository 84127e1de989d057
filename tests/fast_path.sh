#!/bin/bash
# What a task costs that nobody steals: no locked instruction, no fence and no call of the library, for typed tasks, scope_fork2,
# and scope_run with scope_spawn; each compiler, -O2 and -O3.  Counted by callgrind on the programs of bench/fib.
# And how many instructions each kind of spawn costs with the task that it makes, in a long loop of them.
. tests/check.inc
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
N=20 TASKS=$((2 * 10945)) # fib(21) - 1 tasks in the warm-up run, and as many in the timed one

straight()
{
    local source=$1
    shift
    "$@" -DRUNTIME='""' -iquote . -I scope -no-pie "$source" bench/bench.c build/libtaskscope.a -lhwloc -pthread \
        -o "$tmp/fib" || return
    valgrind --tool=callgrind --callgrind-out-file="$tmp/out" --dump-instr=yes --compress-pos=no --compress-strings=no \
        "$tmp/fib" 1 1 $N > "$tmp/log" 2>&1 || { cat "$tmp/log"; return 1; }
    perl tests/fast_path.pl "$tmp/fib" "$tmp/out" $TASKS
}

# The check itself: with a locked instruction in the task, and with a call of the library, it must fail.
finds()
{
    local status=1
    sed "$1" bench/fib/typed.c > "$tmp/broken.c"
    cmp -s "$tmp/broken.c" bench/fib/typed.c || straight "$tmp/broken.c" gcc -O2 > "$tmp/found" || status=0
    cat "$tmp/found"
    ((status == 0)) && grep -q "$2" "$tmp/found"
}

cat > "$tmp/spawns.c" << 'END'
#include <stdlib.h>
#include <taskscope.h>
static long n, sum;
static struct pair { long a, b; } pair = {1, 2};
static int add(struct scope *s, void *arg)
{
    (void)s;
    sum += ((const struct pair *)arg)->a;
    return 0;
}
static const struct scope_task described = {.name = "add", .fn = add};
static const struct scope_task copied = {.name = "add", .fn = add, .copy = sizeof(struct pair)};
static int body(struct scope *s, void *arg)
{
    (void)arg, (void)described, (void)copied;
    for (long i = 0; i < n; i++)
        (void)SPAWN;
    return 0;
}
int main(int argc, char **argv)
{
    n = argc > 1 ? atol(argv[1]) : 0;
    return scope_run(body, NULL) != SCOPE_OK || sum != n;
}
END
instructions() # PROGRAM N
{
    SCOPE_NUM_WORKERS=1 valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : //p'
}

# At most so many, COMPILER, the call.  What was counted is half of that and more.
costs()
{
    "$2" -O2 -I scope -DSPAWN="$3" "$tmp/spawns.c" build/libtaskscope.a -lhwloc -pthread -o "$tmp/spawns" || return
    local none many each
    none=$(instructions "$tmp/spawns" 0) && many=$(instructions "$tmp/spawns" 20000) || return
    each=$(((many - none) / 20000))
    echo "$each instructions, at most $1 are allowed"
    ((each > 10 && each <= $1))
}

if [[ $(uname -m) != x86_64 ]]; then
    skip fast_path_straight "knows the instructions of x86-64 only"
else
    check fast_path_check_finds_lock finds 's/if (n < 2)/if (__atomic_fetch_add(\&fib_result, 1, 5) * 0 + n < 2)/' 'serializes'
    check fast_path_check_finds_call finds 's/if (n < 2)/if (scope_strerror(0) \&\& n < 2)/' 'function of the library'
    for compiler in gcc clang-14 clang-19; do
        for level in O2 O3; do
            for source in typed fork2 taskscope; do
                check "fast_path_${source}_${compiler}_${level}_straight" straight "bench/fib/$source.c" $compiler -$level
            done
        done
    done
    for compiler in gcc clang-19; do
        check "fast_path_spawn_costs_$compiler" costs 105 $compiler 'scope_spawn(s, add, &pair)'
        check "fast_path_spawn_copy_costs_$compiler" costs 160 $compiler 'scope_spawn_copy(s, add, &pair, sizeof(pair))'
        check "fast_path_spawn_task_costs_$compiler" costs 300 $compiler 'scope_spawn_task(s, &described, &pair)'
        check "fast_path_spawn_task_copy_costs_$compiler" costs 350 $compiler 'scope_spawn_task(s, &copied, &pair)'
    done
fi
check_done
