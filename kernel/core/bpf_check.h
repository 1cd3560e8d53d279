/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
#include "lib/bpf.h"

/* Is a program that came from outside safe to run (lib/bpf.h)? 0, -EINVAL, -ENOMEM. May sleep. */
MUST_CHECK int bpf_check(const struct sock_filter *program, unsigned nr);
