#!/bin/bash
# The library on other processors: cross-built without a warning, and tests run under qemu-user with 2 workers.  Says nothing about
# their memory orders: qemu runs on this processor, with its order.  hwloc is tests/cross_hwloc.c.
. tests/check.inc
# None that forks a process with threads: the child dies of an assertion of qemu 7.2.
tests=(deque_owner sched_spare sched_timer scope_cancel scope_copy scope_for scope_pipeline scope_typed
    scenario_01_join scenario_17_nested_errors)

# The host's hwloc.h, which is the same on all 64-bit machines; not from /usr/include, where the host's libc is.
headers()
{
    local config
    config=$(gcc -M -x c - <<< '#include <hwloc/autogen/config.h>' | grep -o '/[^ ]*/autogen/config\.h') &&
        mkdir -p "$1/hwloc/autogen" && cp /usr/include/hwloc.h "$1" && cp /usr/include/hwloc/*.h "$1/hwloc" &&
        cp "$config" "$1/hwloc/autogen"
}

builds()
{
    local folder=build/cross/$1 programs
    programs=("${tests[@]/#/$folder/tests/}")
    headers "$folder/include" &&
        make --no-print-directory -j"${JOBS:-2}" B="$folder" CC="$1-linux-gnu-gcc" AR="$1-linux-gnu-ar" \
            CFLAGS="-O2 -isystem $folder/include" LIBS="$folder/tests/cross_hwloc.o -pthread" \
            "$folder/tests/cross_hwloc.o" "${programs[@]}"
}

runs()
{
    CHECK_SLOW=1 SCOPE_NUM_WORKERS=2 timeout 120 "qemu-$1" -L "/usr/$1-linux-gnu" "build/cross/$1/tests/$2"
}

for machine in aarch64 riscv64; do
    if ! command -v "$machine-linux-gnu-gcc" "qemu-$machine" > /dev/null; then
        skip "cross_$machine" "no $machine-linux-gnu-gcc, or no qemu-$machine"
        continue
    fi
    check "cross_${machine}_builds" builds $machine
    [[ -e build/cross/$machine/tests/${tests[-1]} ]] || continue
    for test in "${tests[@]}"; do
        check "cross_${machine}_${test}_passes" runs $machine "$test"
    done
done
check_done
