/* Atomic words: the one place that spells memory orders.
 *
 * Every word that two threads may touch is one of these structs, so that a plain access to it does not compile.  The name
 * of a call says its order.  Beside each acquire, release, read-modify-write and fence in the sources stands a line
 * `pairs with: function`, which names the other side.  Data passes between threads by release and acquire on words alone,
 * never by fences, so that ThreadSanitizer checks the code that ships; fences only decide who saw whom first. */
#ifndef DEQUE_ATOMIC_H
#define DEQUE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

struct atomic_u64 {
    uint64_t raw;
};

struct atomic_u32 {
    uint32_t raw;
};

struct atomic_ptr {
    void *raw;
};

static inline uint64_t load_relaxed(const struct atomic_u64 *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_RELAXED);
}

static inline uint64_t load_acquire(const struct atomic_u64 *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_ACQUIRE);
}

static inline void store_relaxed(struct atomic_u64 *a, uint64_t value)
{
    __atomic_store_n(&a->raw, value, __ATOMIC_RELAXED);
}

static inline void store_release(struct atomic_u64 *a, uint64_t value)
{
    __atomic_store_n(&a->raw, value, __ATOMIC_RELEASE);
}

static inline uint64_t exchange_relaxed(struct atomic_u64 *a, uint64_t value)
{
    return __atomic_exchange_n(&a->raw, value, __ATOMIC_RELAXED);
}

static inline uint64_t exchange_acq_rel(struct atomic_u64 *a, uint64_t value)
{
    return __atomic_exchange_n(&a->raw, value, __ATOMIC_ACQ_REL);
}

/* Each add returns the value before. */
static inline uint64_t add_relaxed(struct atomic_u64 *a, uint64_t value)
{
    return __atomic_fetch_add(&a->raw, value, __ATOMIC_RELAXED);
}

static inline uint64_t add_release(struct atomic_u64 *a, uint64_t value)
{
    return __atomic_fetch_add(&a->raw, value, __ATOMIC_RELEASE);
}

static inline uint64_t add_acq_rel(struct atomic_u64 *a, uint64_t value)
{
    return __atomic_fetch_add(&a->raw, value, __ATOMIC_ACQ_REL);
}

static inline uint64_t sub_relaxed(struct atomic_u64 *a, uint64_t value)
{
    return __atomic_fetch_sub(&a->raw, value, __ATOMIC_RELAXED);
}

static inline uint64_t sub_release(struct atomic_u64 *a, uint64_t value)
{
    return __atomic_fetch_sub(&a->raw, value, __ATOMIC_RELEASE);
}

static inline uint64_t sub_acq_rel(struct atomic_u64 *a, uint64_t value)
{
    return __atomic_fetch_sub(&a->raw, value, __ATOMIC_ACQ_REL);
}

/* A compare-and-swap that fails only if the word differs from expected. */
static inline bool cas_acq_rel(struct atomic_u64 *a, uint64_t expected, uint64_t desired)
{
    return __atomic_compare_exchange_n(&a->raw, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline bool cas_relaxed(struct atomic_u64 *a, uint64_t expected, uint64_t desired)
{
    return __atomic_compare_exchange_n(&a->raw, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline bool cas_acquire(struct atomic_u64 *a, uint64_t expected, uint64_t desired)
{
    return __atomic_compare_exchange_n(&a->raw, &expected, desired, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline bool cas_release(struct atomic_u64 *a, uint64_t expected, uint64_t desired)
{
    return __atomic_compare_exchange_n(&a->raw, &expected, desired, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

static inline uint32_t load_relaxed_u32(const struct atomic_u32 *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_RELAXED);
}

static inline void store_relaxed_u32(struct atomic_u32 *a, uint32_t value)
{
    __atomic_store_n(&a->raw, value, __ATOMIC_RELAXED);
}

static inline uint32_t exchange_relaxed_u32(struct atomic_u32 *a, uint32_t value)
{
    return __atomic_exchange_n(&a->raw, value, __ATOMIC_RELAXED);
}

/* Acquires even if the caller ignores the result: of an exchange with no register for that, ARMv8.1 does not acquire. */
static inline uint32_t exchange_acquire_u32(struct atomic_u32 *a, uint32_t value)
{
    uint32_t old = __atomic_exchange_n(&a->raw, value, __ATOMIC_ACQUIRE);
    __asm__ volatile("" : : "r"(old));
    return old;
}

static inline uint32_t exchange_release_u32(struct atomic_u32 *a, uint32_t value)
{
    return __atomic_exchange_n(&a->raw, value, __ATOMIC_RELEASE);
}

static inline bool cas_acquire_u32(struct atomic_u32 *a, uint32_t expected, uint32_t desired)
{
    return __atomic_compare_exchange_n(&a->raw, &expected, desired, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void *load_relaxed_ptr(const struct atomic_ptr *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_RELAXED);
}

static inline void *load_acquire_ptr(const struct atomic_ptr *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_ACQUIRE);
}

static inline void store_relaxed_ptr(struct atomic_ptr *a, void *value)
{
    __atomic_store_n(&a->raw, value, __ATOMIC_RELAXED);
}

static inline void store_release_ptr(struct atomic_ptr *a, void *value)
{
    __atomic_store_n(&a->raw, value, __ATOMIC_RELEASE);
}

static inline void *exchange_acquire_ptr(struct atomic_ptr *a, void *value)
{
    return __atomic_exchange_n(&a->raw, value, __ATOMIC_ACQUIRE);
}

static inline void *exchange_acq_rel_ptr(struct atomic_ptr *a, void *value)
{
    return __atomic_exchange_n(&a->raw, value, __ATOMIC_ACQ_REL);
}

static inline bool cas_release_ptr(struct atomic_ptr *a, void *expected, void *desired)
{
    return __atomic_compare_exchange_n(&a->raw, &expected, desired, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* Orders every access before it against every access after it, in one total order of all such fences. */
static inline void fence_seq_cst(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Keeps the compiler, not the processor, from moving accesses across; the other side calls os_barrier_all. */
static inline void fence_compiler(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
