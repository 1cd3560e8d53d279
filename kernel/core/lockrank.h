/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The total order of locks: one is taken only while locks of lower rank are held.
 *
 * Mutexes (outermost first)
 *	superblock.rename_lock	two directories of one file system change together
 *	inode.lock		parents before children; two directories by address
 *	vmspace.lock		held across page fills, so no pager may take inode.lock
 *	file.pos_lock		is taken before inode.lock and never with vmspace.lock held
 *	read_lock of sockets	before vmspace.lock: user memory is copied under it
 *	unix_rights_lock	inside of read_lock; nothing sleeps long under it
 *
 * Spinlocks (outermost first)
 *	process and task locks of linux/, sighand
 *	list of terminals, tty.lock, pty.lock, a port's own
 *	unix_lock or inet_lock, socket.lock	one socket's at a time
 *	waitq.lock		callbacks of poll entries run under it
 *	object.lock, dcache lock, superblock.lock
 *	runqueue.lock, cpu.timer_lock
 *	page and kmem locks	innermost but for the log's
 *	log lock
 */
#pragma once
