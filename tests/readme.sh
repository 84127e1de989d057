#!/bin/bash
# README.md: its first ```c block, saved under the name that its first build command (a line of a ```sh block that starts
# with cc) mentions, is compiled by that very line and run, where build/ and scope/ of this tree and an installed taskscope
# can be found.
. tests/check.inc
root=$PWD
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# blocks LANGUAGE: the code blocks of that language, all of them, each followed by a line with a form feed.
blocks()
{
    awk -v start="^ *\`\`\`$1\$" '/^ *```/ && inside {inside = 0; print "\f"; next} $0 ~ start {inside = 1; next} inside' \
        "$root/README.md"
}

example_builds_and_runs()
{
    local command source program
    command=$(blocks sh | sed -e ':a' -e '/\\$/{N;s/\\\n//;ba}' | grep -E '^ *(cc|gcc|clang) .*\.c\b' | head -n 1 | sed 's/ *#.*//')
    source=$(grep -oE '[A-Za-z0-9_]+\.c\b' <<< "$command" | head -n 1)
    program=$(sed -n 's/.* -o *\([^ ]*\).*/\1/p' <<< "$command")
    echo "command: $command"
    [[ -n $source ]] || { echo "README.md has no command that compiles a .c file"; return 1; }
    make --no-print-directory install PREFIX="$tmp/prefix" || return
    ln -s "$root/build" "$root/scope" "$tmp" && cd "$tmp" || return
    blocks c | sed '/\f/q' | tr -d '\f' > "$source"
    PKG_CONFIG_PATH=$tmp/prefix/lib/pkgconfig sh -ec "$command" && timeout 60 "./${program:-a.out}"
}

# The line for people without root in `make run`'s reach names the packages that the Makefile installs.
packages_agree()
{
    local wanted line package missing=
    wanted=$(sed -n 's/^RUN_PACKAGES = //p' Makefile)
    line=$(sed -e ':a' -e '/\\$/{N;s/\\\n//;ba}' README.md | grep -E 'apt-get install' | head -n 1)
    for package in $wanted; do
        [[ " $line " == *" $package "* ]] || missing+=" $package"
    done
    [[ -z $missing ]] || { echo "not in README.md's apt-get line:$missing"; return 1; }
}

check readme_example_builds_and_runs example_builds_and_runs
check readme_packages_as_installed packages_agree
check_done
