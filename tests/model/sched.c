/* The scheduler's pieces under every interleaving, without scopes: executions are short, so that they are searched deeper than those
 * of pool.c.  What one thread hands to another is plain, so that a missing order is a race. */
#include "model.h"

#include "sched/idle.h"
#include "sched/inbox.h"
#include "sched/pool.h"
#include "sched/search.h"

static struct scope_pool *pool;
static struct worker *guest[4];           /* that have entered in setup */
static struct atomic_u64 flag;            /* passes nothing on */
static uint64_t data, pushed, seen;       /* plain */
static uint64_t box[4];                   /* likewise: written before a task is pushed, read by who runs it */
static struct atomic_u64 begun, together; /* tasks that run; so many that must run at once */

/* -------------------------------------------------------------------------------------------- Tasks: a number in a slot */

static bool ready(struct worker *w)
{
    (void)w;
    return true;
}

static void execute(struct worker *w, const struct task *task)
{
    (void)w;
    MUST(box[task->word[TASK_ARG]]++ == 1);
    (void)add_relaxed(&begun, 1);
    while (load_relaxed(&begun) < load_relaxed(&together))
        os_pause();
}

static void fini(struct worker *w)
{
    (void)w;
}

static const struct pool_hooks hooks = {.scopes_size = 64, .ready = ready, .execute = execute, .fini = fini};

/* A private task of w's. */
static void push(struct worker *w)
{
    box[pushed] = 1;
    struct slot *slot = deque_push_anyway(&w->deque);
    for (unsigned i = 0; i < SLOT_WORDS; i++)
        store_relaxed(&slot->word[i], 0);
    store_relaxed(&slot->word[TASK_FUNCTION], TASK_SPAWNED);
    store_relaxed(&slot->word[TASK_LINEAGE], (uint64_t)(uintptr_t)&w->stay);
    store_relaxed(&slot->word[TASK_ARG], pushed++);
}

static bool steal(struct worker *w)
{
    struct task task;
    bool found = scopei_find(w, NULL, &task);
    if (found)
        execute(w, &task);
    return found;
}

/* ------------------------------------------------------------------------------------------------------------- Setups */

static struct worker *enter(void)
{
    struct worker *w = scopei_guest_enter(pool, NULL);
    MUST(w != NULL);
    return w;
}

static void no_pool(void)
{
    scopei_pool_destroy(scopei_pool_create(1, &hooks));
}

static void no_workers(void)
{
    pool = scopei_pool_create(1, &hooks);
}

static void one_guest(void)
{
    no_workers();
    guest[0] = enter();
    worker_self_set(NULL);
}

static void two_guests(void)
{
    one_guest();
    guest[1] = enter();
    worker_self_set(NULL);
}

/* One of these is stood down for the guest. */
static void two_workers(void)
{
    pool = scopei_pool_create(2, &hooks);
    guest[0] = enter();
    worker_self_set(NULL);
}

static void two_workers_alone(void)
{
    pool = scopei_pool_create(2, &hooks);
}

static void three_workers(void)
{
    pool = scopei_pool_create(3, &hooks);
    guest[0] = enter();
    worker_self_set(NULL);
}

/* ------------------------------------------------------------------------------------------------- Parking and waiting */

static struct parker parker;

static void park_for_data(void)
{
    scopei_park(&parker);
    MUST(data == 1);
}

static void unpark_with_data(void)
{
    data++;
    (void)scopei_unpark(&parker);
}

/* A second waker, who knows that the first has been there. */
static void unpark_and_tell(void)
{
    unpark_with_data();
    store_relaxed(&flag, 1);
}

static void unpark_after(void)
{
    while (!load_relaxed(&flag))
        os_pause();
    (void)scopei_unpark(&parker);
}

static struct atomic_u64 pending = {1};

static void help_until_done(void)
{
    struct task task;
    const struct goal goal = {.base = &guest[0]->stay, .depth = 1};
    MUST(!scopei_help(guest[0], &pending, &goal, &task));
    MUST(data == 1);
}

static void complete(void)
{
    struct parker *owner = &guest[0]->parker;
    data++;
    (void)sub_acq_rel(&pending, 1);
    (void)scopei_unpark(owner);
}

/* ---------------------------------------------------------------------------------------------- Slots, guests, pools */

/* Everything that looks through the workers, while there come to be more of them. */
static void look_around(void)
{
    struct task task;
    worker_self_set(guest[0]);
    scopei_request_all(guest[0]);
    (void)scopei_findable(guest[0], NULL);
    scopei_pass_on(guest[0], 1);
    (void)scopei_find(guest[0], NULL, &task);
}

static void look_and_find(void)
{
    (void)scopei_findable(guest[0], NULL);
}

