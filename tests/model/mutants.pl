#!/usr/bin/perl
# Weakens each memory order of the library, one by one, and looks whether the explorer finds a scenario that fails.
#
#   tests/model/mutants.pl EXPLORER PATTERN STEPS
#
# A mutant is a line of the source, of those that match, and what is taken away: acquire, release, or the whole fence.  It is
# killed if a scenario fails under the C11 engine: first those of the piece that it is in, within a 50th of so many steps each, which is
# nearly always enough; then the same at random and within so many, and those with whole pools.
# Those that survive must stand in tests/model/survivors, each with its reason; they are looked for only briefly.  Prints TAP.
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

# The first place of those that addr2line prints for one address which is not in atomic.h: "file:line", in the function.  Or nothing,
# and the function that the compiler has put it into.
sub place_among {
    my ($function, $wanted, @lines) = ('', @_);
    for (@lines) {
        (my ($in, $file, $line) = /(\w+) at (?:.*\/)?((?:deque|sched|scope|tests\/model)\/[\w.]+):(\d+)/) or next;
        $function = $in;
        return ($function, $file, $line) if $file ne 'deque/atomic.h' && $function =~ /$wanted/;
    }
    return $function;
}

sub addr2line {
    my @blocks = split /^0x\w+: /m, `addr2line -aipfe $explorer @{[map { sprintf '%#x', $_ } @_]}`;
    shift @blocks;
    return map { [split /\n/] } @blocks;
}

# The places of accesses of the library's, by the addresses behind them.  Where the compiler has forgotten where one was, what follows
# in the same function tells.
sub places {
    my @pcs = @_;
    my %place;
    my @printed = addr2line(map { hex($_) - 1 } @pcs);
    for my $pc (@pcs) {
        my ($function, $file, $line) = place_among('.', @{shift @printed});
        my @ahead = $file ? () : addr2line(map { hex($pc) + $_ } 0 .. 40);
        ($function, $file, $line) = place_among("^$function\$", @{shift @ahead}) while @ahead && !$file;
        $place{$pc} = ["$file:$line", function_at($file, $line)] if $file && $file !~ /^tests/;
    }
    return %place;
}

# One line may have been compiled into several places.
sub mutants {
    my %mutants;
    my @sites = map { /^site (\S+) (\S+) (\d+)/ ? [$1, $2, $3] : () } `$explorer --sites --engine c11 --steps 20000 --quiet`;
    my %place = places(map { $_->[0] } @sites);
    for (@sites) {
        my ($pc, $what, $order) = @$_;
        my ($at, $function) = @{$place{$pc} or next};
        my $weaker = $what eq 'fence' ? {fence => -1} : $weaker{$order} or next;
        push @{$mutants{"$at $function: $what without $_"}}, "$pc:$order:$weaker->{$_}" for keys %$weaker;
    }
    return %mutants;
}

sub fails {
    my ($list, @arguments) = @_;
    return system("$explorer --engine c11 --quiet --weaken '$list' @arguments > /dev/null 2>&1") != 0;
}

# The scenarios of the piece that a mutant is in, and those with whole pools.
my $pools = 'part_idle join wake cancel pool';

sub pieces {
    my ($mutant) = @_;
    return 'deque' if $mutant =~ /^deque/;
    return 'part parker' if $mutant =~ /^sched/;
    return 'join' if $mutant =~ /fork\.c/;
    return $mutant =~ /pipeline/ ? 'pipe' : 'node mark token cancel_callback loop';
}

# A random execution fails, and none does without the mutant.
my %sound;
sub fails_at_random {
    my ($list, $scenarios) = @_;
    my $random = "--random @{[$steps / 250]} $scenarios";
    return fails($list, $random) && ($sound{$scenarios} //= !fails('', $random));
}

sub killed {
    my ($mutant, $list, $known) = @_;
    my $pieces = pieces($mutant);
    return 1 if fails($list, "--steps @{[$steps / 50]} $pieces");
    return 0 if $known;
    return fails($list, "--steps $steps $pieces") if $mutant =~ /^deque/;
    for my $scenarios ($pieces, $pools) {
        return 1 if fails_at_random($list, $scenarios) || fails($list, "--steps $steps $scenarios");
    }
    return 0;
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
my %stays;
my ($number, $killed, $explained) = (0, 0, 0);

sub verdict {
    my ($good, @what) = @_;
    print $good ? 'ok ' : 'not ok ', ++$number, ' - ', @what, "\n";
}

for my $mutant (grep { /$pattern/ } sort keys %mutants) {
    (my $name = $mutant) =~ s/:\d+ / /;
    if (killed($mutant, join(',', @{$mutants{$mutant}}), $reason{$name})) {
        verdict(1, $mutant);
        $killed++;
        $stays{$name} //= 0;
        next;
    }
    verdict($reason{$name}, "$mutant survives");
    print "# because: $reason{$name}\n" if $reason{$name};
    $explained++ if $reason{$name};
    $stays{$name} = 1;
}
verdict(0, "$_: is killed, though tests/model/survivors has a reason for it to stay") for grep { $reason{$_} && !$stays{$_} } sort keys %stays;
print "1..$number\n# figures: mutants=$number mutants_killed=$killed mutants_explained=$explained\n";
