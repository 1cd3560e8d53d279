/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the bad path share; impair.c has the theory. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 65600

struct frame {
	int64_t due_ns;
	uint64_t number;
	size_t len;
	uint8_t bytes[];
};

struct counts {
	unsigned long taken, lost, cut, overflowed, too_big, duplicated, reordered, corrupted,
		fragmented, delivered, delivered_bytes;
};

struct impairment {
	double loss, duplicate, corrupt, burst, reorder; /* percent; frames */
	double hold, delay, jitter;                      /* ms */
	double rate, queue;                              /* Mbit/s; frames */
	double mtu, icmp, fragment, seed;
};

/* One direction. */
struct way {
	int from, to;
	struct way *back;
	struct impairment bad;
	struct counts counts;
	struct frame **heap; /* the earliest first */
	size_t nr_waiting, heap_room;
	uint64_t next_number;
	bool is_stuck;       /* the end took no more */
	bool is_losing;      /* Gilbert's bad state */
	uint64_t random;     /* the generator's state */
	unsigned stream;     /* its number */
	int64_t *departures; /* when each of the last `queue` frames has left, a ring */
	size_t next_departure;
	int64_t free_at_ns;  /* when the line has sent all that it has */
	int64_t last_due_ns; /* of those that keep the order */
};

void way_init(struct way *w, struct way *back, unsigned stream);
bool way_set(struct way *w, const char *text); /* KEY=VALUE; false: it is none */
/* What becomes of a frame that came now. */
void way_take(struct way *w, uint8_t *bytes, size_t len, int64_t now_ns);
void way_deliver_at(struct way *w, const uint8_t *bytes, size_t len, int64_t due_ns);

/* router.c: a packet above the path's MTU. Answers it, or cuts it in parts that are sent on. */
bool ip_is_too_big(const uint8_t *frame, size_t len, size_t mtu);
size_t ip_too_big_answer(const uint8_t *frame, size_t len, size_t mtu, uint8_t *answer);
/* The next part of an IPv4 packet that may be cut, from *at on; 0: no more, or it may not. */
size_t ip_fragment(const uint8_t *frame, size_t len, size_t mtu, size_t *at, uint8_t *part);

bool capture_open(const char *path);
void capture_frame(const uint8_t *bytes, size_t len);
void capture_close(void);

void impair_fail(const char *what, const char *on) __attribute__((noreturn));
