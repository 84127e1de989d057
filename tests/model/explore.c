/* Threads, and the search through their interleavings.
 *
 * An execution is a list of choices.  The search goes through their tree depth first: it repeats the list up to the last choice
 * that has another alternative, takes that, and goes on by default (the thread that runs goes on; loads read the newest store).
 *
 * Which threads are alternatives is found out by dynamic partial-order reduction (Flanagan and Godefroid 2005): only where two steps that
 * do not commute were not ordered by others, the second is tried before the first.  In an exhaustive search sleep sets (Godefroid) leave out
 * what only swaps steps that commute.  A bounded search explores executions with at most so many deviations: preemptions
 * (Musuvathi and Qadeer 2007; with the extra alternatives of Coons et al. 2013), loads of older stores, late buffers, spurious failures.
 * A random one takes threads by priorities that change at random steps (PCT: Burckhardt et al. 2010), or at random. */
#include "explore.h"

#include "sched/worker.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define PROCS (2 * MODEL_THREADS) /* threads, and what empties their buffers */
#define STEPS_MAX 40000           /* longer: nobody makes progress */
#define PAUSES_PATIENT 32         /* a random execution: so many, and who pauses lets all others go ahead */
#define RESTS_MOST 500            /* pauses while nobody else could run: so many in a row, and nothing will change */

struct thread threads[MODEL_THREADS];
struct thread *self;
enum engine engine;
const struct scenario *scenario;
unsigned epoch;
bool tracing;

/* ------------------------------------------------------------------------------------------------------- The choices */

struct choice {
    bool data;
    unsigned taken;
    unsigned n;      /* data: of 0 .. n - 1 */
    unsigned before; /* deviations until here */
    /* threads, as masks of processes */
    unsigned enabled, asleep, wanted, done, free; /* free: those that are no deviation */
    struct op op[PROCS];
};

static struct choice path[2 * STEPS_MAX];
static unsigned path_length; /* choices that are given */
static unsigned path_at;     /* choices made */
static unsigned deviations;
static unsigned bound;
static bool bound_cut;  /* something was left out because of it */
static unsigned asleep; /* processes that would only repeat what was explored already */
static bool exploring;  /* else random, or a replay */
static bool random_walk;

static struct {
    uint64_t executions, abandoned, steps;
} figures;

static struct {
    int engine; /* -1: all */
    uint64_t steps, random, seed;
    const char *replay, *names[16];
    unsigned name_count;
    bool list, sites, outcomes;
} options = {.engine = -1, .steps = 3000000};

/* ------------------------------------------------------------------------------------------------------------ Random */

static uint64_t random_state;
static unsigned priority[PROCS], least_priority, changes[8], change_count, pauses, last_length = 100;

