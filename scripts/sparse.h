/*
 * For sparse only (scripts/lint includes it in front of every file): the compiler's atomic
 * operations as plain expressions. Sparse 0.6 refuses them on bool and enum, and what it cannot
 * read it does not check; for the balance of locks the values are all that counts.
 */
#define __atomic_load_n(p, order)	  (*(p))
#define __atomic_store_n(p, value, order) ((void)(*(p) = (value)))
#define __atomic_test_and_set(p, order)	  __atomic_exchange_n((p), 1, (order))
#define __atomic_clear(p, order)	  ((void)(*(p) = 0))

#define SPARSE_FETCH_(p, assignment)                                                               \
	({                                                                                         \
		__typeof__(*(p)) sparse_old_ = *(p);                                               \
		*(p) assignment;                                                                   \
		sparse_old_;                                                                       \
	})
#define __atomic_exchange_n(p, value, order) SPARSE_FETCH_((p), = (value))
#define __atomic_fetch_add(p, value, order)  SPARSE_FETCH_((p), += (value))
#define __atomic_fetch_sub(p, value, order)  SPARSE_FETCH_((p), -= (value))
#define __atomic_fetch_and(p, value, order)  SPARSE_FETCH_((p), &= (value))
#define __atomic_fetch_or(p, value, order)   SPARSE_FETCH_((p), |= (value))
#define __atomic_fetch_xor(p, value, order)  SPARSE_FETCH_((p), ^= (value))
#define __atomic_add_fetch(p, value, order)  (*(p) += (value))
#define __atomic_sub_fetch(p, value, order)  (*(p) -= (value))
#define __atomic_and_fetch(p, value, order)  (*(p) &= (value))
#define __atomic_or_fetch(p, value, order)   (*(p) |= (value))

#define __atomic_compare_exchange_n(p, expected, value, weak, success, failure)                    \
	(*(p) == *(expected) ? (*(p) = (value), 1) : (*(expected) = *(p), 0))
