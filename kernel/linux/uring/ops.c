/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of operations: what io_uring_register(2), IORING_REGISTER_PROBE, says there are. */
#include "linux/uring/ops.h"

static long issue_nothing(struct request *r)
{
	return 0;
}

#define IN     (OP_FILE | OP_IN | OP_IOPRIO | OP_IOPOLL)
#define OUT    (OP_FILE | OP_OUT | OP_IOPRIO | OP_IOPOLL)
#define SOCKET (OP_FILE | OP_SOCKET)

static const struct uring_op ops[IORING_OP_LAST] = {
	[IORING_OP_NOP] = { NULL, issue_nothing, NULL, OP_NO_ASYNC | OP_IOPOLL },
	[IORING_OP_READV] = { prepare_rw_vectors, issue_read, NULL, IN | OP_BUFFER_SELECT },
	[IORING_OP_WRITEV] = { prepare_rw_vectors, issue_write, NULL, OUT },
	[IORING_OP_READ_FIXED] = { prepare_rw_fixed, issue_read, NULL, IN },
	[IORING_OP_WRITE_FIXED] = { prepare_rw_fixed, issue_write, NULL, OUT },
	[IORING_OP_READ] = { prepare_rw, issue_read, NULL, IN | OP_BUFFER_SELECT },
	[IORING_OP_WRITE] = { prepare_rw, issue_write, NULL, OUT },
	[IORING_OP_FSYNC] = { prepare_fsync, issue_fsync, NULL, OP_FILE },
	[IORING_OP_SYNC_FILE_RANGE] = { prepare_sync_range, issue_sync_range, NULL, OP_FILE },
	[IORING_OP_FALLOCATE] = { NULL, issue_fallocate, NULL, OP_FILE },
	[IORING_OP_FADVISE] = { NULL, issue_fadvise, NULL, OP_FILE },
	[IORING_OP_MADVISE] = { NULL, issue_madvise, NULL, 0 },
	[IORING_OP_SPLICE] = { prepare_splice, issue_splice, clean_splice, OP_FILE },
	[IORING_OP_TEE] = { prepare_splice, issue_tee, clean_splice, OP_FILE },

	[IORING_OP_OPENAT] = { prepare_path, issue_open, NULL, 0 },
	[IORING_OP_OPENAT2] = { prepare_path, issue_open2, NULL, 0 },
	[IORING_OP_CLOSE] = { prepare_close, issue_close, NULL, 0 },
	[IORING_OP_STATX] = { prepare_path, issue_statx, NULL, 0 },
	[IORING_OP_RENAMEAT] = { prepare_path, issue_rename, NULL, 0 },
	[IORING_OP_UNLINKAT] = { prepare_path, issue_unlink, NULL, 0 },
	[IORING_OP_MKDIRAT] = { prepare_path, issue_mkdir, NULL, 0 },
	[IORING_OP_SYMLINKAT] = { prepare_path, issue_symlink, NULL, 0 },
	[IORING_OP_LINKAT] = { prepare_path, issue_link, NULL, 0 },
	[IORING_OP_SETXATTR] = { prepare_path, issue_xattr_set, NULL, 0 },
	[IORING_OP_GETXATTR] = { prepare_path, issue_xattr_get, NULL, 0 },
	[IORING_OP_FSETXATTR] = { prepare_path, issue_xattr_set_file, NULL, 0 },
	[IORING_OP_FGETXATTR] = { prepare_path, issue_xattr_get_file, NULL, 0 },
	[IORING_OP_EPOLL_CTL] = { NULL, issue_epoll, NULL, 0 },
	[IORING_OP_FILES_UPDATE] = { NULL, issue_files_update, NULL, OP_IOPOLL },
	[IORING_OP_PROVIDE_BUFFERS] = { NULL, op_provide_buffers, NULL, OP_IOPOLL },
	[IORING_OP_REMOVE_BUFFERS] = { NULL, op_remove_buffers, NULL, OP_IOPOLL },
	[IORING_OP_MSG_RING] = { NULL, issue_message, NULL, OP_FILE | OP_IOPOLL },

	[IORING_OP_SENDMSG] = { prepare_message, issue_send_message, clean_message,
				SOCKET | OP_OUT | OP_IOPRIO },
	[IORING_OP_RECVMSG] = { prepare_message, issue_receive_message, clean_message,
				SOCKET | OP_IN | OP_IOPRIO | OP_BUFFER_SELECT },
	[IORING_OP_SEND] = { prepare_send, issue_send, NULL, SOCKET | OP_OUT | OP_IOPRIO },
	[IORING_OP_RECV] = { prepare_receive, issue_receive, NULL,
			     SOCKET | OP_IN | OP_IOPRIO | OP_BUFFER_SELECT },
	[IORING_OP_SEND_ZC] = { prepare_send_zero_copy, issue_send_zero_copy, NULL,
				SOCKET | OP_OUT | OP_IOPRIO },
	[IORING_OP_SENDMSG_ZC] = { prepare_message_zero_copy, issue_send_zero_copy, clean_message,
				   SOCKET | OP_OUT | OP_IOPRIO },
	[IORING_OP_ACCEPT] = { prepare_accept, issue_accept, NULL, SOCKET | OP_IN | OP_IOPRIO },
	[IORING_OP_CONNECT] = { prepare_connect, issue_connect, NULL, SOCKET | OP_OUT },
	[IORING_OP_SHUTDOWN] = { prepare_shutdown, issue_shutdown, NULL, SOCKET },
	[IORING_OP_SOCKET] = { prepare_socket, issue_socket, NULL, 0 },

	[IORING_OP_POLL_ADD] = { prepare_poll, issue_poll, NULL, OP_FILE | OP_NO_ASYNC },
	[IORING_OP_POLL_REMOVE] = { prepare_poll_remove, issue_poll_remove, NULL, OP_NO_ASYNC },
	[IORING_OP_TIMEOUT] = { prepare_timeout, issue_timeout, clean_timeout, OP_NO_ASYNC },
	[IORING_OP_TIMEOUT_REMOVE] = { prepare_timeout_remove, issue_timeout_remove, NULL,
				       OP_NO_ASYNC },
	[IORING_OP_LINK_TIMEOUT] = { prepare_link_timeout, issue_link_timeout, NULL, OP_NO_ASYNC },
	[IORING_OP_ASYNC_CANCEL] = { prepare_cancel, issue_cancel, NULL, OP_NO_ASYNC },
};

const struct uring_op *uring_op_find(unsigned opcode)
{
	return opcode < IORING_OP_LAST && ops[opcode].issue != NULL ? &ops[opcode] : NULL;
}
