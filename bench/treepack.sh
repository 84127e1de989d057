#!/bin/bash
# How fast does treepack pack a tree, with one worker and with all; how fast is `tar | pigz`; and how fast is what does all that
# treepack does: that, the sums of all files, as many at a time as there are workers, and the archive on the disk?
#
#   bench/treepack.sh [DIR]       default: the one of a few directories of any Debian that is nearest to 100 MB
#
# Packs DIR into build/run/, verifies the archive with gzip -t, tar --compare and sha256sum -c, then times the four
# contenders in turn, ROUNDS times, and prints the median rates.  Environment: LEVEL, ROUNDS, WORKERS.
set -eu -o pipefail
LEVEL=${LEVEL:-6}
ROUNDS=${ROUNDS:-3}
WORKERS=${WORKERS:-$(nproc)}
out=build/run
treepack=$PWD/build/treepack

nearest_to_100_mb()
{
    { du -sm --apparent-size /usr/share /usr/share/{doc,locale,perl,perl5,vim,i18n,icons} /usr/include /usr/lib/gcc/*/* \
        /usr/lib/{gcc,python3,python3.*,git-core} 2> /dev/null || true; } |
        awk -F '\t' '{d = $1 < 100 ? 100 - $1 : $1 - 100; print d "\t" $2}' | sort -k1,1n -k2 | sed -n '1s/[^\t]*\t//p'
}

dir=$(realpath "${1:-$(nearest_to_100_mb)}")
name=$(basename "$dir")
mb=$(find "$dir" -type f -printf '%s\n' | awk '{sum += $1} END {printf "%.1f", sum / 1e6}')
mkdir -p "$out"
archive=$PWD/$out/$name.tar.gz

echo "Packing $dir: $(find "$dir" -type f | wc -l) files, $mb MB"
"$treepack" -l "$LEVEL" -o "$archive" "$dir"

echo "Verifying $archive, $(stat -c %s "$archive") bytes"
gzip -t "$archive"
echo "  gzip -t           good"
tar --compare -f "$archive" -C "$dir"
echo "  tar --compare     good"
(cd "$dir" && sha256sum --quiet -c "${archive%.tar.gz}.sha256")
echo "  sha256sum -c      good, $(wc -l < "${archive%.tar.gz}.sha256") files"

one() { "$treepack" -l "$LEVEL" -w 1 -o "$out/bench.tar.gz" "$dir" > /dev/null 2>&1; }
all() { "$treepack" -l "$LEVEL" -w "$WORKERS" -o "$out/bench.tar.gz" "$dir" > /dev/null 2>&1; }
pigz_() { tar -C "$dir" -cf - . | pigz -p "$WORKERS" -"$LEVEL" > "$out/bench.tar.gz"; }
same()
{
    pigz_
    (cd "$dir" && find . -type f -print0 | xargs -0 -n 64 -P "$WORKERS" sha256sum) > "$out/bench.sha256"
    sync "$out/bench.tar.gz"
}

echo "Timing, $ROUNDS rounds in turn, level $LEVEL"
rm -f "$out"/bench.*
for ((round = 0; round < ROUNDS; round++)); do
    for what in one all pigz_ same; do
        begin=$(date +%s%N)
        $what
        echo $(($(date +%s%N) - begin)) >> "$out/bench.$what"
    done
done

# rate CONTENDER: MB/s in its median round.
rate()
{
    sort -n "$out/bench.$1" | awk -v mb="$mb" '{t[NR] = $1} END {printf "%.1f", mb / (t[int((NR + 1) / 2)] / 1e9)}'
}
base=$(rate one)
row() { awk -v what="$1" -v rate="$2" -v base="$base" 'BEGIN {printf "  %-24s %8.1f   %5.2f x\n", what, rate, rate / base}'; }
echo
echo "                             MB/s   against 1 worker"
row "treepack, 1 worker" "$base"
row "treepack, $WORKERS workers" "$(rate all)"
row "tar | pigz -p $WORKERS" "$(rate pigz_)"
row "that, sha256sum, sync" "$(rate same)"
rm -f "$out"/bench.*
