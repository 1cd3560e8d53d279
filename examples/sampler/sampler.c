/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples a source at a fixed rate, and sends what it measured to a collector by UDP, many samples
 * to a datagram. The source here is how late each tick of its own timer comes, in nanoseconds: what
 * a sampler wants to be small.
 *
 *	sampler [COLLECTOR:PORT [RATE_HZ [SECONDS]]]	by default 127.0.0.1:7100, 1000, 2
 *
 * A datagram: the number of its first sample, a count, then so many differences; 32-bit integers,
 * big-endian. At the end a line on stdout says how many samples were sent.
 */
#include <hull.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 100u

static struct {
	struct hull_timer timer;
	struct hull_udp *out;
	struct hull_address collector;
	hull_ns first_due, period;
	uint32_t nr_samples, nr_wanted, nr_batched, nr_missed;
	uint32_t batch[2 + BATCH];
} s;

static void flush(void)
{
	if (s.nr_batched == 0)
		return;
	s.batch[0] = htonl(s.nr_samples - s.nr_batched);
	s.batch[1] = htonl(s.nr_batched);
	hull_udp_send(s.out, &s.collector, s.batch, (2 + s.nr_batched) * sizeof(s.batch[0]));
	s.nr_batched = 0;
}

static void finish(int signo, void *user)
{
	hull_timer_stop(&s.timer);
	flush();
	hull_udp_close(s.out);
	printf("%u samples\n", s.nr_samples);
	hull_stop(0);
}

static void sample(struct hull_timer *t, void *user)
{
	hull_ns late = (hull_now() - s.first_due) % s.period;

	s.batch[2 + s.nr_batched++] = htonl((uint32_t)late);
	s.nr_samples++;
	if (s.nr_batched == BATCH)
		flush();
	if (s.nr_samples == s.nr_wanted)
		finish(0, NULL);
}

/* Nobody listens there yet: that is no reason to stop. */
static void lost(struct hull_udp *u, const struct hull_address *to, int error)
{
	s.nr_missed++;
}

static void ignore(struct hull_udp *u, const struct hull_datagram *d)
{
}

int hull_start(int argc, char **argv)
{
	struct hull_udp_config config = { .received = ignore, .failed = lost };
	const char *where = argc > 1 ? argv[1] : "127.0.0.1:7100";
	unsigned rate = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
	unsigned seconds = argc > 3 ? (unsigned)atoi(argv[3]) : 2;
	int err = hull_address_parse(where, 7100, &s.collector);

	if (rate == 0 || rate > 100000 || seconds == 0) {
		hull_log("sampler: a rate from 1 to 100000, and at least one second");
		return 2;
	}
	if (err == 0)
		err = hull_udp_open(&config, &s.out);
	if (err != 0) {
		hull_log("sampler: %s: %s", where, strerror(-err));
		return 1;
	}
	s.period = HULL_SECOND / rate;
	s.first_due = hull_now() + s.period;
	s.nr_wanted = rate * seconds;
	hull_on_interrupt(SIGTERM, finish, NULL);
	hull_timer_init(&s.timer, sample, NULL);
	hull_timer_start(&s.timer, s.period, s.period);
	return 0;
}
