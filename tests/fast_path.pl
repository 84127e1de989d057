# usage: fast_path.pl PROGRAM CALLGRIND_FILE TASKS
#
# The straight path is what was executed once for every 20 tasks or more often (compilers unroll the recursion).  Complains about any instruction there that
# is locked, exchanges with memory or fences, and about any function of the library: all must be inline.  Prints how many
# instructions were executed for each task.
use strict;
use warnings;

my ($program, $callgrind, $tasks) = @ARGV;
my (%count, %function, $now, $skip);
open my $in, '<', $callgrind or die "$callgrind: $!";
while (<$in>) {
    if (/^fn=(?:\(\d+\) ?)?(\S*)/) {
        $now = $1;
    } elsif (/^calls=/) {
        $skip = 1; # the next line is what the callee cost
    } elsif (/^0x([0-9a-f]+) \d+ (\d+)/) {
        ($count{hex $1} += $2, $function{hex $1} = $now) unless $skip;
        $skip = 0;
    }
}
my %text;
for (`objdump -d --no-show-raw-insn $program`) {
    $text{hex $1} = $2 if /^\s*([0-9a-f]+):\s+(.*)/;
}
my ($bad, $total, $seen) = (0, 0, 0);
for my $at (sort { $a <=> $b } keys %count) {
    my $text = $text{$at} or next; # not the program's own: loader, libc
    $total += $count{$at};
    next if $count{$at} < $tasks / 20;
    $seen++;
    my $why = $text =~ /^(lock|[lms]fence|cpuid)\b/ ? "serializes" : $text =~ /^xchg\b.*\(/ ? "is locked" :
        $function{$at} =~ /^scopei?_/ ? "is a function of the library" : next;
    printf "%x in %s, executed %d times for %d tasks, %s: %s\n", $at, $function{$at}, $count{$at}, $tasks, $why, $text;
    $bad = 1;
}
print "no instruction of the program was seen\n" if $seen < 10;
printf "%d instructions on the straight path, %.1f executed for each task\n", $seen, $total / $tasks;
exit($bad || $seen < 10);
