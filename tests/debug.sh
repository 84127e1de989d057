#!/bin/bash
# The tests of scopes, and the examples, compiled with SCOPE_DEBUG: all pass, and no argument is warned of, since all are right.
. tests/check.inc
sources=(tests/{scope,scenario}_*.c examples/*.c)
programs=()
for source in "${sources[@]}"; do
    [[ $source == examples/treepack* ]] || programs+=("build/debug/${source%.c}")
done

builds()
{
    make --no-print-directory -j"${JOBS:-2}" B=build/debug CFLAGS='-O0 -DSCOPE_DEBUG' "${programs[@]}"
}

runs()
{
    local output status
    output=$(CHECK_SLOW=1 SCOPE_NUM_WORKERS=4 timeout 120 "$1" 2>&1)
    status=$?
    echo "$output" | grep -v '^ok\|^# run\|^1\.\.'
    ((status == 0)) && [[ $output != *"taskscope: warning"* ]]
}

check debug_builds builds
for program in "${programs[@]}"; do
    check "debug_${program##*/}_passes" runs "$program"
done
check_done
