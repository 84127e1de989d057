#!/bin/bash
# The library and one scenario compile without a warning, link and run: each compiler, -O2 and -O3, with and without link-time
# optimization.  At -O2 without it the examples compile, too.
. tests/check.inc
scenario=$(ls tests/scenario_*.c | head -n 1)
scenario=${scenario%.c}

builds_and_runs()
{
    local folder=$1 programs=("$1/$scenario")
    shift
    [[ $* != *=-O2 ]] || programs+=(all)
    make --no-print-directory -j"${JOBS:-2}" B="$folder" "$@" "${programs[@]}" &&
        SCOPE_NUM_WORKERS=2 timeout 120 "$folder/$scenario"
}

for compiler in gcc clang-14 clang-19; do
    [[ $compiler == gcc ]] && ar=gcc-ar || ar=llvm-ar-${compiler#clang-}
    for level in O2 O3; do
        for lto in "" -flto; do
            name=${compiler}_$level${lto:+_lto}
            check "build_${name}_runs" builds_and_runs "build/compilers/$name" CC=$compiler AR=$ar CFLAGS="-$level${lto:+ $lto}"
        done
    done
done
check_done
