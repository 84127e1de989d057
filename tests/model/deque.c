/* The deque under every interleaving.  A task is a number; its data lie in a box, written before it is pushed and read by who gets
 * it, so that a missing release or acquire is a race.  However it goes, each task is got exactly once, or left. */
#include "model.h"

#include "deque/deque.h"

#define CAPACITY 8
#define TASKS 8

static struct slot slots[CAPACITY];
static struct deque deque;
static uint64_t box[TASKS];
static uint32_t rewritten[CAPACITY]; /* plain: written with each slot, read with each theft that is won */
static uint32_t drifted;             /* likewise, when drift is */
static unsigned got[6][TASKS];       /* by thread, how often each task */
static unsigned pushed;              /* by the owner */
static bool asked;                   /* the owner has seen that nothing is published */
static bool drained;                 /* the owner has popped until nothing was left */

static void begin(uint64_t first)
{
    scopei_deque_init(&deque, slots, CAPACITY, first);
}

static void begin_at_0(void)
{
    begin(0);
}

/* Indices wrap around in the middle of it. */
static void begin_at_the_end(void)
{
    begin(UINT64_MAX);
}

static void fill(struct slot *slot)
{
    box[pushed] = pushed + 100;
    rewritten[slot - slots]++;
    for (unsigned i = 0; i < SLOT_WORDS;
         i += 4) /* the first word and one more: that they belong together is what matters */
        store_relaxed(&slot->word[i], pushed);
    pushed++;
}

static void push(void)
{
    fill(deque_push_anyway(&deque));
}

static void take_note(uint64_t task)
{
    MUST(task < TASKS && box[task] == task + 100);
    got[model_self()][task]++;
}

/* As the scheduler pops: private ones first, then what is published. */
static bool pop(void)
{
    struct slot *slot = deque_pop(&deque);
    if (!slot && deque_private(&deque))
        slot = deque_pop_anyway(&deque);
    uint64_t drift = load_relaxed(&deque.drift);
    if (!slot)
        slot = scopei_deque_take(&deque);
    if (drift != load_relaxed(&deque.drift))
        drifted++;
    if (slot)
        take_note(load_relaxed(&slot->word[0]));
    return slot != NULL;
}

static void pop_all(void)
{
    while (pop())
        ;
    drained = true;
}

static void steal_once(void)
{
    struct theft theft;
    if (scopei_deque_peek(&deque, &theft) != THEFT_WON)
        return;
    unsigned clock = model_clock();
    uint64_t at = theft.index - load_relaxed(&deque.drift);
    if (!scopei_deque_commit(&deque, &theft))
        return;
    model_read_at(&rewritten[at], clock);
    model_read_at(&drifted, clock);
    MUST(theft.word[0] == theft.word[4]);
    take_note(theft.word[0]);
}

static void steal_twice(void)
{
    steal_once();
    steal_once();
}

/* When all is over, the owner can still get what is left. */
static void finish(void)
{
    for (unsigned task = 0; task < pushed; task++) {
        unsigned times = 0;
        for (unsigned thread = 0; thread < 6; thread++)
            times += got[thread][task];
        for (uint64_t i = load_relaxed(&deque.top); i != deque.index; i++)
            times += load_relaxed(&slots[i - load_relaxed(&deque.drift)].word[0]) == task;
        for (const struct slot *slot = deque.shared; slot < deque.bottom; slot++)
            times += load_relaxed(&slot->word[0]) == task;
        MUST(times == 1);
    }
    MUST(load_relaxed(&deque.pub) == deque.index);
    MUST(!drained || (load_relaxed(&deque.top) == deque.index && !deque_private(&deque)));
    MUST(load_relaxed(&deque.floor) == DEQUE_FLOOR_POISON ||
         load_relaxed(&deque.floor) >= (uint64_t)(uintptr_t)deque.shared);
}

/* ------------------------------------------------------------------------------------------------------------ Owners */

static void publish_one_take(void)
{
    push();
    scopei_deque_publish(&deque, 1);
    pop_all();
}

