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
/* The caller's process becomes the owner, as by F_SETOWN. -ENOMEM. */
MUST_CHECK int owner_set_self(struct file *f);
/* F_NOTIFY's signal, O_ASYNC or not. f has an owner. Thread context. */
void owner_tell(const struct file *f, int fd);
/* Set as vfs_owner_release: the last reference to a file with an owner is gone. */
void owner_release(struct file *f);
