#!/bin/bash
# The library under all interleavings, as far as MODEL_STEPS go (tests/model; scenarios without a pool are short, so they get 8
# times as many); and the proof that this finds mistakes: each memory
# order of the lines that match MUTANTS taken away ('.' for all of them, which takes long), and known mistakes put in.
set -u
cd "$(dirname "$0")/.." || exit
{
    make explorer 2>&1 || echo "not ok - the explorer is built"
    small="litmus deque parker cancel_callback part mark token node"
    build/model/explorer --steps $((8 * ${MODEL_STEPS:-400000})) $small
    build/model/explorer --steps "${MODEL_STEPS:-400000}" join wake cancel_{body,failed,open} pool_destroy
    tests/model/mutants.pl build/model/explorer "${MUTANTS:-^deque/}" "${MUTANT_STEPS:-1000000}"
    tests/model/seeds.pl "${MUTANT_STEPS:-1000000}"
} | awk '
    /^1\.\./ { next }
    match($0, /^(not )?ok/) { sub(/ok( [0-9]+)?/, "ok " ++count) }
    { print }
    END { print "1.." count }'
