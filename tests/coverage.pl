# usage: coverage.pl GCOVR_JSON      for tests/coverage: the lines whose branches were not all taken, then a table by files.
use strict;
use warnings;
use JSON::PP;

my $json = do { local (@ARGV, $/) = @ARGV; <> };
my (@rows, @sum);
for my $file (sort { $a->{file} cmp $b->{file} } @{decode_json($json)->{files}}) {
    open my $in, '<', $file->{file} or die "$file->{file}: $!";
    my @text = <$in>;
    my ($lines, $run, $ways, $taken) = (0, 0, 0, 0);
    for my $line (@{$file->{lines}}) {
        next if $line->{'gcovr/noncode'};
        my @branches = grep { !$_->{throw} } @{$line->{branches}}; # as gcovr leaves them out only where they were run
        my $of = grep { $_->{count} > 0 } @branches;
        $lines++;
        $run++ if $line->{count} > 0;
        $ways += @branches;
        $taken += $of;
        my $what = $line->{count} == 0 ? "never run" : $of < @branches ? "$of of " . @branches . " ways" : next;
        (my $source = $text[$line->{line_number} - 1]) =~ s/^\s+|\s+$//g;
        printf "%s:%d: %s: %s\n", $file->{file}, $line->{line_number}, $what, $source;
    }
    push @rows, [$file->{file}, $lines, $run, $ways, $taken];
}
for my $row (@rows) {
    $sum[$_] += $row->[$_] for 1 .. 4;
}
printf "\n%-26s %6s %6s %8s %6s %6s\n", 'file', 'lines', 'run', 'branches', 'taken', '';
for my $row (@rows, ['all', @sum[1 .. 4]]) {
    my ($file, $lines, $run, $ways, $taken) = @$row;
    printf "%-26s %6d %5.1f%% %8d %6d %5.1f%%\n", $file, $lines, 100 * $run / ($lines || 1), $ways, $taken,
        $ways ? 100 * $taken / $ways : 100;
}
