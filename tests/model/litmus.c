/* The usual small programs of memory models, for the explorer itself: which outcomes each engine must find, and no others.  As in
 * Alglave, Maranget and Tautschnig (2014), and for the C11 engine in Lahav et al. (2017).
 *
 * A thread is a string: `x=1` stores (`x=1r` with release), `a=x` loads (`a=x@` with acquire), `a+x` adds 1, relaxed, `a^x` exchanges
 * for 1, acquire and release, `a?x` swaps 0 for 1, `L` takes a lock and `U` gives it back, `D` and `a=D` access plain data, `F` is a fence, `B` a barrier of all, `C` a fence
 * for the compiler. */
#include "explore.h"

#include "deque/atomic.h"
#include "sched/os.h"

#include <pthread.h>
#include <string.h>

static struct atomic_u64 shared['z' + 1];
static uint64_t seen['z' + 1]; /* a to d: each is one thread's */
static uint64_t data;
static pthread_mutex_t lock;

static void load(unsigned char to, const char *from)
{
    if (*from == 'D')
        seen[to] = data;
    else if (from[1] == '@')
        seen[to] = load_acquire(&shared[(unsigned char)*from]);
    else
        seen[to] = load_relaxed(&shared[(unsigned char)*from]);
}

static void store(unsigned char to, const char *value)
{
    uint64_t number = (uint64_t)(*value - '0');
    if (to == 'D')
        data = number;
    else if (value[1] == 'r')
        store_release(&shared[to], number);
    else
        store_relaxed(&shared[to], number);
}

static void step(const char *text)
{
    unsigned char to = (unsigned char)text[0];
    struct atomic_u64 *from = &shared[(unsigned char)text[1] ? (unsigned char)text[2] : 0];
    switch (text[1]) {
    case '=':
        (text[2] >= '0' && text[2] <= '9' ? store : load)(to, text + 2);
        break;
    case '+':
        seen[to] = add_relaxed(from, 1);
        break;
    case '^':
        seen[to] = exchange_acq_rel(from, 1);
        break;
    case '?':
        seen[to] = cas_acq_rel(from, 0, 1);
        break;
    default:
        if (to == 'F')
            fence_seq_cst();
        else if (to == 'B')
            scopei_barrier_all();
        else if (to == 'L')
            pthread_mutex_lock(&lock);
        else if (to == 'U')
            pthread_mutex_unlock(&lock);
        else
            fence_compiler();
    }
}

static void run(void)
{
    char text[64], *rest = NULL;
    strcpy(text, scenario->program[model_self()]);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        step(word);
}

static void finish(void)
{
    char text[16];
    unsigned n = 0;
    for (const char *name = scenario->shown; *name; name++) {
        unsigned char at = (unsigned char)*name;
        text[n++] = (char)('0' + (at >= 'x' ? load_relaxed(&shared[at]) : seen[at]));
    }
    text[n] = '\0';
    model_outcome("%s", text);
}

/* ------------------------------------------------------------------------------ Mistakes that must be found, on purpose */

static struct parker parker;
static void *block;

static void sleep_unwoken(void)
{
    scopei_park(&parker);
}

static void wake_too_early(void)
{
    store_relaxed_u32(&parker.state, PARKER_NOTIFIED); /* but nobody is woken */
}

static void block_setup(void)
{
    block = scopei_map(64);
}

static void block_free(void)
{
    store_relaxed(&shared['x'], 1);
    scopei_unmap(block, 64);
}

static void block_use(void)
{
    if (load_relaxed(&shared['x']))
        store_relaxed(block, 1);
}

#define THREADS2 .thread = {run, run}, .finish = finish, .bound = BOUND_ALL
#define THREADS3 .thread = {run, run, run}, .finish = finish, .bound = BOUND_ALL
#define THREADS4 .thread = {run, run, run, run}, .finish = finish, .bound = BOUND_ALL
#define SAME(set) .outcomes = {set, set, set}

