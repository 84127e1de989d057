# Comments beside atomics name the other side: `pairs with: function, which does so and so; and what for`.
#   exist   the first word, and every word_with_underscores up to the first `;` or `.`, is a function in the sources
#   named   every acquire, release, read-modify-write and fence has such a comment, beside it or in the few lines above
use strict;
use warnings;

my $near = 5; # lines above
my $mode = shift // '';
my @files = glob('deque/*.[ch] sched/*.[ch] scope/*.[ch]');
my $bad = 0;
my (%text, %defined);

for my $file (@files) {
    open my $in, '<', $file or die "$file: $!";
    local $/;
    $text{$file} = <$in>;
    (my $code = $text{$file}) =~ s{/\*.*?\*/}{}gs;
    $defined{$1} = 1 while $code =~ /^\w[\w \t*()]*?\b(\w+)\([^;{}]*\)\s*\{/gm;
}

sub complain
{
    my ($file, $line, $what) = @_;
    print "$file:$line: $what\n";
    $bad = 1;
}

for my $file (grep { $_ ne 'deque/atomic.h' } @files) {
    if ($mode eq 'exist') {
        while ($text{$file} =~ /pairs with: *((?:[^;.*]|\*(?!\/))*)/g) {
            my $line = 1 + (substr($text{$file}, 0, $-[0]) =~ tr/\n//);
            my ($first, @names) = ($1 =~ /^(\w*)/, $1 =~ /\b([a-z]\w*_\w*)/g);
            $defined{$_} or complain($file, $line, "pairs with: $_: no such function") for grep { $_ ne $first } @names;
            $defined{$first} or complain($file, $line, "pairs with: $first: no such function");
        }
    } else {
        my @lines = split /\n/, $text{$file};
        for my $i (0 .. $#lines) {
            next unless $lines[$i] =~ /^\s.*?\b((?:load|store|exchange|add|sub|and|or|cas|fence)_(?:acq|rel|seq)\w+)\(/;
            next if $1 =~ /relaxed/ || join("\n", @lines[($i < $near ? 0 : $i - $near) .. $i]) =~ /pairs with:/;
            complain($file, $i + 1, "$1 without `pairs with:`");
        }
    }
}
exit $bad;
