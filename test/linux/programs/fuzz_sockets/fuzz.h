/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of every kind and everything that can be said to them, at random from a seed: what the
 * parts of fuzz_sockets share. main.c has the rounds, sockets.c opens what there is, options.c
 * sets and asks, messages.c sends and receives with control messages, netlink.c speaks netlink,
 * control.c has ioctls and filters, tidy.c puts the network back as it was.
 *
 * Arguments lie at the end of a page with no access behind it, so that a byte too many that the
 * kernel reads or writes fails, and are plausible more often than wild.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define ROOM      65536u /* of a place's bytes */
#define NR_PLACES 4u
#define SOCKETS   24u

extern int sockets[SOCKETS];

/* main.c */
uint64_t next_random(void);
unsigned below(unsigned n);
bool one_in(unsigned n);
uint32_t some_number(void); /* small, near a border, an interface, an address, anything */
/* `len` bytes that end where access ends; random and plausible, or as they are. */
void *place(unsigned which, unsigned len);
void *filled_place(unsigned which, unsigned len);
unsigned some_length(void); /* up to a few hundred, most often of an int */
int some_socket(void);
void close_descriptor(int fd); /* one that came; never a socket of the round's own */

void open_sockets(void); /* sockets.c */
void close_one_and_open(void);
void name_sockets(void);                        /* bind, connect, listen, accept at random */
unsigned make_address(void *to, unsigned room); /* a struct sockaddr of any kind */
void fuzz_options(void);                        /* options.c */
void fuzz_messages(void);                       /* messages.c */
void fuzz_netlink(void);                        /* netlink.c */
void fuzz_control(void);                        /* control.c */

/* tidy.c: what netlink and ioctls did to interfaces, addresses and routes goes. False: the kernel
 * does not answer as it should. */
bool tidy(void);
