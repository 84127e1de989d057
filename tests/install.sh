#!/bin/bash
# make install, a program built against the result with pkg-config, make uninstall.
. tests/check.inc
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

installs()
{
    make --no-print-directory install PREFIX="$tmp/prefix" &&
        find "$tmp/prefix" -type f | sed "s,$tmp/,," | grep -v '/man3/' | sort |
        diff - <(printf '%s\n' prefix/include/taskscope.h prefix/include/taskscope_sort.h prefix/lib/libtaskscope.a prefix/lib/pkgconfig/taskscope.pc \
            prefix/share/man/man7/taskscope-errors.7 prefix/share/man/man7/taskscope.7) &&
        [[ -e $tmp/prefix/share/man/man3/scope_run.3 ]]
}

# builds_with PKG_CONFIG_ARGUMENT...
builds_with()
{
    local flags
    flags=$(PKG_CONFIG_PATH=$tmp/prefix/lib/pkgconfig pkg-config "$@" --cflags --libs taskscope) && echo "$flags" &&
        gcc -std=c11 -o "$tmp/use" tests/header_use.c $flags && "$tmp/use"
}

version_agrees()
{
    local header
    header=$(printf '#include "scope/taskscope.h"\nSCOPE_VERSION_MAJOR.SCOPE_VERSION_MINOR.SCOPE_VERSION_PATCH\n' |
        gcc -E -P -iquote . - | tail -n 1 | tr -d ' ')
    [[ $(PKG_CONFIG_PATH=$tmp/prefix/lib/pkgconfig pkg-config --modversion taskscope) == "$header" ]]
}

stages()
{
    make --no-print-directory install DESTDIR="$tmp/stage" PREFIX=/opt/scope &&
        ! grep -r "$tmp" "$tmp/stage/opt/scope/lib/pkgconfig" && (
        export PKG_CONFIG_PATH=$tmp/stage/opt/scope/lib/pkgconfig
        flags=$(pkg-config --define-prefix --static --cflags --libs taskscope) && echo "$flags" &&
            gcc -std=c11 -o "$tmp/use" tests/header_use.c $flags && "$tmp/use")
}

uninstalls()
{
    make --no-print-directory uninstall PREFIX="$tmp/prefix" && [[ -z $(find "$tmp/prefix" -type f) ]]
}

check install_prefix_files installs
check install_pkgconfig_static_builds builds_with --static
check install_pkgconfig_plain_builds builds_with
check install_pkgconfig_version_of_header version_agrees
check install_destdir_relocates stages
check uninstall_leaves_nothing uninstalls
check_done