static uint64_t random_next(void)
{
    random_state += 0x9e3779b97f4a7c15; /* splitmix64 */
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void random_begin(uint64_t seed)
{
    random_state = seed;
    random_walk = seed % 3 == 0;
    pauses = 0;
    least_priority = 1000000;
    for (unsigned p = 0; p < PROCS; p++)
        priority[p] = least_priority + 1 + (unsigned)(random_next() % 1000000);
    change_count = (unsigned)(random_next() % 8);
    for (unsigned i = 0; i < change_count; i++)
        changes[i] = (unsigned)(random_next() % last_length);
}

/* ------------------------------------------------------------------------------------------ Steps, and what orders them */

struct step {
    unsigned char proc;
    unsigned choice;
    unsigned block; /* the choice at the first step of this run of steps of one process */
    unsigned clock[PROCS];
};

/* What has been done to an address; cleared by epoch. */
struct access {
    const volatile void *at;
    unsigned epoch;
    unsigned wrote;  /* step + 1; 0: none */
    unsigned locked; /* likewise: a lock was taken last */
    unsigned read[PROCS];
};

#define ACCESSES 65536
static struct access accesses[ACCESSES];
static struct step steps[STEPS_MAX];
static unsigned step_count, last_all, rests;
static unsigned clocks[PROCS][PROCS];
static unsigned last_proc;

static struct access *access_of(const volatile void *at)
{
    for (size_t i = ((uintptr_t)at >> 2) * 0x9e3779b1u % ACCESSES;; i = (i + 1) % ACCESSES) {
        struct access *a = &accesses[i];
        if (a->epoch != epoch) {
            memset(a, 0, sizeof(*a));
            a->epoch = epoch;
            a->at = at;
        }
        if (a->at == at)
            return a;
    }
}

unsigned step_number(void)
{
    return step_count;
}

static bool happens_before(unsigned earlier, const unsigned *clock)
{
    return clock[steps[earlier - 1].proc] >= earlier;
}

/* Which of the processes could begin, if what follows step number `earlier` and does not depend on it, and then a step of proc
 * (clock), were to come before it: those whose first step of these depends on no other. */
static unsigned beginners(unsigned earlier, unsigned proc, const unsigned *clock)
{
    unsigned first[PROCS] = {0}, mask = 0;
    for (unsigned number = earlier + 1; number <= step_count; number++) {
        const struct step *s = &steps[number - 1];
        if (first[s->proc] || happens_before(earlier, s->clock))
            continue;
        first[s->proc] = number;
        bool free = true;
        for (unsigned p = 0; p < PROCS && free; p++)
            free = p == s->proc || !first[p] || s->clock[p] < first[p];
        mask |= free ? 1u << s->proc : 0;
    }
    bool free = !first[proc];
    for (unsigned p = 0; p < PROCS && free; p++)
        free = !first[p] || clock[p] < first[p];
    return mask | (free ? 1u << proc : 0);
}

static void want(unsigned choice, unsigned able, unsigned proc)
{
    struct choice *c = &path[choice];
    able &= c->enabled;
    if (!able)
        c->wanted |= c->enabled;
    else if (!(able & c->wanted))
        c->wanted |= able & 1u << proc ? 1u << proc : able & -able;
}

/* What one step depends on. */
struct dependences {
    unsigned count, number[2 * PROCS + 2];
    unsigned clock[PROCS];
};

static void depend(struct dependences *d, unsigned earlier)
{
    if (earlier == 0)
        return;
    d->number[d->count++] = earlier;
    for (unsigned p = 0; p < PROCS; p++)
        d->clock[p] = steps[earlier - 1].clock[p] > d->clock[p] ? steps[earlier - 1].clock[p] : d->clock[p];
}

/* A step that proc is about to take may be tried before those that it does not commute with. */
static void races_find(const struct dependences *d, unsigned proc)
{
    for (unsigned i = 0; i < d->count; i++) {
        unsigned earlier = d->number[i];
        const struct step *s = &steps[earlier - 1];
        bool ordered = s->proc == proc || happens_before(earlier, clocks[proc]);
        for (unsigned j = 0; j < d->count && !ordered; j++)
            ordered = d->number[j] > earlier && happens_before(earlier, steps[d->number[j] - 1].clock);
        if (ordered)
            continue;
        unsigned able = beginners(earlier, proc, d->clock);
        want(s->choice, able, proc);
        if (bound != BOUND_ALL)
            want(s->block, path[s->block].enabled & able, proc);
    }
}

static struct dependences dependences_of(unsigned proc, struct op op)
{
    struct dependences d = {0};
    memcpy(d.clock, clocks[proc], sizeof(d.clock));
    depend(&d, last_all);
    for (unsigned p = 0; op.all && p < PROCS; p++)
        depend(&d, clocks[p][p]);
    if (op.at && !op.all) {
        const struct access *a = access_of(op.at);
        depend(&d, a->wrote);
        for (unsigned p = 0; op.write && p < PROCS; p++)
            depend(&d, a->read[p]);
    }
    return d;
}

/* A lock could have been taken before the step that took it last, though that one's end comes before this one. */
static void lock_race_find(unsigned proc, struct op op)
{
    unsigned locked = op.locks ? access_of(op.at)->locked : 0;
    if (!locked || steps[locked - 1].proc == proc || happens_before(locked, clocks[proc]))
        return;
    const struct step *s = &steps[locked - 1];
    unsigned able = beginners(locked, proc, clocks[proc]);
    want(s->choice, able, proc);
    if (bound != BOUND_ALL)
        want(s->block, path[s->block].enabled & able, proc);
}

/* The steps that threads have not come to take: what they would have conflicted with is to be tried after them, too. */
static void races_pending(void)
{
    for (unsigned i = 0; exploring && i < MODEL_THREADS; i++) {
        const struct thread *t = &threads[i];
        if (!t->used || t->ended)
            continue;
        const struct dependences d = dependences_of(i, t->next);
        races_find(&d, i);
        lock_race_find(i, t->next);
    }
}

/* proc takes the step op, by choice. */
static void step_record(unsigned proc, struct op op, unsigned choice)
{
    if (step_count == STEPS_MAX)
        fail("no end after %u steps", STEPS_MAX);
    if (!exploring) {
        step_count++;
        return;
    }
    struct dependences d = dependences_of(proc, op);
    races_find(&d, proc);
    lock_race_find(proc, op);
    if (op.after)
        depend(&d, op.after);
    if (op.drains && proc < MODEL_THREADS && clocks[MODEL_THREADS + proc][MODEL_THREADS + proc])
        depend(&d, clocks[MODEL_THREADS + proc][MODEL_THREADS + proc]);
    struct step *s = &steps[step_count++];
    memcpy(s->clock, d.clock, sizeof(s->clock));
    s->clock[proc] = step_count;
    memcpy(clocks[proc], s->clock, sizeof(s->clock));
    s->proc = (unsigned char)proc;
    s->choice = choice;
    s->block = step_count > 1 && s[-1].proc == proc ? s[-1].block : choice;
    if (op.all)
        last_all = step_count;
    if (!op.at || op.all)
        return;
    struct access *a = access_of(op.at);
    if (op.write) {
        memset(a->read, 0, sizeof(a->read));
        a->wrote = step_count;
        a->locked = op.locks ? step_count : a->locked;
    } else {
        a->read[proc] = step_count;
    }
}

static bool independent(const struct op *a, const struct op *b)
{
    if (a->all || b->all)
        return false;
    return !a->at || !b->at || a->at != b->at || (!a->write && !b->write);
}

/* ----------------------------------------------------------------------------------------------------------- Threads */

static jmp_buf engine_resume;
static ucontext_t engine_context, thread_context[MODEL_THREADS];
static unsigned starting;
static char thread_object[MODEL_THREADS]; /* what creating, ending and joining are steps on */
static bool abandoned;

static void to_engine(void)
{
    _longjmp(engine_resume, 1);
}

void abandon(void)
{
    abandoned = true;
    to_engine();
    abort();
}

static bool thread_enabled(const struct thread *t)
{
    if (!t->used || t->ended || (t->next.drains && memory_buffered(t)))
        return false;
    switch (t->blocked) {
    case BLOCKED_NOT:
        return true;
    case BLOCKED_LOCK:
        return memory_holder(t->on) == NULL;
    case BLOCKED_FUTEX:
        return false;
    case BLOCKED_JOIN:
        return ((const struct thread *)t->on)->ended;
    case BLOCKED_PAUSE:
        return step_count > t->paused_at;
    }
    return false;
}

static unsigned enabled_processes(void)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        mask |= thread_enabled(&threads[i]) ? 1u << i : 0;
        mask |= memory_buffered(&threads[i]) ? 1u << (MODEL_THREADS + i) : 0;
    }
    if (mask) {
        rests = 0;
        return mask;
    }
    if (++rests > RESTS_MOST)
        fail("livelock: everybody waits for somebody to change memory");
    for (unsigned i = 0; i < MODEL_THREADS; i++) /* those who wait for others to do something, who don't */
        mask |= threads[i].used && !threads[i].ended && threads[i].blocked == BLOCKED_PAUSE ? 1u << i : 0;
    return mask;
}

