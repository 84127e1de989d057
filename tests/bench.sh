#!/bin/bash
# The C programs of bench that need no other runtime: gcc builds each as the benchmark does, and with 1 and 2 workers, if it can have so
# few, each verifies its result, of inputs that take milliseconds.
. tests/check.inc

# By problem, what its programs are run with, several times, as in bench/suite.txt.
declare -A small=(
    [busy]=3 [cholesky]=96,48 [cilksort]=10000,512 [fft]=4096,64 [fib]=18 [heat]=50,4,4 [idle]=2 [integrate]=100,3
    [knapsack]=20 [loop]="1000,300,0,0,0 1000,300,0,1,50 500,2000,1,0,0 500,2000,2,0,0" [lopsided]=20,10 [lu]=64,16
    [mandelbrot]=32,50,4 [matmul]=128,32 [nested]="20,30,300,0 20,30,300,1" [nqueens]=7,3 [open]=100 [pipeline]=500,10
    [quicksort]=10000,512 [reduce]="3000,300,0 3000,300,1 3000,300,2" [scan]="3000,0 3000,1" [skynet]=3
    [sort]="30000,0,0,0 30000,1,4,1 3000,2,0,0" [spawn]="5000,0 500,100" [steal]=5 [strassen]=128,32 [uts]=0 [wake]=3
)

# Those of build.mk's list by the names of their runtimes.
programs=$(make -s --no-print-directory --eval 'programs: ; @printf "%s\n" $(BENCH_PROGRAMS)' programs |
    grep -E '_(serial|taskscope(-[a-z0-9]+)?)$' | grep -v -e '-clang$')

verified()
{
    local program=$1 workers parameters output status once=false
    local problem=${program##*/}
    problem=${problem%%_*}
    [[ -n ${small[$problem]:-} ]] || { echo "no parameters for $problem in tests/bench.sh"; return 1; }
    for parameters in ${small[$problem]}; do
        for workers in 1 2; do
            [[ $workers == 1 || $program != *_serial ]] || continue
            output=$(timeout 60 "$program" $workers 1 ${parameters//,/ } 2>&1)
            status=$?
            if ((status == 3)); then # it makes no sense: a steal by nobody, strings by their bits
                continue
            elif ((status != 0)) || [[ $output != *'"workers":'$workers,*'"verified":true'* ]]; then
                echo "with $workers workers, $parameters: exit status $status: $output"
                return 1
            fi
            once=true
        done
    done
    $once || echo "makes sense with no parameters here"
    $once
}

check bench_programs_listed test -n "$programs"
check bench_programs_build make -s --no-print-directory -k -j"${JOBS:-2}" $programs
for program in $programs; do
    check "bench_$(basename "$program" | tr - _)_verified" verified "$program"
done
check_done
