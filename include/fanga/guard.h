/*
 * What scoped guards and lock annotations share.
 *
 * A guard is a local variable whose cleanup function undoes what its initialiser did when the block
 * is left by any way. The annotations tell sparse which lock a function takes or gives back; to the
 * compiler they are nothing. Sparse does not know cleanup functions, so a guard's pair carries no
 * annotation: the compiler keeps it balanced.
 */
#pragma once

#define GUARD_PASTE_(a, b) a##b
#define GUARD_PASTE(a, b)  GUARD_PASTE_(a, b)

/* A name not used before in this translation unit. */
#define GUARD_NAME(prefix) GUARD_PASTE(prefix, __COUNTER__)

#ifdef __CHECKER__
#define lock_acquires(lock) __attribute__((context(lock, 0, 1)))
#define lock_releases(lock) __attribute__((context(lock, 1, 0)))
#define lock_acquire(lock)  __context__(lock, 1)
#define lock_release(lock)  __context__(lock, -1)
#define lock_try(taken, lock)       \
	((taken) ? ({               \
		lock_acquire(lock); \
		true;               \
	})                          \
		 : false)
#else
#define lock_acquires(lock)
#define lock_releases(lock)
#define lock_acquire(lock)    ((void)0)
#define lock_release(lock)    ((void)0)
#define lock_try(taken, lock) (taken)
#endif
