#!/usr/bin/perl
# Weakens each memory order of the library, one by one, and looks whether the explorer finds a scenario that fails.
#
#   tests/model/mutants.pl EXPLORER PATTERN STEPS
#
# A mutant is a line of the source, of those that match, and what is taken away: acquire, release, or the whole fence.  It is
# killed if a scenario fails under the C11 engine within so many steps each, or, for all but the deque, so many random ones.
# Those that survive must stand in tests/model/survivors, each with its reason.  Prints TAP.
use strict;
use warnings;

$| = 1;
my ($explorer, $pattern, $steps) = @ARGV;
my %weaker = (2 => {acquire => 0}, 3 => {release => 0}, 4 => {acquire => 3, release => 2}, 5 => {acquire => 3, release => 2});

# The function around a line.
my %source;
sub function_at {
    my ($file, $line) = @_;
    $source{$file} //= [split /^/, do { local (@ARGV, $/) = $file; <> }];
    while ($line-- > 0) {
        return $1 if $source{$file}[$line] =~ /^\w.*?\b(\w+)\(.*[^;]$/;
    }
    return '?';
}

# "file:line" and function of an access of the library's, by the address behind it, without what is inlined from atomic.h.  Where the
# compiler has forgotten from where that was, what follows in the same function tells.
sub place {
    my ($pc) = @_;
    my $forgotten;
    for my $ahead (-1 .. 40) {
        my ($function, $file, $line);
        for (split /\n/, `addr2line -ipfe $explorer @{[sprintf '%#x', hex($pc) + $ahead]}`) {
            ($function, $file, $line) = /(\w+) at (?:.*\/)?((?:deque|sched|scope|tests\/model)\/[\w.]+):(\d+)/ or next;
            last if $file ne 'deque/atomic.h' && (!$forgotten || $function eq $forgotten);
        }
        return $file =~ /^tests/ ? () : ("$file:$line", function_at($file, $line)) if $file && $file ne 'deque/atomic.h';
        $forgotten //= $function;
    }
    return;
}

# One line may have been compiled into several places.
sub mutants {
    my %mutants;
    for (`$explorer --sites --engine c11 --steps 100000 --quiet`) {
        my ($pc, $what, $order) = /^site (\S+) (\S+) (\d+)/ or next;
        my ($at, $function) = place($pc) or next;
        my $weaker = $what eq 'fence' ? {fence => -1} : $weaker{$order} or next;
        push @{$mutants{"$at $function: $what without $_"}}, "$pc:$order:$weaker->{$_}" for keys %$weaker;
    }
    return %mutants;
}

sub fails {
    my ($list, @arguments) = @_;
    return system("$explorer --engine c11 --quiet --weaken $list @arguments > /dev/null 2>&1") != 0;
}

sub killed {
    my ($mutant, $list) = @_;
    return 1 if fails($list, "--steps $steps deque parker");
    return 0 if $mutant =~ /^deque/;
    return fails($list, "--steps $steps join wake cancel pool") || fails($list, "--random @{[$steps / 500]} join wake cancel pool");
}

# "file function: what without order  # reason"
sub reasons {
    my %reason;
    open my $file, '<', 'tests/model/survivors' or die "tests/model/survivors: $!";
    while (<$file>) {
        $reason{$1} = $2 if /^(\w.*?)\s+# (.*)/;
    }
    return %reason;
}

my %mutants = mutants();
my %reason = reasons();
my ($number, $killed, $explained) = (0, 0, 0);
for my $mutant (grep { /$pattern/ } sort keys %mutants) {
    (my $name = $mutant) =~ s/:\d+ / /;
    my $dead = killed($mutant, join ',', @{$mutants{$mutant}});
    my $good = $dead || $reason{$name};
    $number++;
    $killed += $dead;
    $explained++ if !$dead && $good;
    print $good ? 'ok' : 'not ok', " $number - $mutant", $dead ? '' : ' survives', "\n";
    print "# because: $reason{$name}\n" if !$dead && $good;
}
print "1..$number\n# figures: mutants=$number mutants_killed=$killed mutants_explained=$explained\n";
