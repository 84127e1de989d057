#!/bin/bash
# The library under all interleavings, as far as MODEL_STEPS go (tests/model; those of the deque are short, so they get 8 times as many;
# those of other pieces alone are many, a quarter, but two of them long, so 12 times as many); and the proof that this finds mistakes:
# each memory order of the lines that match MUTANTS taken away, and known mistakes put in.
set -u
cd "$(dirname "$0")/.." || exit
unset SCOPE_SEED SCOPE_NUM_WORKERS
{
    make explorer 2>&1 || echo "not ok - the explorer is built"
    steps=${MODEL_STEPS:-400000}
    build/model/explorer --steps $((8 * steps)) litmus deque parker cancel_callback
    build/model/explorer --steps $((steps / 4)) part mark token node pipe loop
    build/model/explorer --engine sc --steps $((12 * steps)) part_idle_down
    build/model/explorer --steps "$steps" join wake cancel_{body,failed,open} pool_destroy
    tests/model/mutants.pl build/model/explorer "${MUTANTS:-.}" "${MUTANT_STEPS:-500000}"
    tests/model/seeds.pl "${MUTANT_STEPS:-1000000}"
} | awk '
    /^1\.\./ { next }
    match($0, /^(not )?ok/) { sub(/ok( [0-9]+)?/, "ok " ++count) }
    { print }
    END { print "1.." count }'