static bool scenario_ended(void)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if ((threads[i].used && threads[i].scenarios && !threads[i].ended) || memory_buffered(&threads[i]))
            return false;
    return true;
}

static struct op next_op(unsigned proc)
{
    return proc < MODEL_THREADS ? threads[proc].next : memory_flush_op(&threads[proc - MODEL_THREADS]);
}

/* Those among enabled that may go on without a deviation. */
static unsigned free_processes(unsigned enabled)
{
    unsigned last = last_proc % MODEL_THREADS, buffer = 1u << (MODEL_THREADS + last);
    if (enabled & buffer)
        return buffer;
    unsigned bit = 1u << last, busy = enabled;
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (threads[i].blocked == BLOCKED_PAUSE)
            busy &= ~(1u << i);
    return busy & bit ? bit : busy ? busy : enabled;
}

static unsigned lowest(unsigned mask)
{
    return (unsigned)__builtin_ctz(mask);
}

static unsigned pick_random(unsigned enabled)
{
    for (unsigned i = 0; i < change_count; i++)
        if (changes[i] == step_count)
            priority[last_proc] = least_priority--;
    unsigned best = lowest(enabled);
    for (unsigned rest = enabled; rest; rest &= rest - 1) {
        unsigned p = lowest(rest);
        if (random_walk ? random_next() % 4 == 0 : priority[p] > priority[best])
            best = p;
    }
    return best;
}

