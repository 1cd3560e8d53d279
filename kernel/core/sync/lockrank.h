/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of locks, for people: one is taken only while locks that stand above it are held. A
 * new lock gets its line here.
 *
 * No code knows this list. Under DEBUG lockcheck.c learns the order from what happens (A was
 * held when B was taken) and panics at the first pair that closes a circle, wherever the two stand
 * here; so a test must take both ways for a mistake to show. It lets pass: two locks of one class
 * (inodes, whose order is by address), and wait queues and spinlocks in allocated memory that
 * were given no name.
 *
 * kmem_alloc() and page_alloc() may reclaim, and reclaiming lets inodes go that nobody uses. So
 * what an inode's end takes counts as innermost among the mutexes: nothing is allocated with it
 * held.
 *
 * Mutexes (outermost first)
 *	io_uring's ring.lock	user memory is copied and eventfds are written under it
 *	control_lock of terminals	from the look for one to its being had
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
