/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of option_way.c, for option.c: values are checked there and kept here. */
#pragma once
#include "net/inet/inet.h"

/* *value: what is to be kept. -EINVAL, -EADDRNOTAVAIL. */
MUST_CHECK int option_set_unicast_device(struct inet_socket *i, const struct socket_option *o,
					 int *value);
MUST_CHECK int option_check_preferences(int *value);

int option_give_unicast_device(struct inet_socket *i, struct socket_option *o);
int option_give_mtu(struct inet_socket *i, struct socket_option *o); /* -ENOTCONN */
int option_give_path_mtu(struct inet_socket *i, struct socket_option *o);
