#!/bin/bash
# The rules of the source tree that a compiler does not check.
. tests/check.inc
shopt -s nullglob

# includes FOLDER ALLOWED: a quoted include in FOLDER names a header under one of the folders of the ALLOWED pattern.
includes_within()
{
    local files=("$1"/*.[ch])
    ((${#files[@]} > 0)) && ! grep -nE '^ *# *include *"' "${files[@]}" /dev/null | grep -vE "\"($2)/" |
        grep -vE '^scope/taskscope\w*\.h:.*"taskscope\w*\.h"' # the public headers, which users have in one folder
}

only_topology_uses_hwloc()
{
    ! grep -nE '\bhwloc' {deque,sched,scope}/*.[ch] | grep -vE '^sched/topology\.[ch]:|^[^:]*:[0-9]*: ?(/\*|\*|//)' |
        grep -E 'include|\('
}

# taskscope.h is excused: its inline functions may include nothing of ours.
only_atomic_h_spells_orders()
{
    ! grep -nE 'memory_order_|__ATOMIC_|\b__atomic_|\b__sync_|stdatomic\.h|\b_Atomic\b' {deque,sched,scope}/*.[ch] |
        grep -vE '^(deque/atomic\.h|scope/taskscope\.h):'
}

no_volatile()
{
    ! grep -nE '\bvolatile\b' {deque,sched,scope}/*.[ch] | grep -vE '(__asm__|\basm) volatile'
}

check deque_includes_point_down includes_within deque 'deque'
check sched_includes_point_down includes_within sched 'sched|deque'
check scope_includes_point_down includes_within scope 'scope|sched|deque'
check hwloc_topology_only only_topology_uses_hwloc
check orders_atomic_h_only only_atomic_h_spells_orders
check shared_words_not_volatile no_volatile
check partners_exist perl tests/partners.pl exist
check partners_named perl tests/partners.pl named
check_done
