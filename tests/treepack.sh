#!/bin/bash
# The archiver, from outside: tests/treepack.sh [BINARY], by default build/treepack.  Needs tar, gzip and sha256sum only.
# Files that change while they are read: treepack is stopped (SIGSTOP) when its first output appears, with -m so small
# that it can't have read far; then the file is changed, and it goes on.
. "$(dirname "$0")/check.inc"
treepack=$(realpath "${1:-build/treepack}")
tmp=$(mktemp -d)
trap 'chmod -R u+rwx "$tmp"; rm -rf "$tmp"' EXIT
cd "$tmp" || exit

# expect STATUS ARGUMENT...: runs treepack, with its output in out and err.
expect()
{
    local want=$1 status
    shift
    timeout -k 1 30 "$treepack" "$@" > out 2> err
    status=$?
    ((status == want)) || { echo "exit status $status, not $want; treepack $*"; cat out err; return 1; }
}

# verify NAME DIR: NAME.tar.gz and NAME.sha256 hold what is in DIR.
verify()
{
    gzip -t "$1.tar.gz" && tar --compare -zf "$1.tar.gz" -C "$2" &&
        (cd "$2" && sha256sum --quiet --strict -c) < "$1.sha256"
}

# lists_all NAME DIR: every regular file of DIR is in the list once.
lists_all()
{
    [[ $(wc -l < "$1.sha256") == $(find "$2" -type f -printf x | wc -c) ]]
}

# left NAME...: the files that begin with o are these and no others.
left()
{
    local found
    found=$(find . -maxdepth 1 -name 'o*' ! -name out -printf '%f\n' | sort | xargs)
    [[ $found == "$*" ]] || { echo "left behind: '$found', not '$*'"; return 1; }
}

said()
{
    grep -qE -- "$1" err || { echo "no '$1' in:"; cat err; return 1; }
}

# start ARGUMENT...: runs treepack in the background until it has written something, and stops it there.
start()
{
    "$treepack" "$@" > out 2> err &
    pid=$!
    until [[ -s $(echo o*.tar.gz.*) ]]; do
        kill -0 $pid 2> /dev/null || { echo "ended too early: $*"; cat err; return 1; }
    done
    kill -STOP $pid
}

# finish STATUS [SIGNAL]: lets it go on, with that signal pending, for at most 20 s.
finish()
{
    local want=$1 status
    kill -${2:-CONT} $pid
    kill -CONT $pid
    for i in {1..400}; do
        kill -0 $pid 2> /dev/null || break
        sleep 0.05
    done
    kill -KILL $pid 2> /dev/null
    wait $pid
    status=$?
    ((status == want)) || { echo "exit status $status, not $want"; cat out err; return 1; }
}

noise()
{
    head -c "$1" /dev/urandom
}

# ------------------------------------------------------------------------------------------------------------- Trees
make_weird()
{
    local x200 y120 z300
    x200=$(printf 'x%.0s' {1..200}) y120=$(printf 'y%.0s' {1..120}) z300=$(printf 'z%.0s' {1..300})
    mkdir -p "weird/$x200/$x200" weird/directory weird/sealed
    echo deep > "weird/$x200/$x200/$y120"
    echo long > "weird/$y120"
    : > weird/empty
    for name in 'a b' $'new\nline' 'back\slash' $'carriage\rreturn' ünïcode $'not\xffutf8' '-dash' ' ' '*'; do
        echo "$name" > "weird/$name"
    done
    for size in 1 511 512 513 65536 65537 261632 262143 262144 262145 1000000; do
        noise $size > weird/size-$size
    done
    head -c 3000000 /dev/zero > weird/zeros
    ln weird/size-1000000 weird/linked
    ln weird/size-511 weird/directory/linked
    ln -s "$z300" weird/dangling
    ln -s loop-b weird/loop-a
    ln -s loop-a weird/loop-b
    ln -s .. weird/directory/up
    ln -s "$x200/$x200/$y120" weird/symlink
    mkfifo weird/fifo
    chmod 4755 weird/size-1
    chmod 700 weird/sealed
    touch -d '1970-01-02 UTC' weird/empty
}

