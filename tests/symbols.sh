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

check symbols_global_prefixed only_our_prefixes
check symbols_header_matches_archive header_and_archive_agree
check symbols_load_runs_nothing no_constructors
check_done