const struct scenario litmus_scenarios[] = {
    {"litmus_sb", THREADS2, .program = {"x=1 a=y", "y=1 b=x"}, .shown = "ab",
     .outcomes = {"01 10 11", "00 01 10 11", "00 01 10 11"}},
    {"litmus_sb_release", THREADS2, .program = {"x=1r a=y@", "y=1r b=x@"}, .shown = "ab",
     .outcomes = {"01 10 11", "00 01 10 11", "00 01 10 11"}},
    {"litmus_sb_fences", THREADS2, .program = {"x=1 F a=y", "y=1 F b=x"}, .shown = "ab", SAME("01 10 11")},
    {"litmus_sb_one_fence", THREADS2, .program = {"x=1 F a=y", "y=1 b=x"}, .shown = "ab",
     .outcomes = {"01 10 11", "00 01 10 11", "00 01 10 11"}},
    {"litmus_sb_exchanges", THREADS2, .program = {"c^x a=y@", "d^y b=x@"}, .shown = "ab",
     .outcomes = {"01 10 11", "01 10 11", "00 01 10 11"}},
    {"litmus_sb_barrier", THREADS2, .program = {"x=1 C a=y", "y=1 B b=x"}, .shown = "ab", SAME("01 10 11")},
    {"litmus_mp", THREADS2, .program = {"x=1 y=1", "a=y b=x"}, .shown = "ab",
     .outcomes = {"00 01 11", "00 01 11", "00 01 10 11"}},
    {"litmus_mp_release", THREADS2, .program = {"x=1 y=1r", "a=y@ b=x"}, .shown = "ab", SAME("00 01 11")},
    {"litmus_mp_no_acquire", THREADS2, .program = {"x=1 y=1r", "a=y b=x"}, .shown = "ab",
     .outcomes = {"00 01 11", "00 01 11", "00 01 10 11"}},
    {"litmus_mp_fences", THREADS2, .program = {"x=1 F y=1", "a=y F b=x"}, .shown = "ab", SAME("00 01 11")},
    {"litmus_lb", THREADS2, .program = {"a=x y=1", "b=y x=1"}, .shown = "ab", SAME("00 01 10")},
    {"litmus_coherence", THREADS2, .program = {"x=1 x=2", "a=x b=x"}, .shown = "ab", SAME("00 01 02 11 12 22")},
    {"litmus_coherence_write_read", THREADS2, .program = {"x=1 a=x", "x=2"}, .shown = "ax", SAME("11 12 22")},
    {"litmus_wrc", THREADS3, .program = {"x=1", "a=x y=1", "b=y c=x"}, .shown = "abc",
     .outcomes = {"000 001 010 011 100 101 111", "000 001 010 011 100 101 111", "000 001 010 011 100 101 110 111"}},
    {"litmus_wrc_release", THREADS3, .program = {"x=1", "a=x@ y=1r", "b=y@ c=x"}, .shown = "abc",
     SAME("000 001 010 011 100 101 111")},
    {"litmus_isa2", THREADS3, .program = {"x=1 y=1r", "a=y@ z=1r", "b=z@ c=x"}, .shown = "abc",
     SAME("000 001 010 011 100 101 111")},
    {"litmus_iriw", THREADS4, .program = {"x=1r", "y=1r", "a=x@ b=y@", "c=y@ d=x@"}, .shown = "abcd",
     .outcomes = {"0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111",
                  "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111",
                  "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111"}},
    {"litmus_iriw_fences", THREADS4, .program = {"x=1", "y=1", "a=x F b=y", "c=y F d=x"}, .shown = "abcd",
     SAME("0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111")},
    {"litmus_2+2w", THREADS2, .program = {"x=1 y=2", "y=1 x=2"}, .shown = "xy",
     .outcomes = {"12 21 22", "12 21 22", "11 12 21 22"}},
    {"litmus_2+2w_fences", THREADS2, .program = {"x=1 F y=2", "y=1 F x=2"}, .shown = "xy", SAME("12 21 22")},
    {"litmus_r", THREADS2, .program = {"x=1 y=1", "y=2 a=x"}, .shown = "ya",
     .outcomes = {"10 11 21", "10 11 20 21", "10 11 20 21"}},
    {"litmus_s", THREADS2, .program = {"x=2 y=1", "a=y x=1"}, .shown = "xa",
     .outcomes = {"10 11 20", "10 11 20", "10 11 20 21"}},
    {"litmus_s_release", THREADS2, .program = {"x=2 y=1r", "a=y@ x=1"}, .shown = "xa", SAME("10 11 20")},
    {"litmus_add", THREADS3, .program = {"a+x", "b+x", "c+x"}, .shown = "x", SAME("3")},
    {"litmus_swap", THREADS3, .program = {"a?x", "b?x", "c?x"}, .shown = "abc", SAME("001 010 100")},
    {"litmus_release_sequence", THREADS3, .program = {"x=1 y=1r", "c+y", "a=y@ b=x"}, .shown = "cab",
     SAME("000 001 010 011 100 101 111 121")},
    {"litmus_lock", THREADS2, .program = {"z=1 L a+x U", "c=z L b+x U"}, .shown = "abc", SAME("010 011 100 101")},
    {"litmus_lock_bounded", .thread = {run, run}, .finish = finish, .bound = 3,
     .program = {"z=1 L a+x U", "c=z L b+x U"}, .shown = "abc", SAME("010 011 100 101")},
    {"litmus_data", THREADS2, .program = {"D=1 y=1r", "a=y@"}, .shown = "a", SAME("0 1")},
    {"litmus_race", THREADS2, .program = {"D=1 y=1", "a=y@ b=D"}, .shown = "a", .fails = "race"},
    {"litmus_deadlock", .thread = {sleep_unwoken, wake_too_early}, .bound = BOUND_ALL, .fails = "deadlock"},
    {"litmus_freed", .setup = block_setup, .thread = {block_free, block_use}, .bound = BOUND_ALL, .fails = "munmap"},
    {.name = NULL},
};