make_many()
{
    mkdir many
    for i in {1..12}; do
        mkdir many/$i
        for j in {1..60}; do
            seq $i $((i * j * 7)) > many/$i/$j
        done
    done
    noise 5000000 > many/big
}

# ------------------------------------------------------------------------------------------------------------- Tests
weird_tree_round_trips()
{
    expect 0 -o o1.tar.gz weird && verify o1 weird && lists_all o1 weird && left o1.sha256 o1.tar.gz &&
        ! grep -q . err && [[ $(tar tzf o1.tar.gz | wc -l) == $(find weird -printf x | wc -c) ]]
}

hard_links_are_restored()
{
    mkdir restored && tar xzf o1.tar.gz -C restored && [[ restored/linked -ef restored/size-1000000 ]] &&
        [[ restored/directory/linked -ef restored/size-511 ]]
}

workers_make_no_difference()
{
    local w
    for w in 1 2 4 32; do
        expect 0 -o o$w.tar.gz -w $w many || return
        cmp o1.tar.gz o$w.tar.gz && cmp o1.sha256 o$w.sha256 || return
    done
    expect 0 -o o5.tar.gz -w 3 -m 16 many && cmp o1.tar.gz o5.tar.gz && verify o1 many && lists_all o1 many
}

levels_make_a_difference()
{
    local l
    for l in 0 1 9; do
        expect 0 -o o$l.tar.gz -l $l many && verify o$l many || return
    done
    (($(stat -c %s o0.tar.gz) > $(stat -c %s o1.tar.gz) && $(stat -c %s o1.tar.gz) > $(stat -c %s o9.tar.gz)))
}

empty_directory_round_trips()
{
    mkdir nothing && expect 0 -o o.tar.gz nothing && gzip -t o.tar.gz && tar --compare -zf o.tar.gz -C nothing &&
        [[ $(tar tzf o.tar.gz) == ./ && -e o.sha256 && ! -s o.sha256 ]]
}

default_name_is_the_directorys()
{
    mkdir -p here/omega && echo 1 > here/omega/1 && expect 0 here/omega/ && verify omega here/omega &&
        left omega.sha256 omega.tar.gz && (cd here/omega && expect 1 .) && [[ -e here/omega/omega.tar.gz ]]
}

# The file is ten times as large as the limit; the peak is what the kernel noted while it ran.
memory_stays_bounded()
{
    local peak=0 seen
    mkdir -p large && { noise 40000000; head -c 120000000 /dev/zero; } > large/file
    "$treepack" -m $1 -w $2 -l 1 -o o.tar.gz large > out 2> err &
    pid=$!
    while seen=$(awk '/VmHWM/ { print $2 }' /proc/$pid/status 2> /dev/null) && [[ -n $seen ]]; do
        peak=$seen
    done
    wait $pid && verify o large && ((peak > 1000 && peak < $1 * 1024)) || { echo "peak $peak kB"; cat err; return 1; }
}

slow_file()
{
    rm -rf slow
    mkdir slow && noise 20000000 > slow/file && echo 1 > slow/last
}

shrunk_file_is_padded_and_told()
{
    slow_file && start -m 16 -w $1 -o o.tar.gz slow && truncate -s 5000000 slow/file && finish 1 &&
        said 'slow/file: it shrank while it was read' && gzip -t o.tar.gz &&
        [[ $(cut -c 67- o.sha256) == ./last ]] && tar xzf o.tar.gz -O ./file | cmp -n 5000000 - slow/file &&
        tar xzf o.tar.gz -O ./file | tail -c 4000000 | cmp -n 4000000 - /dev/zero &&
        [[ $(tar xzf o.tar.gz -O ./last) == 1 ]] && left o.sha256 o.tar.gz
}

grown_file_is_told()
{
    slow_file && cp slow/file copy && start -m 16 -o o.tar.gz slow && echo more >> slow/file && finish 1 &&
        said 'slow/file: it changed while it was read' && tar xzf o.tar.gz -O ./file | cmp - copy &&
        [[ $(cut -c 67- o.sha256) == ./last ]]
}

vanished_file_is_told()
{
    slow_file && start -m 16 -o o.tar.gz slow && rm slow/last && finish 1 && said 'slow/last: .*vanished' &&
        verify o slow && [[ $(cut -c 67- o.sha256) == ./file ]]
}