static void look_and_pass_on(void)
{
    scopei_pass_on(guest[0], 1);
}

static void look_and_steal(void)
{
    struct task task;
    (void)scopei_find(guest[0], NULL, &task);
}

static void enter_leave(void)
{
    struct worker *w = scopei_guest_enter(pool, NULL);
    if (w)
        scopei_guest_leave(w, NULL);
}

static void enter_leave_twice(void)
{
    enter_leave();
    enter_leave();
}

static void leave(void)
{
    worker_self_set(guest[0]);
    data++;
    scopei_guest_leave(guest[0], NULL);
}

static void destroy_when_left(void)
{
    while (!scopei_pool_destroy(pool))
        os_pause();
    data++;
}

static void enter_leave_tell(void)
{
    enter_leave();
    store_relaxed(&flag, 1);
}

static void leave_later(void)
{
    while (!load_relaxed(&flag))
        os_pause();
    leave();
}

static void destroy(void)
{
    MUST(scopei_pool_destroy(pool));
}

static void leave_and_destroy(void)
{
    leave();
    destroy();
}

/* The guest stands for a worker of the pool's own. */
static void one_worker(void)
{
    one_guest();
    pool->workers = 1;
}

/* The deputy's thread may be refused; then a guest may have its slot. */
static void start_spare(void)
{
    (void)scopei_spare_start(guest[0]);
}

static void enter_and_look(void)
{
    struct worker *w = scopei_guest_enter(pool, NULL);
    if (w)
        (void)steal(w);
}

static void default_pool(void)
{
    const struct scope_pool *mine = scopei_pool_default(&hooks);
    MUST(mine && mine->hooks == &hooks);
}

/* Whose threads say where they are. */
static void create_and_display(void)
{
    destroy_when_left();
    pool = scopei_pool_create(2, &hooks);
    MUST(scopei_pool_destroy(pool));
}

/* Instead of printing. */
void scopei_topology_display(const struct topology *topology, unsigned started, const int *pin_errors)
{
    (void)topology;
    for (unsigned i = 0; i < started; i++)
        MUST(pin_errors[i] == 0);
}

/* --------------------------------------------------------------------------------------------------- The list of pools */

static struct scope_pool *create(void)
{
    return scopei_pool_create(1, &hooks);
}

static void create_two_destroy(void)
{
    (void)create();
    struct scope_pool *newer = create();
    MUST(scopei_pool_destroy(newer));
}

static void create_three_destroy(void)
{
    (void)create();
    struct scope_pool *middle = create();
    (void)create();
    MUST(scopei_pool_destroy(middle));
}

static void create_with_guest(void)
{
    pool = create();
    enter_leave();
}

static void visited(struct worker *w, void *arg)
{
    (void)arg;
    (void)load_relaxed_ptr(&w->top);
    MUST(w->pool->hooks == &hooks);
}

static void visit(void)
{
    scopei_workers_visit(visited, NULL);
}

/* ----------------------------------------------------------------------------------------------------- Tasks for others */

/* As scopei_pop_slow looks after a withdrawal; the thief may take the last published task meanwhile, and asks for the next. */
static void publish_when_starved(void)
{
    struct deque *d = &guest[0]->deque;
    push(guest[0]);
    push(guest[0]);
    scopei_deque_publish(d, 1);
    for (unsigned i = 0; i < 2; i++)
        if (deque_requested(d)) {
            scopei_deque_clear(d, 2);
            if (deque_private(d) && scopei_deque_starved(d))
                scopei_deque_publish(d, 1);
        }
}

static void steal_once(void)
{
    (void)steal(guest[1]);
}

static void starved_finish(void)
{
    const struct deque *d = &guest[0]->deque;
    MUST(deque_requested(d) || !scopei_deque_starved(d) || !deque_private(d));
}

static void requested_two_guests(void)
{
    two_guests();
    scopei_deque_request(&guest[0]->deque);
}

static void take_back_and_look(void)
{
    struct deque *d = &guest[0]->deque;
    push(guest[0]);
    push(guest[0]);
    scopei_deque_publish(d, 2);
    if (scopei_deque_withdraw(d))
        (void)deque_pop_anyway(d);
    seen = scopei_deque_starved(d);
}

static void look_finish(void)
{
    const struct deque *d = &guest[0]->deque;
    MUST(seen || deque_requested(d) || !scopei_deque_starved(d));
}

/* The owner looks at requests now and then, as pushes and pops do, and computes. */
static void attend_twice(void)
{
    worker_self_set(guest[0]);
    push(guest[0]);
    for (unsigned i = 0; i < 2; i++) {
        if (deque_requested(&guest[0]->deque))
            scopei_attend(guest[0]);
        os_pause();
    }
}

