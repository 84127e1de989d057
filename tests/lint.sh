#!/bin/bash
# What reads the library's source and finds nothing: gcc's analyzer, clang-tidy (.clang-tidy), cppcheck.  No suppression in the
# source, and each tool is shown mistakes first.  `make lint` runs clang's analyzer as well, which takes minutes.
. tests/check.inc
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
flags=(-std=c11 -D_GNU_SOURCE -iquote . -I scope)
library=({deque,sched,scope}/*.c)
user=tests/header_use.c # for the macros of the public headers

analyzer()
{
    printf '%s\n' "$@" |
        xargs -n 1 -P "${JOBS:-2}" gcc "${flags[@]}" -O2 -fexceptions -fanalyzer -Werror -c -o /dev/null
}

tidy()
{
    clang-tidy-19 --quiet --config-file=.clang-tidy --checks=-clang-analyzer-* "$@" -- "${flags[@]}"
}

cpp_check()
{
    cppcheck --std=c11 --enable=warning,performance,portability --error-exitcode=1 --quiet -D_GNU_SOURCE -D__x86_64__ \
        -I . -j "${JOBS:-2}" "$@"
}

# A mistake for each of the tools.
cat > "$tmp/wrong.c" << 'END'
#include <stdlib.h>
#include <string.h>
void wrong(char *text)
{
    memset(text, 0, sizeof(text));
    if (text[0]);
        free(text);
    free(text);
}
END
finds()
{
    ! "$@" "$tmp/wrong.c" > "$tmp/found" 2>&1 && cat "$tmp/found" && grep -q "wrong.c:" "$tmp/found"
}

no_suppressions()
{
    ! grep -nE 'NOLINT|cppcheck-suppress|# *pragma|no_sanitize' {deque,sched,scope}/*.[ch]
}

check lint_analyzer_finds_mistakes finds analyzer
check lint_analyzer_is_clean analyzer "${library[@]}" $user
check lint_tidy_finds_mistakes finds tidy
check lint_tidy_is_clean tidy "${library[@]}" $user
check lint_cppcheck_finds_mistakes finds cpp_check
check lint_cppcheck_is_clean cpp_check "${library[@]}"
check lint_suppressions_none no_suppressions
check_done
