# usage: figures.pl SECONDS LOG...
#
# The table of figures: test programs print lines `# figures: name=number ...`, which are summed up by name over all logs.  And how
# long it took, on which machine.
use strict;
use warnings;

my ($seconds, @logs) = @ARGV;
my %sum;
for my $log (grep { -f } @logs) {
    open my $in, '<', $log or die "$log: $!";
    while (<$in>) {
        next unless /^# figures: (.*)/;
        for my $figure (split ' ', $1) {
            $figure =~ /^(\w+)=(\d+)$/ ? ($sum{$1} += $2) : print "# $log: what is \"$figure\"?\n";
        }
    }
}
my %cpu = map { chomp; $_ => 1 } map { /^model name\s*:\s*(.*)/ } split /^/, `cat /proc/cpuinfo`;
my ($system, $machine) = (`uname -sr`, `uname -m`);
chomp($system, $machine);
my @time = gmtime;
sub padded { return $_[0] =~ s/(\d+)/sprintf '%04d', $1/ger }
print "Figures:\n";
for my $name (sort { padded($a) cmp padded($b) } keys %sum) {
    1 while $sum{$name} =~ s/^(\d+)(\d{3})/$1,$2/;
    printf "  %-24s %18s\n", $name, $sum{$name};
}
printf "  %-24s %18.2f\n", 'hours', $seconds / 3600;
printf "  on %d CPUs, %s, %s, %04d-%02d-%02d\n", `nproc`, join(' and ', sort keys %cpu) || $machine, $system,
    $time[5] + 1900, $time[4] + 1, $time[3];