/* When all others sleep: what is private waits only for its owner to look (invariant 9). */
static void attended_finish(void)
{
    const struct deque *d = &guest[0]->deque;
    bool awake = load_relaxed(&pool->idle.searching) > 0;
    for (unsigned i = 0; i < pool->workers; i++)
        awake |= load_relaxed_u32(&pool->slot[i]->parker.state) != PARKER_ASLEEP;
    MUST(awake || deque_requested(d) || !deque_private(d));
    MUST(awake || scopei_deque_starved(d));
}

static void publish_next(void)
{
    push(guest[0]);
    scopei_deque_publish(&guest[0]->deque, 1);
    scopei_idle_notify(pool, &guest[0]->stay);
}

/* Published tasks that need as many workers, one after the other, and then the owner computes until they are through. */
static void publish_and_wait(uint64_t tasks)
{
    worker_self_set(guest[0]);
    store_relaxed(&together, tasks);
    for (uint64_t i = 0; i < tasks; i++) {
        publish_next();
        os_pause();
    }
    while (load_relaxed(&begun) < tasks)
        os_pause();
}

/* A task in the inbox of a worker that nobody looks at after a fence of their own, as they would at a deque: the first one. */
static void put_in_inbox(void)
{
    const struct task task = {
        .word = {[TASK_FUNCTION] = TASK_SPAWNED, [TASK_LINEAGE] = (uint64_t)(uintptr_t)&guest[0]->stay}};
    box[0] = 1;
    MUST(scopei_inbox_put(pool->slot[0], &task));
    scopei_idle_notify(pool, &guest[0]->stay);
    while (load_relaxed(&begun) < 1)
        os_pause();
}

static void publish_one(void)
{
    publish_and_wait(1);
}

/* The guest that publishes has stood down somebody who is about to sleep. */
static void enter_and_publish(void)
{
    guest[0] = enter();
    publish_and_wait(1);
}

static void start_searching(struct worker *w)
{
    w->starting = true;
    store_relaxed(&w->counted, 1);
    store_relaxed(&pool->idle.searching, load_relaxed(&pool->idle.searching) + 1);
}

/* Two that search, one task to be found, and another that is published meanwhile: each needs one of them. */
static void two_searchers(void)
{
    two_guests();
    guest[2] = enter();
    worker_self_set(NULL);
    push(guest[0]);
    scopei_deque_publish(&guest[0]->deque, 1);
    for (unsigned i = 1; i < 3; i++)
        start_searching(guest[i]);
    store_relaxed(&together, 2);
}

static void search_and_run(void)
{
    struct task task;
    struct worker *w = guest[model_self() + 1];
    worker_self_set(w);
    if (scopei_search(w, &task))
        execute(w, &task);
}

static void publish_another(void)
{
    worker_self_set(guest[0]);
    publish_next();
    while (load_relaxed(&begun) < 2)
        os_pause();
}

static void publish_two(void)
{
    publish_and_wait(2);
}

/* The same, but of the two that search the first may be stood down, and the second goes on when it has found one. */
static void two_searchers_to_stand_down(void)
{
    two_guests();
    for (unsigned i = 2; i < 4; i++) {
        guest[i] = enter();
        worker_self_set(NULL);
    }
    pool->workers = 2; /* the first two guests pass for the pool's own */
    push(guest[2]);
    scopei_deque_publish(&guest[2]->deque, 1);
    for (unsigned i = 0; i < 2; i++)
        start_searching(guest[i]);
    store_relaxed(&together, 2);
}

static void first_searches(void)
{
    struct task task;
    worker_self_set(guest[0]);
    if (scopei_search(guest[0], &task))
        execute(guest[0], &task);
}

static void second_searches(void)
{
    struct task task;
    worker_self_set(guest[1]);
    while (scopei_search(guest[1], &task))
        (void)add_relaxed(&begun, 1);
}

static void publish_another_and_stop(void)
{
    worker_self_set(guest[2]);
    push(guest[2]);
    scopei_deque_publish(&guest[2]->deque, 1);
    scopei_idle_notify(pool, &guest[2]->stay);
    while (load_relaxed(&begun) < 2)
        os_pause();
    store_relaxed(&pool->stopping, 1);
    scopei_idle_wake_all(pool);
}

static void stand_first_down(void)
{
    scopei_idle_stand_in(guest[3]);
    MUST(guest[3]->deputy == guest[0]);
}

static void stand_first_down_and_up(void)
{
    stand_first_down();
    scopei_idle_stand_out(guest[3]);
}

static void searching_finish(void)
{
    MUST(load_relaxed(&pool->idle.searching) == 0);
}

/* Three that search for one task each, and four tasks, of which the owner takes the newest: while it tries to take two, the others do
 * not see those. */