static unsigned pick_default(const struct choice *c)
{
    unsigned candidates = c->enabled & ~c->asleep;
    if (!candidates)
        abandon();
    return lowest(c->free & candidates ? c->free & candidates : candidates);
}

/* Chooses who goes on, and records that step. */
static unsigned pick(void)
{
    unsigned enabled = enabled_processes();
    if (!enabled) {
        if (scenario_ended())
            to_engine();
        fail("deadlock: every thread is blocked");
    }
    struct choice *c = &path[path_at];
    if (path_at >= path_length) {
        *c = (struct choice){.asleep = asleep, .done = 0};
        c->enabled = enabled;
        c->free = free_processes(enabled);
        c->before = deviations;
        if (exploring && bound == BOUND_ALL)
            for (unsigned p = 0; p < PROCS; p++)
                if (enabled & 1u << p)
                    c->op[p] = next_op(p);
        c->taken = exploring ? pick_default(c) : pick_random(enabled);
        c->wanted = 1u << c->taken;
    } else if (c->data || !(enabled & 1u << c->taken)) {
        fail("the choices given do not fit: choice %u", path_at);
    }
    unsigned p = c->taken;
    deviations += !(c->free & 1u << p);
    if (exploring && bound == BOUND_ALL) {
        unsigned sleepers = (c->asleep | c->done) & ~(1u << p);
        asleep = 0;
        for (unsigned q = 0; q < PROCS; q++)
            if (sleepers & 1u << q && independent(&c->op[q], &c->op[p]))
                asleep |= 1u << q;
    }
    step_record(p, next_op(p), path_at++);
    last_proc = p;
    return p;
}

unsigned choose(unsigned n)
{
    if (n < 2 || !self)
        return 0;
    struct choice *c = &path[path_at];
    if (path_at >= path_length) {
        *c = (struct choice){.data = true, .n = n, .before = deviations};
        if (!exploring && random_next() % 8 == 0)
            c->taken = (unsigned)(random_next() % n);
    } else if ((!c->data && !options.replay) || c->taken >= n) {
        fail("the choices given do not fit: choice %u", path_at);
    }
    path_at++;
    deviations += c->taken != 0;
    return c->taken;
}

/* Lets the chosen thread go on. */
static void resume(void)
{
    unsigned p;
    while ((p = pick()) >= MODEL_THREADS)
        memory_flush(&threads[p - MODEL_THREADS]);
    struct thread *from = self, *to = &threads[p];
    to->blocked = BLOCKED_NOT;
    if (to == from)
        return;
    if (from)
        from->self = scopei_self;
    self = to;
    scopei_self = to->self;
    if (!from || from->ended || !_setjmp(from->resume))
        _longjmp(to->resume, 1);
}

void point(struct op op)
{
    if (!self)
        return;
    self->next = op;
    resume();
}

static void thread_main(void)
{
    struct thread *t = &threads[starting];
    if (!_setjmp(t->restart))
        swapcontext(&thread_context[t->id], &engine_context);
    (void)t->entry(t->arg);
    point((struct op){.at = &thread_object[t->id], .write = true, .drains = true});
    t->ended = true;
    if (scenario_ended() && !exploring) /* else to the end: what the others would do may conflict with what was done */
        to_engine();
    resume();
}

static void threads_init(void)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        threads[i].id = starting = i;
        getcontext(&thread_context[i]);
        thread_context[i].uc_stack.ss_sp = memory_stack(i);
        thread_context[i].uc_stack.ss_size = STACK_SIZE;
        makecontext(&thread_context[i], thread_main, 0);
        swapcontext(&engine_context, &thread_context[i]);
    }
}

