#!/bin/bash
# The names that the archive gives to a program that links it.
. tests/check.inc

# Compilers add a reference of their own, since the library has cleanups.
only_our_prefixes()
{
    ! nm -g --defined-only build/libtaskscope.a | awk 'NF == 3 {print $3}' |
        grep -vE '^scopei?_|^DW\.ref\.__gcc_personality_v0$'
}

# Every function that the public header declares, the inline ones too, is in the archive, and nothing else is public.
header_and_archive_agree()
{
    diff <(gcc -E -P -I scope -x c scope/taskscope.h | tr '\n' ' ' | tr ';}' '\n\n' | grep -v typedef |
        grep -oE '\bscope_[a-z_0-9]+ *\(' | tr -d ' (' | sort -u) \
        <(nm -g --defined-only build/libtaskscope.a | awk 'NF == 3 && $3 ~ /^scope_/ {print $3}' | sort -u)
}

# No thread, file or allocation before the first call.
no_constructors()
{
    ! objdump -h build/libtaskscope.a | grep -E '\.(ctors|init_array)'
}

# What the process shares, and nothing else can be written: OBJECT NAME, and why.
writable_globals_are_listed()
{
    diff <(objdump -t build/libtaskscope.a | awk '/file format/ {object = $1; sub(":", "", object)}
        NF >= 5 && $(NF - 2) ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*|COMMON)/ && $(NF - 2) !~ /^\.data\.rel\.ro/ && $NF !~ /^\./ {
            sub(/\.[0-9]+$/, "", $NF); print object, $NF}' | sort) \
        <(sed 's/ *#.*//' << 'END' | sort
pool.o registry        # all pools, which a canceller visits and fork_child forgets
os.o barrier_wanted    # that somebody relies on membarrier
pool.o process_once    # for the three below
pool.o fork_watched    # to leave the locks whole in a child
pool.o end_key         # to notice a thread that ends inside a scope
pool.o end_watched
timer.o timers         # the list for the one thread that fires timers
worker.o scopei_self   # thread-local: the thread's worker
pipeline.o open_gate   # its address alone
debug.o lock           # SCOPE_DEBUG: of the two below
debug.o seen           # SCOPE_DEBUG: places that have been warned of
debug.o count
debug.o low            # SCOPE_DEBUG, thread-local: where the thread's stack lies
debug.o size
END
)
}

# secure_getenv instead, which sees nothing in a process with privileges; tests/hardening.sh has what is behind hwloc.
# And no function that writes without a bound, or makes predictable names; by fortified and versioned names neither.
no_careless_functions()
{
    ! nm -u build/libtaskscope.a | awk '{print $2}' | sed 's/^__\(.*\)_chk$/\1/; s/^__isoc[0-9]*_//' |
        grep -xE 'getenv|setenv|putenv|system|popen|exec[lv].*|dlopen|gets|v?sprintf|str(n?cpy|cat|ncat|tok)|v?[fs]?scanf|tmpnam|mktemp|rand'
}

check symbols_global_prefixed only_our_prefixes
check symbols_header_matches_archive header_and_archive_agree
check symbols_load_runs_nothing no_constructors
check symbols_writable_listed writable_globals_are_listed
check symbols_careless_none no_careless_functions
check_done