static void publish_two_take(void)
{
    push();
    push();
    scopei_deque_publish(&deque, 2);
    pop_all();
}

/* One published, one private. */
static void publish_oldest_take(void)
{
    push();
    push();
    scopei_deque_publish(&deque, 1);
    pop_all();
}

static void publish_one_by_one(void)
{
    push();
    scopei_deque_publish(&deque, 1);
    push();
    scopei_deque_publish(&deque, 1);
    (void)pop();
}

/* The slots are used again, under another drift. */
static void publish_take_reset_publish(void)
{
    push();
    scopei_deque_publish(&deque, 1);
    pop_all();
    MUST(scopei_deque_reset(&deque, slots));
    push();
    scopei_deque_publish(&deque, 1);
    pop_all();
}

/* What was stolen is not waited for: the slot is used as soon as the deque is empty. */
static void publish_reset_publish(void)
{
    push();
    push();
    scopei_deque_publish(&deque, 1);
    (void)pop();
    if (scopei_deque_starved(&deque) && scopei_deque_reset(&deque, slots)) {
        push();
        scopei_deque_publish(&deque, 1);
    }
    (void)pop();
}

static void publish_withdraw(void)
{
    for (unsigned i = 0; i < 3; i++)
        push();
    scopei_deque_publish(&deque, 3);
    if (scopei_deque_withdraw(&deque))
        (void)pop();
    push();
    scopei_deque_publish(&deque, 1);
}

static void publish_withdraw_take(void)
{
    push();
    push();
    scopei_deque_publish(&deque, 2);
    (void)scopei_deque_withdraw(&deque);
    pop_all();
}

/* ---------------------------------------------------------------------------------------------------------- Requests */

static struct atomic_u64 hungry;
static unsigned seen_hungry; /* the owner's */

/* As a worker that goes to sleep. */
static void request_hungry(void)
{
    (void)add_acq_rel(&hungry, 1);
    fence_seq_cst();
    scopei_deque_request(&deque);
}

/* As scopei_attend. */
static void attend(void)
{
    scopei_deque_clear(&deque, 2);
    seen_hungry |= load_relaxed(&hungry) != 0;
}

static void attend_requests(void)
{
    for (unsigned i = 0; i < 2; i++)
        if (deque_requested(&deque))
            attend();
    attend();
}

/* Whoever asked was seen, or is still heard. */
/* It was asked before, and nobody was hungry. */
static void begin_requested(void)
{
    begin(0);
    scopei_deque_request(&deque);
}

static void request_finish(void)
{
    MUST(seen_hungry || deque_requested(&deque));
}

/* A thief that takes the last published task asks for the next, which is then published, or asked for still. */
static void steal_request(void)
{
    steal_once();
    fence_seq_cst();
    if (!scopei_deque_stealable(&deque))
        scopei_deque_request(&deque);
}

/* The owner takes the newest published task back meanwhile, and looks whether anything is left, as scopei_pop_slow does. */
static void publish_take_look(void)
{
    push();
    push();
    scopei_deque_publish(&deque, 2);
    (void)(scopei_deque_withdraw(&deque) && pop());
    asked = scopei_deque_starved(&deque);
}

static void look_finish(void)
{
    finish();
    MUST(asked || deque_requested(&deque) || !scopei_deque_starved(&deque));
}

static void publish_when_starved(void)
{
    push();
    push();
    scopei_deque_publish(&deque, 1);
    for (unsigned i = 0; i < 2; i++)
        if (deque_requested(&deque)) {
            scopei_deque_clear(&deque, 2);
            if (deque_private(&deque) && scopei_deque_starved(&deque))
                scopei_deque_publish(&deque, 1);
        }
}

static void starved_finish(void)
{
    finish();
    MUST(deque_requested(&deque) || !scopei_deque_starved(&deque) || !deque_private(&deque));
}