file_of_unknown_size_is_told()
{
    expect 1 -o o.tar.gz /proc/sys/kernel/random &&
        said 'random/uuid: it changed' && gzip -t o.tar.gz
}

# Runs without root's right to read everything.
unreadable_file_is_told()
{
    mkdir -p secret/closed && echo 1 > secret/key && echo 2 > secret/open && chmod 0 secret/key secret/closed &&
        expect 1 -o o.tar.gz secret && said 'secret/key: Permission denied' && said 'secret/closed: Permission denied' &&
        [[ $(cut -c 67- o.sha256) == ./open ]] && [[ $(tar xzf o.tar.gz -O ./open) == 2 ]] &&
        expect 3 --strict -o ostrict.tar.gz secret && said 'nothing was written' && left o.sha256 o.tar.gz
}

# The kernel takes no path of more than 4095 bytes; mkdir and cd get there in steps.
too_long_path_is_told()
{
    local name
    name=$(printf 'n%.0s' {1..250})
    (
        mkdir long && cd long && echo 1 > file || exit
        for i in {1..17}; do
            mkdir $name && cd -P ./$name 2> /dev/null || exit
        done
    )
    expect 1 -o o.tar.gz long && said 'long/n*.*: File name too long' && gzip -t o.tar.gz &&
        [[ $(cut -c 67- o.sha256) == ./file ]] && (($(tar tzf o.tar.gz | wc -l) == 18))
}

