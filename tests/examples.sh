#!/bin/bash
# Each example, with 1, 2, 4 and 32 workers: it checks its own result, and takes at most 80 lines.
. tests/check.inc

runs()
{
    for workers in 1 2 4 32; do
        SCOPE_NUM_WORKERS=$workers timeout 60 "build/examples/$1" || { echo "with $workers workers: exit status $?"; return 1; }
    done
}

short()
{
    local lines
    lines=$(wc -l < "examples/$1.c")
    ((lines <= 80)) || { echo "$lines lines"; return 1; }
}

for source in examples/*.c; do
    example=$(basename "$source" .c)
    [[ $example != treepack* ]] || continue
    check "example_${example}_runs" runs "$example"
    check "example_${example}_is_short" short "$example"
done
check_done
