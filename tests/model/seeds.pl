#!/usr/bin/perl
# Puts mistakes that such libraries really had, and removed re-checks, into a copy of the source, one by one, and looks whether the
# explorer finds a scenario that fails.
#
#   tests/model/seeds.pl STEPS
#
# Prints TAP.  The copy is build/seeded; only what a mistake touches is compiled again.
use strict;
use warnings;
use List::Util qw(any);

$| = 1;
my ($steps) = @ARGV;

# what, file, text, what stands there instead, scenarios
my @seeds = (
    ['a slot is read after the swing', 'deque/deque.c',
        "    /* Release: pairs with: scopei_deque_starved",
        "    if (!cas_release(&d->top, theft->index, theft->index + 1))\n        return false;\n" .
        "    for (size_t i = 0; i < SLOT_WORDS; i++)\n        ((struct theft *)(uintptr_t)theft)->word[i] = " .
        "load_relaxed(&d->slots[theft->index - load_relaxed(&d->drift)].word[i]);\n    return true;\n" .
        "    /* Release: pairs with: scopei_deque_starved", 'deque'],
    ['indices are compared as if they never wrapped around', 'deque/deque.c',
        'return (int64_t)(a - b);', 'return a > b ? 1 : a == b ? 0 : -1;', 'deque'],
    ['the last task is taken without a swing', 'deque/deque.c',
        'if (distance(last, top) <= 0)', 'if (distance(last, top) < 0)', 'deque'],
    ['taking the last task leaves top where it is', 'deque/deque.c',
        'cas_acquire(&d->top, last, last + 1);', 'cas_acquire(&d->top, last, last);', 'deque'],
    ['a withdrawal does not look at top again', 'deque/deque.c',
        'if (distance(oldest, load_relaxed(&d->top)) <= 0)', 'if (false)', 'deque'],
    ['drift changes though something is published', 'deque/deque.c',
        'if (d->bottom != d->shared || !scopei_deque_starved(d))', 'if (d->bottom != d->shared)', 'deque'],
    ['floor does not follow before tasks are published', 'deque/deque.c',
        'floor_follow(d);                  /* before', ';                  /* before', 'deque'],
    ['a request is cleared by two stores that may come late', 'deque/deque.c',
        "    fence_seq_cst();\n}\n\nvoid scopei_deque_request", "}\n\nvoid scopei_deque_request", 'deque'],
    ['a parker forgets a wake-up that comes first', 'sched/os.c',
        'if (exchange_relaxed_u32(&parker->state, PARKER_ASLEEP) != PARKER_NOTIFIED) {',
        'store_relaxed_u32(&parker->state, PARKER_ASLEEP);' . "\n    {", 'parker'],
    ['a sleep that ends early is taken for a wake-up', 'sched/os.c',
        'while (load_relaxed_u32(&parker->state) == PARKER_ASLEEP)', 'if (true)', 'parker'],
    ['a worker parks without a last look', 'sched/search.c',
        'bool work = scopei_findable(w, NULL);', 'bool work = false;', 'wake'],
    ['the last look forgets the inboxes', 'sched/victim.c',
        'if (scopei_inbox_glance(victim, goal) || (victim != w', 'if ((victim != w', 'wake'],
    ['a worker that is stood down does not look, and knows of that from before its fence', 'sched/search.c',
        "    scopei_request_all(w);\n    /* After the fence: who has relied on us may have stood us down before it.  Whoever does so later counts " .
        "for us. */\n    bool down = worker_is_down(w);\n    bool work = ",
        "    bool down = worker_is_down(w);\n    if (!down)\n        scopei_request_all(w);\n    bool work = !down && ",
        'part_idle wake'],
    ['a wake-up for a worker that was stood down meanwhile is not passed on', 'sched/search.c',
        'if (work && down)', 'if (false)', 'part_idle wake'],
    ['a publisher wakes nobody', 'sched/idle.c',
        "(void)scopei_idle_wake(pool, node, NULL);\n}", "(void)node;\n}", 'wake'],
    ['who stands a worker down and the worker both take it off the count', 'sched/idle.c',
        'load_relaxed(&w->counted) && exchange_relaxed(&w->counted, 0)', 'load_relaxed(&w->counted)', 'part_idle wake'],
    ['who has found a task does not wait for who takes it off the count', 'sched/search.c',
        'if (scopei_search_uncount(idle, w))', 'if (scopei_search_uncount(idle, w) || true)', '--engine sc --steps 5000000 part_idle_down'],
    ['what a withdrawal has hidden for a moment nobody is told of', 'sched/worker.c',
        'if (slot && scopei_deque_stealable(d))', 'if (false)', 'part_idle'],
    ['a stolen task is not counted by its proxy', 'scope/join.c',
        'proxy_init(node, w, origin, reserve ? NULL : origin);', 'proxy_init(node, w, origin, NULL);', 'join'],
    ['a node is left while tasks of it run', 'scope/join.c',
        'if (!reserve && !node_quiet(node) && !node_settle(node))', 'if (!reserve && !node_quiet(node) && !node_settle(node) && false)', 'join'],
    ['who completes a node wakes nobody', 'scope/join.c',
        '(void)scopei_unpark(&owner->parker);', '(void)owner;', 'join'],
    ['a thief of a fork tells nobody that it has ended', 'scope/fork.c',
        "    store_release(&forked_slot(task)->word[TASK_META], 0);", "    (void)task;", 'join'],
    ['an opened scope does not look whether it is cancelled already', 'scope/cancel.c',
        '(void)mark(s, SCOPE_REASON_PARENT);' . "\n    else if", ';' . "\n    else if", 'cancel'],
    ['a canceller visits only once', 'scope/cancel.c',
        'while (spread.marked);', 'while (false);', 'cancel'],
    ['a callback runs without being won', 'scope/cancel.c',
        'if (!cas_acquire(&callback->state, CALLBACK_ARMED, CALLBACK_RUNNING))',
        'if (load_acquire(&callback->state) != CALLBACK_ARMED)', 'cancel'],
    ['a pool is freed while somebody visits it', 'sched/pool.c',
        "    while (load_acquire(&registry.visitors))", "    while (false)", 'pool'],
    ['a pool is freed before its threads have ended', 'sched/pool.c',
        '(void)pthread_join(pool->slot[i]->thread, NULL);', ';', 'pool'],
);

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}

