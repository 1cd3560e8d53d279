/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations, by the files that have them. `prepare` checks what an entry must not say and
 * copies what the program may reuse as soon as the submission is over (vectors, headers, times);
 * `issue` may be called many times: whenever its file has become ready again.
 */
#pragma once
#include "linux/uring/uring.h"

/* op_file.c: bytes of files */
int prepare_rw(struct request *r);
int prepare_rw_vectors(struct request *r);
int prepare_rw_fixed(struct request *r);
long issue_read(struct request *r);
long issue_write(struct request *r);
int prepare_fsync(struct request *r);
long issue_fsync(struct request *r);
int prepare_sync_range(struct request *r);
long issue_sync_range(struct request *r);
long issue_fallocate(struct request *r);
long issue_fadvise(struct request *r);
long issue_madvise(struct request *r);
int prepare_splice(struct request *r);
long issue_splice(struct request *r);
long issue_tee(struct request *r);
void clean_splice(struct request *r);

/* op_path.c: names and descriptors */
int prepare_path(struct request *r);
int prepare_close(struct request *r);
long issue_open(struct request *r);
long issue_open2(struct request *r);
long issue_close(struct request *r);
long issue_statx(struct request *r);
long issue_rename(struct request *r);
long issue_unlink(struct request *r);
long issue_mkdir(struct request *r);
long issue_symlink(struct request *r);
long issue_link(struct request *r);
long issue_xattr_set(struct request *r);
long issue_xattr_get(struct request *r);
long issue_xattr_set_file(struct request *r);
long issue_xattr_get_file(struct request *r);
long issue_epoll(struct request *r);
long issue_files_update(struct request *r);
long issue_message(struct request *r);
/* A new descriptor becomes a registered file if sqe.file_index asks for that. */
long fd_to_slot(struct request *r, long fd, unsigned slot);

/* op_socket.c */
int prepare_message(struct request *r);
long issue_send_message(struct request *r);
long issue_receive_message(struct request *r);
void clean_message(struct request *r);
int prepare_message_zero_copy(struct request *r);
int prepare_send_zero_copy(struct request *r);
long issue_send_zero_copy(struct request *r);
int prepare_send(struct request *r);
int prepare_receive(struct request *r);
long issue_send(struct request *r);
long issue_receive(struct request *r);
int prepare_accept(struct request *r);
long issue_accept(struct request *r);
int prepare_connect(struct request *r);
long issue_connect(struct request *r);
int prepare_shutdown(struct request *r);
long issue_shutdown(struct request *r);
int prepare_socket(struct request *r);
long issue_socket(struct request *r);

/* op_poll.c: waiting, and ending it */
int prepare_poll(struct request *r);
long issue_poll(struct request *r);
int prepare_poll_remove(struct request *r);
long issue_poll_remove(struct request *r);
int prepare_timeout(struct request *r);
long issue_timeout(struct request *r);
void clean_timeout(struct request *r);
int prepare_timeout_remove(struct request *r);
long issue_timeout_remove(struct request *r);
int prepare_link_timeout(struct request *r);
long issue_link_timeout(struct request *r);
int prepare_cancel(struct request *r);
long issue_cancel(struct request *r);
/* IORING_REGISTER_SYNC_CANCEL; without ring->lock. */
long cancel_now(struct uring *ring, uaddr_t arg);