/* As a thread is before it has run. */
static void thread_reset(struct thread *t, bool used)
{
    t->used = used;
    t->ended = t->scenarios = false;
    t->blocked = BLOCKED_NOT;
    t->self = NULL;
    t->next = (struct op){.at = &thread_object[t->id], .write = true};
    memcpy(t->resume, t->restart, sizeof(jmp_buf));
}

struct thread *thread_create(void *(*entry)(void *), void *arg)
{
    unsigned i = 0;
    while (i < MODEL_THREADS && threads[i].used)
        i++;
    if (i == MODEL_THREADS)
        return NULL;
    struct thread *t = &threads[i];
    if (self)
        point((struct op){.at = &thread_object[i], .write = true, .drains = true});
    thread_reset(t, true);
    t->standing = !self;
    t->entry = entry;
    t->arg = arg;
    if (self)
        memory_thread_begins(t, self);
    return t;
}

void thread_join(unsigned id)
{
    self->blocked = BLOCKED_JOIN;
    self->on = &threads[id];
    point((struct op){.at = &thread_object[id], .write = true, .drains = true});
    memory_thread_joined(&threads[id]);
}

void point_paused(void)
{
    self->paused_at = step_count;
    if (++pauses % PAUSES_PATIENT == 0) /* two that wait for a third may not keep it from running for ever */
        priority[self->id] = least_priority--;
    point((struct op){.at = NULL});
}

static void *scenario_thread(void *arg)
{
    const struct thread *t = arg;
    scenario->thread[t->number]();
    return NULL;
}

unsigned model_self(void)
{
    return self->number;
}

/* -------------------------------------------------------------------------------------------------------- Executions */

static char outcomes[64][64];
static unsigned outcome_count;

void model_outcome(const char *format, ...)
{
    char text[64];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (unsigned i = 0; i < outcome_count; i++)
        if (strcmp(outcomes[i], text) == 0)
            return;
    if (outcome_count == 64)
        fail("more than 64 outcomes");
    memcpy(outcomes[outcome_count++], text, sizeof(text));
}

void model_check(bool held, const char *what)
{
    if (!held)
        fail("%s", what);
}

void trace(const char *format, ...)
{
    if (!tracing)
        return;
    va_list args;
    va_start(args, format);
    printf("# %4u  thread %d  ", step_count, self ? (int)self->id : -1);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static void path_print(void)
{
    for (unsigned i = 0; i < path_at;) {
        unsigned j = i;
        while (j < path_at && path[j].taken == path[i].taken)
            j++;
        printf(j - i > 1 ? "%s%u*%u" : "%s%u", i ? "," : "", path[i].taken, j - i);
        i = j;
    }
}

static void path_parse(const char *text)
{
    path_length = 0;
    for (char *end; *text; text = *end == ',' ? end + 1 : end) {
        unsigned taken = (unsigned)strtoul(text, &end, 10), count = 1;
        if (*end == '*')
            count = (unsigned)strtoul(end + 1, &end, 10);
        for (; count > 0; count--)
            path[path_length++].taken = taken;
        if (*end != ',' && *end)
            break;
    }
}

static const char *const engine_names[] = {"sc", "tso", "c11"};
static bool quiet;
static unsigned test_count;

static bool failed_as_it_should;

void fail(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (scenario->fails && strstr(text, scenario->fails) && !options.replay) {
        failed_as_it_should = true;
        abandon();
    }
    if (!quiet) {
        printf("# %s, %s, thread %d, execution %llu: %s\n", scenario->name, engine_names[engine],
               self ? (int)self->id : -1, (unsigned long long)figures.executions, text);
        printf("# repeat and trace it: --engine %s --replay ", engine_names[engine]);
        path_print();
        printf(" %s\nnot ok %u - %s %s\n1..%u\n", scenario->name, test_count + 1, scenario->name, engine_names[engine],
               test_count + 1);
    }
    fflush(stdout);
    _Exit(1);
}

static void crashed(int number)
{
    fail("signal %d", number);
}

static void execution_run(void)
{
    epoch++;
    step_count = last_all = path_at = deviations = asleep = 0;
    memset(clocks, 0, sizeof(clocks));
    memory_begin();
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        struct thread *t = &threads[i];
        thread_reset(t, t->standing);
        if (t->standing)
            memory_thread_begins(t, NULL);
    }
    self = NULL;
    for (unsigned i = 0; scenario->thread[i]; i++) {
        struct thread *t = thread_create(scenario_thread, NULL);
        t->standing = false;
        t->scenarios = true;
        memory_thread_begins(t, NULL);
        t->arg = t;
        t->number = i;
        last_proc = i == 0 ? t->id : last_proc;
    }
    if (!_setjmp(engine_resume))
        resume();
    races_pending();
    self = NULL;
    scopei_self = NULL;
    figures.executions++;
    figures.abandoned += abandoned;
    figures.steps += step_count;
    last_length = step_count + 1;
    if (!abandoned && scenario->finish)
        scenario->finish();
    abandoned = false;
    memory_end();
}