sub spill {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
}

my ($copy, $number, $found) = ('build/seeded', 0, 0);
system("rm -rf $copy && mkdir -p $copy/build && cp -a Makefile deque sched scope tests bench $copy && cp -a build/model $copy/build") == 0 or die;
for my $seed (@seeds) {
    my ($what, $file, $text, $instead, $scenarios) = @$seed;
    my $source = slurp($file);
    my $at = index $source, $text;
    my ($good, $why) = (0, '');
    if ($at < 0) {
        $why = "$file does not have the text any more";
    } else {
        substr($source, $at, length $text) = $instead;
        spill("$copy/$file", $source);
        if (system("make -s -C $copy explorer WERROR= > $copy/log 2>&1") != 0) {
            $why = 'does not compile: ' . slurp("$copy/log");
        } else {
            $good = any { system("$copy/build/model/explorer --quiet --engine c11 $_ $scenarios > $copy/log 2>&1") != 0 }
                ("--random @{[$steps / 500]}", "--steps $steps");
            $why = 'no scenario fails' if !$good;
        }
        system("cp -a $file $copy/$file && touch $copy/$file");
    }
    $number++;
    $found += $good ? 1 : 0;
    print $good ? 'ok' : 'not ok', " $number - seeded: $what\n";
    print "# $_\n" for split /\n/, $why;
}
print "1..$number\n# figures: mistakes=$number mistakes_found=$found\n";