/* Pops and pushes as the inline functions do, while somebody asks: tasks that are published are never popped plainly. */
static void pop_under_request(void)
{
    push();
    push();
    scopei_deque_publish(&deque, 1);
    (void)pop();
    if (deque_requested(&deque))
        scopei_deque_clear(&deque, 2);
    struct slot *slot = deque_push(&deque);
    if (slot)
        fill(slot);
    pop_all();
}

static void request_steal(void)
{
    scopei_deque_request(&deque);
    steal_once();
}

#define DEQUE .setup = begin_at_0, .finish = finish

const struct scenario deque_scenarios[] = {
    {"deque_take_steal", DEQUE, .thread = {publish_one_take, steal_once}, .bound = BOUND_ALL},
    {"deque_take_two_thieves", DEQUE, .thread = {publish_one_take, steal_once, steal_once}, .bound = BOUND_ALL},
    {"deque_take_twice_steal", DEQUE, .thread = {publish_two_take, steal_once}, .bound = BOUND_ALL},
    {"deque_take_twice_steal_twice", DEQUE, .thread = {publish_two_take, steal_twice}, .bound = BOUND_ALL},
    {"deque_take_twice_two_thieves", DEQUE, .thread = {publish_two_take, steal_once, steal_once}, .bound = BOUND_ALL},
    {"deque_private_take_steal", DEQUE, .thread = {publish_oldest_take, steal_twice}, .bound = BOUND_ALL},
    {"deque_publish_twice_steal", DEQUE, .thread = {publish_one_by_one, steal_twice}, .bound = BOUND_ALL},
    {"deque_publish_twice_two_thieves", DEQUE, .thread = {publish_one_by_one, steal_once, steal_once},
     .bound = BOUND_ALL},
    {"deque_reset_steal", DEQUE, .thread = {publish_take_reset_publish, steal_once}, .bound = BOUND_ALL},
    {"deque_reset_two_thieves", DEQUE, .thread = {publish_take_reset_publish, steal_once, steal_once},
     .bound = BOUND_ALL},
    {"deque_reset_stolen", DEQUE, .thread = {publish_reset_publish, steal_twice}, .bound = BOUND_ALL},
    {"deque_reset_stolen_two_thieves", DEQUE, .thread = {publish_reset_publish, steal_once, steal_once},
     .bound = BOUND_ALL},
    {"deque_withdraw_steal", DEQUE, .thread = {publish_withdraw, steal_twice}, .bound = BOUND_ALL},
    {"deque_withdraw_two_thieves", DEQUE, .thread = {publish_withdraw, steal_twice, steal_once}, .bound = BOUND_ALL},
    {"deque_withdraw_take", DEQUE, .thread = {publish_withdraw_take, steal_twice}, .bound = BOUND_ALL},
    {"deque_wrap_around", .setup = begin_at_the_end, .finish = finish, .thread = {publish_two_take, steal_twice},
     .bound = BOUND_ALL},
    {"deque_request", .setup = begin_at_0, .finish = request_finish, .thread = {attend_requests, request_hungry},
     .bound = BOUND_ALL},
    {"deque_request_again", .setup = begin_requested, .finish = request_finish,
     .thread = {attend_requests, request_hungry}, .bound = BOUND_ALL},
    {"deque_request_two", .setup = begin_at_0, .finish = request_finish,
     .thread = {attend_requests, request_hungry, request_hungry}, .bound = 3},
    {"deque_starved", .setup = begin_at_0, .finish = starved_finish, .thread = {publish_when_starved, steal_request},
     .bound = BOUND_ALL},
    {"deque_starved_again", .setup = begin_requested, .finish = starved_finish,
     .thread = {publish_when_starved, steal_request}, .bound = BOUND_ALL},
    {"deque_starved_meanwhile", .setup = begin_at_0, .finish = look_finish,
     .thread = {publish_take_look, steal_request}, .bound = BOUND_ALL},
    {"deque_pop_under_request", DEQUE, .thread = {pop_under_request, request_steal}, .bound = BOUND_ALL},
    {.name = NULL},
};