/* The next alternative; false: there is none. */
static bool path_next(void)
{
    for (unsigned i = path_at; i-- > 0;) {
        struct choice *c = &path[i];
        path_length = i + 1;
        if (c->data) {
            if (c->taken + 1 < c->n && (bound == BOUND_ALL || c->before < bound)) {
                c->taken++;
                return true;
            }
            bound_cut |= c->taken + 1 < c->n;
            continue;
        }
        c->done |= 1u << c->taken;
        unsigned others = c->wanted & ~c->done & ~c->asleep;
        if (bound != BOUND_ALL && c->before >= bound) {
            bound_cut |= (others & ~c->free) != 0;
            others &= c->free;
        }
        if (others) {
            c->taken = lowest(others);
            return true;
        }
    }
    return false;
}

/* All executions with at most so many deviations, as far as options.steps goes; true: all. */
static bool search(unsigned deviations_most)
{
    bound = deviations_most;
    bound_cut = false;
    exploring = true;
    path_length = 0;
    while (figures.steps < options.steps) {
        execution_run();
        if (failed_as_it_should || !path_next())
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------------ Command line
 *
 *   explorer [OPTION...] [SCENARIO...]      all whose names begin so; prints TAP
 *
 *   --engine sc|tso|c11   only that one        --steps N      how long to search, each scenario and engine
 *   --random N --seed S   N random executions instead of a search; S: else STRESS_SEED, or 1
 *   --replay CHOICES      one execution, traced; CHOICES as printed by a failure
 *   --list   --outcomes   --quiet              --sites        every atomic access met, for mutants.pl
 *   --weaken PC:ORDER:ORDER,...                runs these with another order */

static void sites_weaken(char *list)
{
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        char *end;
        const void *pc = (const void *)(uintptr_t)strtoul(item, &end, 16);
        int order = (int)strtol(end + 1, &end, 10);
        site_at(pc, NULL, order)->weakened = (int)strtol(end + 1, &end, 10);
    }
}

static void options_parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--engine") == 0) {
            for (int e = 0; e < ENGINES; e++)
                options.engine = strcmp(value, engine_names[e]) == 0 ? e : options.engine;
            i++;
        } else if (strcmp(argv[i], "--steps") == 0) {
            options.steps = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--random") == 0) {
            options.random = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            options.seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--replay") == 0) {
            options.replay = argv[++i];
        } else if (strcmp(argv[i], "--weaken") == 0) {
            sites_weaken(argv[++i]);
        } else if (strcmp(argv[i], "--list") == 0) {
            options.list = true;
        } else if (strcmp(argv[i], "--sites") == 0) {
            options.sites = true;
        } else if (strcmp(argv[i], "--outcomes") == 0) {
            options.outcomes = true;
        } else if (strcmp(argv[i], "--quiet") == 0) {
            quiet = true;
        } else {
            options.names[options.name_count++ % 16] = argv[i];
        }
    }
}

/* True if the scenario's name begins with one of those given, or none is. */
static bool wanted(const struct scenario *s)
{
    bool wanted = options.name_count == 0;
    for (unsigned i = 0; i < options.name_count; i++)
        wanted |= strncmp(s->name, options.names[i], strlen(options.names[i])) == 0;
    return wanted;
}

static bool any_failed;

static int outcome_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* True if the outcomes are those that must be. */
static bool outcomes_right(void)
{
    char found[4096] = "";
    size_t length = 0;
    const char *expected = scenario->outcomes[engine];
    qsort(outcomes, outcome_count, sizeof(outcomes[0]), outcome_compare);
    for (unsigned i = 0; i < outcome_count; i++)
        length += (size_t)snprintf(found + length, sizeof(found) - length, "%s%s", i ? " " : "", outcomes[i]);
    bool right = !expected || strcmp(expected, found) == 0;
    if (expected && options.random) { /* not all need be found */
        right = true;
        for (unsigned i = 0; i < outcome_count; i++)
            right &= strstr(expected, outcomes[i]) != NULL;
    }
    if (!right || options.outcomes)
        printf("# %s, %s: outcomes %s, expected %s\n", scenario->name, engine_names[engine], found, expected);
    return right;
}

