#!/bin/bash
# A user's program with the public header: each compiler, as C11, C17 and C++17, without a warning, linked and run.
. tests/check.inc
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

use_header()
{
    "$@" -pedantic -Wall -Wextra -Wshadow -Werror -O2 -I scope tests/header_use.c -x none build/libtaskscope.a \
        -lhwloc -pthread -o "$tmp/use" && "$tmp/use"
}

# The example in the header's overview, as it stands there.
overview_example()
{
    sed -n '/^ \*     #include/,/^ \* scope_run runs/p' scope/taskscope.h | sed '$d; s/^ \* *$//; s/^ \*     //' \
        > "$tmp/overview.c"
    gcc -std=c11 -Wall -Wextra -Werror -I scope "$tmp/overview.c" build/libtaskscope.a -lhwloc -pthread -o "$tmp/overview" &&
        [[ $("$tmp/overview") == 64 ]]
}

# What the header has only inline is in the archive, too.
inline_defined()
{
    local name missing=
    for name in $(sed -nE 's/^SCOPEI_INLINE .*[ *](\w+)\(.*/\1/p' scope/taskscope.h | sort -u); do
        nm -g --defined-only build/libtaskscope.a 2> /dev/null | grep -q " T $name$" || missing+=" $name"
    done
    [[ -n $name && -z $missing ]] || { echo "not in build/libtaskscope.a:$missing"; return 1; }
}

for compiler in gcc clang-14 clang-19; do
    for std in c11 c17; do
        check "header_${compiler}_${std}_runs" use_header $compiler -std=$std -x c
    done
done
for compiler in g++ clang++-14 clang++-19; do
    check "header_${compiler}_c++17_runs" use_header $compiler -std=c++17 -x c++
done
for compiler in gcc clang-14 clang-19; do
    check "header_${compiler}_debug_runs" use_header $compiler -std=c11 -DSCOPE_DEBUG -x c
done
for compiler in g++ clang++-14 clang++-19; do
    check "header_${compiler}_c++17_debug_runs" use_header $compiler -std=c++17 -DSCOPE_DEBUG -x c++
    check "header_${compiler}_c++20_runs" use_header $compiler -std=c++20 -x c++
done
check header_overview_example_runs overview_example
check header_inline_functions_in_archive inline_defined
check_done
