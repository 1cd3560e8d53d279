/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is told by SIGIO and SIGURG what happens to a file: owner.c has the theory. */
#pragma once
#include "core/file.h"
#include "lib/compiler.h"

/* F_SETOWN and F_GETOWN, their _EX forms, F_SETSIG, F_GETSIG (fcntl(2)). */
MUST_CHECK long owner_fcntl(struct file *f, unsigned cmd, unsigned long arg);
/* FASYNC is to be on or off. */
MUST_CHECK int owner_set_async(int fd, struct file *f, bool on);
/* SIOCSPGRP, FIOSETOWN and what reads them; -ENOTTY: not mine. */
MUST_CHECK long owner_ioctl(struct file *f, unsigned cmd, unsigned long arg);
/* Set as vfs_owner_release: the last reference to a file with an owner is gone. */
void owner_release(struct file *f);