/* How far an exploration went: all executions with so many deviations, or one of these. */
enum { REACHED_RANDOM = -2, REACHED_NOTHING, REACHED_ALL = BOUND_ALL };

/* Deeper and deeper. */
static int explore(void)
{
    int reached = REACHED_NOTHING;
    if (options.random) {
        exploring = false;
        bound = BOUND_ALL;
        for (uint64_t i = 0; i < options.random; i++) {
            path_length = 0;
            random_begin(options.seed + i);
            execution_run();
        }
        return REACHED_RANDOM;
    }
    if (scenario->bound == BOUND_ALL)
        return search(BOUND_ALL) ? REACHED_ALL : REACHED_NOTHING;
    for (int b = 0; search((unsigned)b); b++) {
        if (!bound_cut)
            return REACHED_ALL;
        reached = b;
    }
    return reached;
}

static void figures_print(int reached)
{
    uint64_t executions = figures.executions - figures.abandoned;
    const char *name = engine_names[engine];
    char how[64];
    (void)snprintf(how, sizeof(how), "all with %d deviations", reached);
    printf("# %llu executions, %s, %llu steps each\n", (unsigned long long)executions,
           reached == REACHED_ALL      ? "all of them"
           : reached == REACHED_RANDOM ? "at random"
           : reached >= 0              ? how
                                       : "NOT ALL of them",
           (unsigned long long)(figures.steps / (figures.executions ? figures.executions : 1)));
    printf("# figures: explored_%s=%llu\n", name, (unsigned long long)executions);
    if (reached == REACHED_ALL)
        printf("# figures: scenarios_%s_exhaustive=1\n", name);
    else if (reached >= 0)
        printf("# figures: scenarios_%s_bound_%d=1\n", name, reached);
}

static void scenario_begin(const struct scenario *s, enum engine e)
{
    engine = e;
    scenario = s;
    outcome_count = 0;
    memset(&figures, 0, sizeof(figures));
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        threads[i].used = threads[i].standing = false;
    epoch++;
    memory_init();
    self = NULL;
    if (s->setup)
        s->setup();
}

static void scenario_run(const struct scenario *s, enum engine e)
{
    scenario_begin(s, e);
    if (options.replay) {
        tracing = true;
        bound = BOUND_ALL;
        path_parse(options.replay);
        execution_run();
        return;
    }
    failed_as_it_should = false;
    int reached = explore();
    bool good = outcomes_right() && (options.random || failed_as_it_should == (s->fails != NULL));
    any_failed |= !good;
    if (quiet)
        return;
    printf("%s %u - %s %s\n", good ? "ok" : "not ok", ++test_count, s->name, engine_names[e]);
    figures_print(reached);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static char signal_stack[65536];
    const stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
    struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
    const struct scenario *const lists[] = {litmus_scenarios, deque_scenarios, sched_scenarios, scope_scenarios,
                                            pool_scenarios};
    const char *seed = getenv("STRESS_SEED");
    options.seed = seed ? strtoull(seed, NULL, 10) : 1;
    options_parse(argc, argv);
    (void)sigaltstack(&stack, NULL);
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
    memory_init();
    threads_init();
    for (unsigned l = 0; l < sizeof(lists) / sizeof(lists[0]); l++)
        for (const struct scenario *s = lists[l]; s->name; s++) {
            if (!wanted(s))
                continue;
            if (options.list) {
                printf("%s\n", s->name);
                continue;
            }
            for (unsigned e = 0; e < ENGINES; e++)
                if (options.engine < 0 || options.engine == (int)e)
                    scenario_run(s, (enum engine)e);
        }
    if (options.sites)
        for (unsigned i = 0; i < site_count; i++)
            printf("site %p %s %d\n", sites[i].pc, sites[i].what, sites[i].order);
    if (test_count)
        printf("1..%u\n", test_count);
    return any_failed;
}
