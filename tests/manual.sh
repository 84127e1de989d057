#!/bin/bash
# The manual pages: made from the header, one for every public call, without a complaint of groff's.
. tests/check.inc
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/man3"
perl scope/manual.pl 0 "$tmp/man3" scope/taskscope*.h

every_call_has_a_page()
{
    nm -g --defined-only build/libtaskscope.a | awk 'NF == 3 && $3 ~ /^scope_/ {print $3}' | sort -u > "$tmp/calls"
    [[ -s $tmp/calls ]] || return 1
    while read -r call; do
        [[ -e $tmp/man3/$call.3 ]] || { echo "no page for $call"; return 1; }
    done < "$tmp/calls"
    [[ -e $tmp/man3/SCOPE.3 && -e $tmp/man3/SCOPE_TASK.3 && -e $tmp/man3/SCOPE_RESULT.3 &&
        -e $tmp/man3/SCOPE_SORT.3 ]]
}

groff_likes_them()
{
    local complaints
    complaints=$(cd "$tmp" && for page in man3/*.3 "$OLDPWD"/scope/*.7; do
        groff -man -ww -Tutf8 -I . "$page" 2>&1 > /dev/null
    done)
    [[ -z $complaints ]] || { echo "$complaints"; return 1; }
}

# What a page refers to is there.
references_exist()
{
    grep -ohE '^\.BR (scope|SCOPE)\w* \(3\)' scope/*.7 | awk '{print $2}' | sort -u > "$tmp/refs"
    while read -r name; do
        [[ -e $tmp/man3/$name.3 ]] || { echo "no page $name"; return 1; }
    done < "$tmp/refs"
}

# The guide's example, as it stands there.
guide_example()
{
    sed -n '/^\.EX/,/^\.EE/p' scope/taskscope.7 | sed '1d; $d; s/\\e/\\/g' > "$tmp/guide.c"
    gcc -std=c11 -Wall -Wextra -Werror -I scope "$tmp/guide.c" build/libtaskscope.a -lhwloc -pthread -o "$tmp/guide" &&
        [[ $("$tmp/guide") == 64 ]]
}

check manual_every_call_has_a_page every_call_has_a_page
check manual_groff_likes_them groff_likes_them
check manual_references_exist references_exist
check manual_guide_example_runs guide_example
check_done
