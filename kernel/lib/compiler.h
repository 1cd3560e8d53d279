/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the language lacks: attributes, container_of, scoped clean-up, linker sets.
 *
 * A linker set is an unordered array that any file may add an element to:
 *	LINKER_SET_ITEM(drivers, struct driver) my_driver = {...};	in a leaf
 *	LINKER_SET(drivers, struct driver);				where it is walked
 *	LINKER_SET_FOREACH(drivers, d) ...
 * The section is named set_<name>; the linker defines its bounds.
 *
 * A kernel may be linked without some of its parts: pack/link/parts.def says when each is in, and
 * what stands in for its functions when it is not. A caller that must know which it is says
 * OPTIONAL(function): the address is NULL where the part is out.
 */
#pragma once

#define MUST_CHECK    __attribute__((warn_unused_result))
#define NORETURN      __attribute__((noreturn))
#define PACKED        __attribute__((packed))
#define ALIGNED(n)    __attribute__((aligned(n)))
#define SECTION(name) __attribute__((section(name)))
#define UNUSED        __attribute__((unused))
#define USED          __attribute__((used))
#define NOINLINE      __attribute__((noinline))
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))

/* For a MUST_CHECK result that is not wanted; a comment says why. */
#define IGNORE_RESULT(call) \
	({ \
		__typeof__(call) ignored_ = (call); \
		(void)ignored_; \
	})

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - __builtin_offsetof(type, member)))
#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))

#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier()        __asm__ volatile("" ::: "memory")

#define min(a, b) \
	({ \
		__typeof__(a) min_a = (a); \
		__typeof__(b) min_b = (b); \
		min_a < min_b ? min_a : (__typeof__(a))min_b; \
	})
#define max(a, b) \
	({ \
		__typeof__(a) max_a = (a); \
		__typeof__(b) max_b = (b); \
		max_a > max_b ? max_a : (__typeof__(a))max_b; \
	})

#define align_up(x, a)   (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define align_down(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define is_aligned(x, a) (((x) & ((__typeof__(x))(a)-1)) == 0)

#define CONCAT_(a, b) a##b
#define CONCAT(a, b)  CONCAT_(a, b)

/* `scoped(unlock_fn) type *x = lock(...)`: unlock_fn(&x) runs however the scope is left. */
#define SCOPED(cleanup_fn) __attribute__((cleanup(cleanup_fn)))

#define LINKER_SET(name, type) \
	extern const type __start_set_##name[] __attribute__((weak)); \
	extern const type __stop_set_##name[] __attribute__((weak))
#define LINKER_SET_ITEM(name, type) \
	static const type SECTION("set_" #name) ALIGNED(__alignof__(type)) USED /* no gaps */
#define LINKER_SET_FOREACH(name, it) \
	for (__typeof__(&__start_set_##name[0]) it = __start_set_##name; it < __stop_set_##name; \
	     it++)

#define OPTIONAL(name) extern __typeof__(name) name __attribute__((weak))