static void three_searchers(void)
{
    two_searchers();
    guest[3] = enter();
    worker_self_set(NULL);
    for (unsigned i = 0; i < 3; i++)
        push(guest[0]);
    scopei_deque_publish(&guest[0]->deque, 3);
    start_searching(guest[3]);
    store_relaxed(&together, 0);
}

static void take_one_and_compute(void)
{
    worker_self_set(guest[0]);
    (void)scopei_pop_slow(guest[0]);
    while (load_relaxed(&begun) < 3) {
        if (deque_requested(&guest[0]->deque))
            scopei_attend(guest[0]);
        os_pause();
    }
}

#define ALONE .setup = no_workers
#define GUEST .setup = one_guest
#define GUESTS .setup = two_guests
#define PAIR .setup = two_workers
#define TRIO .setup = three_workers

const struct scenario sched_scenarios[] = {
    {"part_park_data", .thread = {park_for_data, unpark_with_data}, .bound = 3, .wakes_spuriously = true},
    {"part_park_two", .thread = {park_for_data, unpark_and_tell, unpark_after}, .bound = 3},
    {"part_help", GUEST, .thread = {help_until_done, complete}, .bound = 3},
    {"part_slots", GUEST, .thread = {look_around, enter_leave}, .bound = 3},
    {"part_slots_findable", GUEST, .thread = {look_and_find, enter_leave}, .bound = 3},
    {"part_slots_pass_on", GUEST, .thread = {look_and_pass_on, enter_leave}, .bound = 3},
    {"part_slots_find", GUEST, .thread = {look_and_steal, enter_leave}, .bound = 3},
    {"part_guests", ALONE, .thread = {enter_leave, enter_leave_twice}, .bound = 3},
    {"part_guest_destroy", GUEST, .thread = {leave, destroy_when_left}, .bound = 3},
    {"part_guest_memory", GUEST, .thread = {enter_leave_tell, leave_later, destroy_when_left}, .bound = 3,
     .memory_fails = true},
    {"part_spare_refused", .setup = one_worker, .thread = {start_spare, enter_and_look}, .bound = 3,
     .memory_fails = true},
    {"part_default_pool", .setup = no_pool, .thread = {default_pool, default_pool}, .bound = 3},
    {"part_display", ALONE, .thread = {create_and_display}, .bound = 3, .displays = true},
    {"part_stop", .setup = two_workers_alone, .thread = {destroy}, .bound = 3, .wakes_spuriously = true},
    {"part_registry_add", .setup = no_pool, .thread = {create_with_guest, visit}, .bound = 3},
    {"part_registry_newest", .setup = no_pool, .thread = {create_two_destroy, visit}, .bound = 3},
    {"part_registry_middle", .setup = no_pool, .thread = {create_three_destroy, visit}, .bound = 3},
    {"part_registry_visited", GUEST, .thread = {leave_and_destroy, visit, visit}, .bound = 3},
    {"part_steal_starved", GUESTS, .finish = starved_finish, .thread = {publish_when_starved, steal_once}, .bound = 3},
    {"part_steal_starved_again", .setup = requested_two_guests, .finish = starved_finish,
     .thread = {publish_when_starved, steal_once}, .bound = 3},
    {"part_steal_meanwhile", GUESTS, .finish = look_finish, .thread = {take_back_and_look, steal_once}, .bound = 3},
    {"part_idle_attend", PAIR, .finish = attended_finish, .thread = {attend_twice}, .bound = 3},
    {"part_idle_attend_of_three", TRIO, .finish = attended_finish, .thread = {attend_twice}, .bound = 3},
    {"part_idle_publish", PAIR, .thread = {publish_one}, .bound = 3},
    {"part_idle_enter", .setup = two_workers_alone, .thread = {enter_and_publish}, .bound = 3},
    {"part_idle_inbox", PAIR, .thread = {put_in_inbox}, .bound = 3},
    {"part_idle_won", .setup = two_searchers, .thread = {search_and_run, search_and_run, publish_another}, .bound = 3},
    {"part_idle_take_back", .setup = three_searchers,
     .thread = {search_and_run, search_and_run, search_and_run, take_one_and_compute}, .bound = 3},
    {"part_idle_publish_two", TRIO, .thread = {publish_two}, .bound = 3},
    {"part_idle_down", .setup = two_searchers_to_stand_down, .finish = searching_finish,
     .thread = {first_searches, second_searches, publish_another_and_stop, stand_first_down}, .bound = 2},
    {"part_idle_down_and_up", .setup = two_searchers_to_stand_down, .finish = searching_finish,
     .thread = {first_searches, second_searches, publish_another_and_stop, stand_first_down_and_up}, .bound = 2},
    {.name = NULL},
};
