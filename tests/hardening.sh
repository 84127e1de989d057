#!/bin/bash
# What limits an attacker: how the archive is compiled and programs are linked, and what a process with privileges believes.
. tests/check.inc
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

archive_is_fortified()
{
    local undefined
    undefined=$(nm -u build/libtaskscope.a)
    grep -q ' __stack_chk_fail$' <<< "$undefined" && grep -q ' __snprintf_chk$' <<< "$undefined"
}

# linked_hard PROGRAM...: stack not executable, what was relocated is read-only before main, position-independent.
linked_hard()
{
    local program bad=0
    for program; do
        readelf -lW "$program" | grep -qE 'GNU_STACK.* RW +0x' || { echo "$program: stack"; bad=1; }
        readelf -lW "$program" | grep -q GNU_RELRO && readelf -dW "$program" | grep -qE 'FLAGS.*\bNOW\b' ||
            { echo "$program: full RELRO"; bad=1; }
        readelf -hW "$program" | grep -q 'Type: *DYN' || { echo "$program: PIE"; bad=1; }
    done
    return $bad
}

finds_soft()
{
    gcc -iquote . -I scope -fPIC -no-pie -z execstack -z lazy -z norelro -o "$tmp/soft" "$@" &&
        [[ $(linked_hard "$tmp/soft" | wc -l) == 3 ]]
}

# In a shared library that is loaded late, as a Python extension or an MPI component is.
loads_late()
{
    cat > "$tmp/part.c" << 'END'
#include <taskscope.h>
static int add(struct scope *s, void *sum)
{
    (void)s;
    __atomic_fetch_add((int *)sum, 1, __ATOMIC_RELAXED);
    return 0;
}
static int body(struct scope *s, void *sum)
{
    for (int i = 0; i < 100; i++)
        scope_spawn(s, add, sum);
    return 0;
}
int part(void)
{
    int sum = 0;
    return scope_run(body, &sum) == SCOPE_OK ? sum : -1;
}
END
    cat > "$tmp/late.c" << 'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    void *handle = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    int (*part)(void) = handle ? (int (*)(void))dlsym(handle, "part") : NULL;
    printf("%d\n", part ? part() : -2);
    return 0;
}
END
    gcc -O2 -fPIC -shared -I scope -o "$tmp/part.so" "$tmp/part.c" build/libtaskscope.a -lhwloc -pthread -Wl,-z,defs \
        -Wl,-z,text -Wl,--fatal-warnings && gcc -o "$tmp/late" "$tmp/late.c" && [[ $("$tmp/late" "$tmp/part.so") == 100 ]]
}

# ------------------------------------------------------------------------------- AT_SECURE, as in a setuid program
# A file that hwloc loads where HWLOC_PLUGINS_PATH says, and a program that tells how many workers it has.
prepare_privileges()
{
    cat > "$tmp/hwloc_spy.c" << 'END'
#include <unistd.h>
__attribute__((constructor)) static void spy(void)
{
    (void)!write(2, "spy\n", 4);
}
END
    cat > "$tmp/workers.c" << 'END'
#include <stdio.h>
#include <taskscope.h>
int main(void)
{
    printf("%u\n", scope_pool_workers(NULL));
    return 0;
}
END
    gcc -fPIC -shared -o "$tmp/hwloc_spy.so" "$tmp/hwloc_spy.c" &&
        gcc -I scope -o "$tmp/workers" "$tmp/workers.c" build/libtaskscope.a -lhwloc -pthread
}

told()
{
    env HWLOC_PLUGINS_PATH="$tmp" HWLOC_SYNTHETIC="pu:5" SCOPE_DISPLAY=1 "$@" "$tmp/workers" 2>&1
}
# With another user's rights than its caller's, which is what the kernel goes by.
privileged="setpriv --euid 65534 --clear-groups"

environment_believed()
{
    told SCOPE_NUM_WORKERS=7 | tee "$tmp/told" && grep -q '^spy' "$tmp/told" && grep -q ', 5 cores' "$tmp/told" &&
        grep -qx 7 "$tmp/told"
}

# All the same whatever is said, and nothing else is printed.
environment_ignored()
{
    local plain
    plain=$(env -i $privileged "$tmp/workers") && for number in SCOPE_NUM_WORKERS=99 OMP_NUM_THREADS=99 HOME=/; do
        told "$number" $privileged | diff - <(echo "$plain") || return
    done
}

check hardening_archive_fortified archive_is_fortified
check hardening_check_finds_soft_program finds_soft tests/header_use.c build/libtaskscope.a -lhwloc -pthread
check hardening_programs_linked_hard linked_hard build/treepack $(find build/examples -type f -perm -u+x)
check hardening_shared_library_loads_late loads_late
check hardening_privileges_prepared prepare_privileges
check hardening_environment_believed environment_believed
if $privileged "$tmp/workers" > /dev/null 2>&1; then
    check hardening_at_secure_environment_ignored environment_ignored
else
    skip hardening_at_secure_environment_ignored "only root can make a process with other rights than its caller's"
fi
check_done
