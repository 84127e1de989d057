#!/usr/bin/perl
# Makes manual pages of section 3 from a public header: scope/manual.pl HEADER VERSION FOLDER
#
# A page is a comment and the declarations that follow it up to an empty line.  It is named after the first of them; the others
# get a page that refers to it.  Text that is indented in the comment, and declarations, are shown as they stand.
use strict;
use warnings;

my ($header, $version, $folder) = @ARGV;
die "usage: scope/manual.pl HEADER VERSION FOLDER\n" unless defined $folder;
open(my $in, '<', $header) or die "$header: $!\n";
my $text = do { local $/; <$in> };
$text =~ s{.*?\n(?=/\* -+ [^\n]* \*/)}{}s or die "$header: no beginning\n";
$text =~ s{/\* -+ Private: .*}{}s or die "$header: no private part\n";
$text =~ s{^/\* -+ [^\n]* \*/\n}{\n}mg;

# What a block declares, as pages are named.
sub names_of {
    my ($code, $comment) = @_;
    my @names = $comment =~ /^ \* (SCOPE\w*)\([^)]*\) declares/mg;    # macros whose definition is private
    (my $outside = $code) =~ s/\{.*?\n\}/{}/gs;    # members are not names
    $outside =~ s{/\*.*?\*/}{}gs;
    push @names, $1 while $outside =~ /^#define (SCOPE\w*)\(/mg;
    $outside =~ s/^#define (?:[^\n]*\\\n)*[^\n]*$//mg;    # what a macro calls is not declared by it
    push @names, $1 while $outside =~ /\b(scope_\w+)\s*\((?=[^;]*;)/g;
    push @names, $1 while $outside =~ /^(?:struct|enum) (scope_\w+) \{/mg;
    @names = map { $_ eq 'scope_reason' && $outside =~ /^enum/m ? 'scope_reasons' : $_ } @names;    # there is a function, too
    my %seen;
    return grep { !$seen{$_}++ } @names;
}

sub escape {
    my ($line) = @_;
    $line =~ s/\\/\\e/g;
    $line =~ s/-/\\-/g;
    $line =~ s/^([.'])/\\&$1/;
    return $line;
}

# A comment's text: paragraphs are filled, indented lines are not.
sub body_of {
    my ($comment) = @_;
    my ($out, $shown) = ('', 0);
    for my $line (split /\n/, $comment) {
        my $indented = $line =~ /^\s{2,}\S/;
        if ($indented && !$shown) { $out .= ".PP\n.nf\n"; }
        if (!$indented && $shown) { $out .= ".fi\n.PP\n"; }
        $shown = $indented;
        if ($line =~ /^\s*$/) { $out .= ".PP\n" unless $out =~ /\.PP\n$/; next; }
        $out .= escape($line) . "\n";
    }
    $out .= ".fi\n" if $shown;
    return $out;
}

sub page_write {
    my ($name, $roff) = @_;
    die "$name: two pages\n" if -e "$folder/$name.3";
    open(my $page, '>', "$folder/$name.3") or die "$folder/$name.3: $!\n";
    print $page $roff or die "$folder/$name.3: $!\n";
    close $page or die "$folder/$name.3: $!\n";
}

for my $block (split /\n\s*\n(?=\S)/, $text) {
    my ($comment, $code) = $block =~ m{^\s*/\*\s?(.*?)\s*\*/[ \t]*\n?(.*)$}s or next;
    my @names = names_of($code, $comment) or next;
    $comment =~ s/^ \* ?//mg;
    my ($brief) = $comment =~ /^(.*?[.:;])(?:\s|$)/s;
    $brief //= $comment;
    $brief =~ s/\s+/ /g;
    $brief =~ s/[.:;]$//;
    my $synopsis = join '', map { escape($_) . "\n" } split /\n/, $code;
    $synopsis =~ s/SCOPEI_INLINE //g;
    page_write($names[0], ".TH \U$names[0]\E 3 \"\" \"taskscope $version\" \"taskscope\"\n" .
        ".SH NAME\n" . join(', ', map { escape($_) } @names) . " \\- " . escape($brief) . "\n" .
        ".SH SYNOPSIS\n.nf\n#include <taskscope.h>\n.PP\n$synopsis.fi\n" .
        ".SH DESCRIPTION\n" . body_of($comment) .
        ".SH SEE ALSO\n.BR taskscope (7),\n.BR taskscope\\-errors (7)\n");
    page_write($_, ".so man3/$names[0].3\n") for @names[1 .. $#names];
}