output_inside_is_left_out()
{
    mkdir inside && echo 1 > inside/file && expect 1 -o inside/o.tar.gz inside && said 'inside/o.tar.gz: it lies in the directory' &&
        [[ $(tar tzf inside/o.tar.gz | xargs) == './ ./file' ]] && expect 1 -o inside/o.tar.gz inside &&
        [[ $(tar tzf inside/o.tar.gz | xargs) == './ ./file' ]] &&
        [[ $(echo inside/*) == "$(echo inside/{file,o.sha256,o.tar.gz})" ]]
}

strict_stops_for_a_changed_file()
{
    slow_file && start --strict -m 16 -o o.tar.gz slow && truncate -s 5000000 slow/file && finish 3 &&
        said 'slow/file: it shrank' && left
}

full_disk_leaves_nothing()
{
    ulimit -f 1000 && expect 3 -o o.tar.gz slow && said 'o.tar.gz: File too large' && said 'nothing was written' && left
}

full_file_system_leaves_nothing()
{
    expect 3 -o small/o.tar.gz slow && said 'small/o.tar.gz: No space left on device' && [[ -z $(ls -A small) ]]
}

device_is_no_output()
{
    expect 3 -o /dev/full many && said '/dev/full: .*not a regular file' && [[ -c /dev/full ]]
}

missing_place_is_told()
{
    expect 3 -o no/where.tar.gz many && said 'no/where.tar.gz: No such file'
}

# $1 the signal, $2 the exit status, $3 workers.  Packing it all would take a minute.  What was there before stays.
signal_leaves_nothing()
{
    rm -rf o* && echo old > o.tar.gz && mkdir -p huge && truncate -s 20G huge/file &&
        start -m 16 -w $3 -o o.tar.gz huge && finish $2 $1 && said 'nothing was written' && left o.tar.gz &&
        [[ $(cat o.tar.gz) == old ]]
}

deadline_leaves_nothing()
{
    rm -rf o* && mkdir -p huge && truncate -s 20G huge/file && expect 4 --deadline 0.3 -o o.tar.gz huge &&
        said 'deadline' && left
}

deadline_not_reached_is_harmless()
{
    expect 0 --deadline 60 -o o.tar.gz weird && verify o weird
}

bar_is_for_terminals()
{
    # Long enough to be drawn: once in 0.1 s.
    slow_file && expect 0 -o o.tar.gz slow && ! grep -q $'\r' out err &&
        TERM=dumb script -qec "'$treepack' -l 9 -o o.tar.gz slow" /dev/null < /dev/null > terminal &&
        grep -qaE '%.*files.*MB.*MB/s.*left' terminal && grep -qa '2 files, 20.0 MB' terminal
}

# refused MESSAGE ARGUMENT...
refused()
{
    local message=$1
    shift
    expect 2 "$@" && said "$message" && left
}

make_weird
make_many
check treepack_weird_tree_round_trips weird_tree_round_trips
check treepack_hard_links_are_restored hard_links_are_restored
check treepack_workers_make_no_difference workers_make_no_difference
check treepack_levels_make_a_difference levels_make_a_difference
rm -f o*.tar.gz o*.sha256
check treepack_empty_directory_round_trips empty_directory_round_trips
rm -f o*.tar.gz o*.sha256
check treepack_default_name_is_the_directorys default_name_is_the_directorys
rm -f o*.tar.gz o*.sha256
check treepack_memory_stays_below_16_mib memory_stays_bounded 16 2
check treepack_memory_stays_below_64_mib memory_stays_bounded 64 32
rm -rf large
check treepack_file_that_shrinks_is_padded_1_worker shrunk_file_is_padded_and_told 1
check treepack_file_that_shrinks_is_padded_4_workers shrunk_file_is_padded_and_told 4
check treepack_file_that_grows_is_told grown_file_is_told
check treepack_file_that_vanishes_is_told vanished_file_is_told
check treepack_file_of_unknown_size_is_told file_of_unknown_size_is_told
check treepack_path_too_long_is_told too_long_path_is_told
check treepack_output_inside_is_left_out output_inside_is_left_out
rm -f o*.tar.gz o*.sha256
check treepack_strict_stops_for_a_changed_file strict_stops_for_a_changed_file
check treepack_full_disk_leaves_nothing full_disk_leaves_nothing
if [[ $(id -u) == 0 ]] && mkdir small && mount -t tmpfs -o size=1m treepack small 2> /dev/null; then
    check treepack_full_file_system_leaves_nothing full_file_system_leaves_nothing
    umount small
else
    skip treepack_full_file_system_leaves_nothing "only root can mount a small file system"
fi
check treepack_device_is_no_output device_is_no_output
check treepack_missing_place_is_told missing_place_is_told
check treepack_sigint_leaves_nothing signal_leaves_nothing INT 130 2
check treepack_sigterm_leaves_nothing signal_leaves_nothing TERM 143 1
check treepack_sighup_leaves_nothing signal_leaves_nothing HUP 129 4
check treepack_deadline_leaves_nothing deadline_leaves_nothing
check treepack_deadline_not_reached_is_harmless deadline_not_reached_is_harmless
if command -v script > /dev/null; then
    check treepack_bar_is_for_terminals bar_is_for_terminals
else
    skip treepack_bar_is_for_terminals "no script(1)"
fi
rm -f o*.tar.gz o*.sha256
check treepack_no_directory_is_refused refused 'DIR: is missing'
check treepack_two_directories_are_refused refused 'only one DIR' weird many
check treepack_missing_directory_is_refused refused 'nowhere: No such file' nowhere
check treepack_file_as_directory_is_refused refused 'Not a directory' many/big
for bad in '-l 10' '-l x' '-l -1' '-w 513' '-w 1x' '-m 15' '-m 99999999999999999999' '--deadline 0' '--deadline soon' \
    '--deadline nan'; do
    check "treepack_refuses_${bad// /_}" refused "${bad#* }: the .* must be" $bad weird
done
check treepack_unknown_option_is_refused refused 'help' --frobnicate weird
check treepack_empty_output_name_is_refused refused '-o: ' -o '' weird
check treepack_help_is_given expect 0 --help
if [[ $(id -u) != 0 ]]; then
    check treepack_unreadable_file_is_told unreadable_file_is_told
elif command -v setpriv > /dev/null; then
    # As nobody, in a place of its own, with a copy of the program.
    mkdir nobody && cp "$treepack" nobody/.treepack && chown 65534 nobody && chmod 755 . && cd nobody &&
        treepack=$PWD/.treepack
    export -f unreadable_file_is_told expect said left
    export treepack
    check treepack_unreadable_file_is_told \
        setpriv --reuid=65534 --regid=65534 --clear-groups bash -c unreadable_file_is_told
else
    skip treepack_unreadable_file_is_told "root may read everything"
fi
check_done
