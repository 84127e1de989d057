#!/bin/bash
# Everything that the library calls can fail in tests/inject_*.c, or has a reason here not to.
. tests/check.inc

# What the plain archive calls, by fortified names or not, and does not have itself.
called()
{
    comm -23 <(nm -u build/libtaskscope.a | awk '$1 == "U" {print $2}' | sed 's/^__\(.*\)_chk$/\1/' | sort -u) \
        <(nm -g --defined-only build/libtaskscope.a | awk 'NF == 3 {print $3}' | sort -u)
}

stood_in_for()
{
    nm -g --defined-only build/tests/inject.o | sed -n 's/.* T inject_//p'
}

# Compute only, or read what is there.
pure='mem(cpy|move|set|cmp)|str(n?cmp|cspn|spn|chr|str|len|tok_r|toul|toull)|v?snprintf|__errno_location|pthread_self|
secure_getenv|getauxval|sig(fill|del)set|stderr|hwloc_bitmap_(isset|iszero|last|next|weight)|hwloc_obj_type_is_cache|
hwloc_topology_is_thissystem|pthread_attr_getstack'
# Give back; what is not given back is lost, and nobody is told.
returning='free|munmap|__sched_cpufree|hwloc_bitmap_free|hwloc_topology_destroy|pthread_(mutex|attr|condattr)_destroy'
# Fail only for arguments that are wrong, with glibc; hwloc_bitmap_zero says nothing.
certain='abort|sched_yield|pthread_(once|join|sigmask|setcancelstate)|pthread_mutex_(init|lock|unlock)|pthread_cond_(init|signal)|
pthread_condattr_(init|setclock)|pthread_attr_(init|setdetachstate)|hwloc_bitmap_zero'
# What compilers and linkers add.
tools='_GLOBAL_OFFSET_TABLE_|_Unwind_Resume|__gcc_personality_v0|__tls_get_addr|__stack_chk_fail'

all_can_fail()
{
    local sure
    sure=$(echo "$pure|$returning|$certain|$tools" | tr -d '\n')
    ! comm -23 <(called) <(stood_in_for | sort -u) | grep -vxE "$sure"
}

# Each row of ARCHITECTURE.md's table of faults names tests, `program: subtest`, that are there.
promises_have_tests()
{
    local row named program subtest bad=0 rows=0 tests=0
    while read -r row; do
        rows=$((rows + 1))
        named=$(grep -oE '`[a-z_0-9]+: [a-z_0-9]+`' <<< "$row" | tr -d '`:')
        [[ -n $named ]] || { echo "no test is named: $row"; bad=1; continue; }
        while read -r program subtest; do
            tests=$((tests + 1))
            grep -qs "\"$subtest\"" "tests/$program.c" || { echo "no $subtest in tests/$program.c"; bad=1; }
        done <<< "$named"
    done < <(sed -n '/^## Promises under faults/,/^## /p' ARCHITECTURE.md | sed '1,/^|---/d' | grep '^|')
    ((rows >= 20 && tests >= 40)) || { echo "only $rows rows, $tests tests named"; bad=1; }
    return $bad
}

check inject_all_calls_can_fail all_can_fail
check inject_promises_have_tests promises_have_tests
check_done
