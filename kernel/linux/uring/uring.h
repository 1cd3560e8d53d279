/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_uring(7): requests and their completions through two rings in memory that the program maps.
 *
 *	ring		struct uring: one file of io_uring_setup(2); ring.c, completion.c
 *	request		one submission being worked on; request.c
 *	task's part	struct uring_task: whoever submits has one; crew.c
 *	operation	one row of the table of opcodes; op_*.c
 *
 * How a request lives. io_uring_enter(2) copies an entry in and issues it at once, in the thread
 * of the submitter, which may not wait meanwhile (thread->nowait: an interruptible wait answers
 * -EAGAIN). What would wait is armed: its entries are put in the wait queues of its file, and
 * whoever wakes those puts the request on its task's list of ready ones. They are run again
 *
 *	- by the submitter, if it waits in io_uring_enter(2) just then: no switch of threads;
 *	- else by a worker of the task's: a thread of the kernel's with the task's memory,
 *	  descriptors and credentials, so that completions come though the program never enters;
 *	- for a ring with IORING_SETUP_DEFER_TASKRUN only by io_uring_enter(2), as asked for.
 *
 * What cannot be polled but would wait (opening a FIFO, splicing), and what IOSQE_ASYNC asks for,
 * goes to further workers, which may sleep. Disks are waited for in place, by whoever runs the
 * request.
 *
 * State of a request; whoever changes it from ARMED or HELD (by compare-exchange) owns it then:
 *
 *	RUNNING  somebody's: being issued or completed
 *	ARMED    waits for a wake-up or its timer -> QUEUED by those, RUNNING by whoever cancels it
 *	QUEUED   on a list of ready ones -> RUNNING
 *	HELD     waits for those before it (IOSQE_IO_DRAIN) -> RUNNING
 *	ENDING   one of many completions (multishot) that posts its last
 *
 * Whoever cancels marks it first and then looks at its state, whoever has it does that the other
 * way round. So what is QUEUED ends with -ECANCELED for sure, and so does what is RUNNING if it is
 * one of many completions; of one completion nobody knows (-EALREADY).
 *
 * The rings are the program's to write at any time: an index is masked or checked after it was
 * read once, entries are copied before they are looked at, and the kernel's own positions are
 * kept outside.
 *
 * Lives. A request counts its ring and its task's part. A ring ends with its file, a task's part
 * with its task or at exec: both cancel what is under way. Locks: ring->lock (mutex) registered
 * things and submission; then the spinlocks ring->list_lock, part->lock, then crew->lock,
 * ring->deferred_lock, which are taken under the locks of files' wait queues too; ring->cq_lock
 * has none inside.
 */
#pragma once
#include <linux/io_uring.h>

#include "core/cred.h"
#include "core/file.h"
#include "core/sync/mutex.h"
#include "core/sync/spinlock.h"
#include "core/sync/waitq.h"
#include "core/time/timer.h"
#include "core/uio.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "linux/file/rw.h"
#include "linux/syscall.h"

struct page;
struct request;
struct task;
struct uring;
struct uring_task;
struct vm_object;

/* ---- workers ---- */

struct crew {
	struct spinlock lock;
	struct list queue; /* [l] requests, by queue_link */
	struct list all;   /* [l] struct worker */
	struct waitq wq;
	unsigned nr, nr_idle;    /* [l] */
	unsigned max;            /* [I] */
	struct uring_task *part; /* [I] */
};

#define URING_RINGS_MAX 16 /* ring descriptors that a task registers */

struct uring_task {
	struct ref ref;
	struct task *task;    /* [I] not counted: it outlives what uses this */
	bool ends;            /* [a] nothing is issued any more */
	struct crew ready;    /* requests that were woken: one worker, which does not wait */
	struct crew waiting;  /* those that may: several */
	struct waitq *waiter; /* [ready.lock] the task waits there and runs them itself */
	struct spinlock lock;
	struct list requests;                /* [lock] under way, by task_link */
	struct waitq gone;                   /* a worker or request has ended */
	unsigned nr_requests;                /* [a] */
	struct file *rings[URING_RINGS_MAX]; /* [o] counted: IORING_REGISTER_RING_FDS */
};

/* The current task's, made when it has none. NULL = no memory. */
struct uring_task *uring_task_current(void);
struct uring_task *uring_task_get(struct uring_task *part);
void uring_task_put(struct uring_task *part);
/* Any context: it is run soon by a thread that does not wait. State is QUEUED. */
void crew_push_ready(struct request *r);
/* Thread context: it is run by one that may wait. -ENOMEM: by none. */
MUST_CHECK int crew_push_waiting(struct request *r);
/* A worker for what will be armed now, if there is none. -ENOMEM. */
MUST_CHECK int crew_need_ready(struct uring_task *part);
/* Takes the one that is ready, of this task (NULL: any); or NULL. */
struct request *deferred_take(struct uring *ring, const struct uring_task *part);
/* The current task runs those of its requests that are ready. */
void crew_run_ready(struct uring_task *part);
bool crew_has_ready(struct uring_task *part);
/* The current task waits at `at` (NULL: no longer) and runs what becomes ready itself. */
void crew_set_waiter(struct uring_task *part, struct waitq *at);
/* Wakes whoever runs r out of its wait. */
void crew_interrupt(struct request *r);

/* ---- rings ---- */

/* Memory that the kernel and the program both see. */
struct shared_memory {
	struct vm_object *object; /* [I] counted */
	struct page **pages;      /* [I] counted each */
	unsigned nr_pages;
};

struct fixed_file {
	struct file *file; /* counted; NULL: free */
	uint64_t tag;
};

struct fixed_buffer {
	uaddr_t base;
	size_t len; /* 0 with base 0: none */
	uint64_t tag;
};

struct restrictions {
	bool given, active;
	uint8_t flags_allowed, flags_required;
	uint64_t ops, registers; /* bits */
};

#define URING_PERSONALITIES_MAX 64

struct uring {
	struct ref ref;
	unsigned flags;                  /* [I] IORING_SETUP_* */
	unsigned sq_entries, cq_entries; /* [I] powers of two */
	size_t array_at;                 /* [I] the SQ's array, in `rings` */
	struct shared_memory rings, sqes;
	bool dead, disabled;    /* [a] its file is gone; IORING_SETUP_R_DISABLED still holds */
	struct task *submitter; /* [lock] IORING_SETUP_SINGLE_ISSUER; only compared */
	struct mutex lock;
	uint32_t sq_head; /* [lock] */

	struct spinlock cq_lock;
	uint32_t cq_tail;     /* [cq_lock] */
	uint32_t nr_dropped;  /* [cq_lock] */
	struct list overflow; /* [cq_lock] struct overflow_entry: the ring is full */
	struct waitq cq_wait; /* io_uring_enter(2) */
	struct waitq wq;      /* poll(2) of the ring's file */
	struct spinlock deferred_lock;
	struct list deferred; /* [deferred_lock] ready ones, IORING_SETUP_DEFER_TASKRUN */

	struct spinlock list_lock;
	struct list requests; /* [list_lock] under way, by ring_link */
	struct list held;     /* [list_lock] by queue_link: drains and those behind them */
	unsigned nr_active;   /* [list_lock] issued and not completed, multishot ones apart */
	bool draining;        /* [list_lock] one with IOSQE_IO_DRAIN is under way */
	unsigned nr_counting; /* [a] time-outs that count completions */

	struct fixed_file *files;                    /* [lock] */
	unsigned nr_files;                           /* [lock] */
	unsigned alloc_start, alloc_end, alloc_next; /* [lock] for IORING_FILE_INDEX_ALLOC */
	struct fixed_buffer *buffers;                /* [lock] */
	unsigned nr_buffers;                         /* [lock] */
	struct list groups;                          /* [lock] buffers.c's */
	struct file *eventfd;                        /* [cq_lock] counted; NULL: none */
	bool eventfd_async;                          /* [cq_lock] */
	struct cred *personalities[URING_PERSONALITIES_MAX]; /* [lock] counted */
	struct restrictions restrictions;                    /* [lock] */
	uint32_t worker_limits[2];                           /* [lock] kept, not used */
};

extern const struct file_ops uring_fops;
void *shared_at(const struct shared_memory *m, size_t at); /* no object crosses a page */
struct uring *uring_get(struct uring *ring);
void uring_put(struct uring *ring);
/* The ring of a descriptor, or of a registered one; *f is counted. -EBADF, -EOPNOTSUPP. */
MUST_CHECK int uring_file_get(int fd, bool registered, struct file **f, struct uring **ring);

/* Where things stand in the rings' memory; as Linux has it, though programs are told. */
enum ring_layout {
	RING_SQ_HEAD = 0,
	RING_SQ_TAIL = 64,
	RING_CQ_HEAD = 128,
	RING_CQ_TAIL = 192,
	RING_SQ_MASK = 256,
	RING_CQ_MASK = 260,
	RING_SQ_ENTRIES = 264,
	RING_CQ_ENTRIES = 268,
	RING_SQ_DROPPED = 272,
	RING_SQ_FLAGS = 276,
	RING_CQ_FLAGS = 280,
	RING_CQ_OVERFLOW = 284,
	RING_CQES = 320,
};

/* ---- completion.c ---- */

struct completion {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
	uint64_t big[2];
};

/* Thread context, no spinlock held. False: there was no room, not even in memory. */
bool completion_post(struct uring *ring, const struct completion *c);
/* How many the program can see, or could if the ring were larger. */
unsigned completion_count(struct uring *ring);
bool completion_has_overflow(struct uring *ring);
void completion_flush(struct uring *ring); /* moves what overflowed, as far as there is room */
void completion_drop_all(struct uring *ring);
void ring_flag(struct uring *ring, unsigned flag, bool on); /* IORING_SQ_*; with cq_lock */

/* ---- requests ---- */

enum request_state {
	REQUEST_RUNNING,
	REQUEST_ARMED,
	REQUEST_QUEUED,
	REQUEST_HELD,
	REQUEST_ENDING,
};

#define REQUEST_QUEUES_MAX 4 /* wait queues that one file may add */

/* An issue's answers beside a result or -errno. */
enum issue_result {
	ISSUE_PARKED = -0x10000, /* it is armed, or completes some other way: hands off */
	ISSUE_AGAIN = -0x10001,  /* a multishot one has posted; issue it again */
};

struct request_queue {
	struct wait_entry entry;
	struct waitq *q;
	struct request *request;
};

struct chosen_buffer {
	bool chosen;
	uint16_t id;
	uaddr_t base;
	uint32_t len;
	uint32_t whole; /* before it was cut to what is wanted */
};

struct request {
	struct ref ref;
	struct uring *ring;        /* [I] counted */
	struct uring_task *part;   /* [I] counted */
	struct io_uring_sqe sqe;   /* [I but for op_poll.c's updates] */
	const struct uring_op *op; /* [I] */
	struct file *file;         /* [o] counted; NULL: not looked up yet, or none */
	struct cred *cred;         /* [I] counted */
	unsigned state;            /* [a] enum request_state */
	bool woken, cancelled;     /* [a] */
	bool may_wait;             /* [o] it is with a worker that may */
	bool is_read;              /* [o] a message's name and control data are copied in */
	bool polled_first;         /* [o] IORING_RECVSEND_POLL_FIRST is done */
	bool counted;              /* [o] in ring->nr_active */
	bool tracked;              /* [o] on the lists of ring and task */
	bool entered;              /* [o] armed entries are in queues */
	bool failed;               /* [o] what follows in its chain is not to run */
	bool silent;               /* [o] no completion, not even of a failure */
	bool nowait;               /* [o] -EAGAIN is its answer: RWF_NOWAIT, MSG_DONTWAIT */
	bool timed;                /* [o] its timer may run */
	bool is_drain;             /* [o] of a chain's head: IOSQE_IO_DRAIN in it */
	bool is_multishot;         /* [o] */
	uint8_t nr_rearmed;        /* [o] ready says poll, -EAGAIN the file */
	struct list *todo;         /* [o] of whoever runs it; NULL: parked, or claimed */
	struct request *next;      /* [o] of its chain */
	struct request *timeout;   /* [list_lock] the LINK_TIMEOUT that watches it */
	struct request *watched;   /* [list_lock] and the other way */
	struct thread *runner;     /* [waiting.lock] the worker that may wait in it */
	struct list queue_link, ring_link, task_link;

	struct poll_table table;
	unsigned events;    /* [o] EPOLL*; that it waits for */
	unsigned nr_queues; /* [o] */
	struct request_queue queues[REQUEST_QUEUES_MAX];
	struct timer timer; /* op_timeout.c's */
	nsec_t deadline;    /* [o] */
	uint32_t target;    /* [I] cq_tail at which a counting time-out is over */

	struct uio_vec room[RW_VECS_INLINE], *vecs; /* [o] vectors, copied in */
	struct uio data;                            /* [o] */
	struct chosen_buffer buffer;                /* [o] */
	size_t done;                                /* [o] bytes moved already */
	uint32_t cqe_flags;                         /* [o] */
	void *extra;                                /* [o] the operation's own, kmem */
};

/* What an operation needs, and what it is good for. */
enum op_traits {
	OP_FILE = 1 << 0,          /* sqe.fd is one, fixed or not */
	OP_IN = 1 << 1,            /* -EAGAIN: wait until its file can be read */
	OP_OUT = 1 << 2,           /* written */
	OP_BUFFER_SELECT = 1 << 3, /* IOSQE_BUFFER_SELECT makes sense */
	OP_SOCKET = 1 << 4,        /* -ENOTSOCK for anything else */
	OP_IOPRIO = 1 << 5,        /* sqe.ioprio may be set */
	OP_NO_ASYNC = 1 << 6,      /* IOSQE_ASYNC changes nothing */
	OP_IOPOLL = 1 << 7,        /* makes sense on a ring with IORING_SETUP_IOPOLL */
};

struct uring_op {
	/* Checks and copies what the program may change as soon as the submission is over. NULL:
	 * nothing. Thread context of the submitter. */
	int (*prepare)(struct request *r);
	/* A result, -errno, or enum issue_result. -EAGAIN: would wait. */
	long (*issue)(struct request *r);
	void (*clean)(struct request *r); /* frees what prepare made (extra is freed anyway) */
	unsigned traits;
};
const struct uring_op *uring_op_find(unsigned opcode); /* NULL: not known, or not supported */

struct request *request_new(struct uring *ring, struct uring_task *part);
void request_put(struct request *r);
/* Runs a request that nobody else owns, and what it sets off. Thread context. */
void request_run(struct request *r);
MUST_CHECK int request_find_file(struct request *r); /* its descriptor's, once */
/* The same by its own task at submission: with drains and IOSQE_ASYNC looked at. */
void request_submit(struct request *r);
/* It is over. The caller owns it, and no longer after this. */
void request_complete(struct request *r, long res);
void request_fail_chain(struct request *r); /* r and what follows, -ECANCELED */
/* A completion of a multishot request that goes on. False: no room; it should end. */
bool request_post_more(struct request *r, long res);
void request_schedule(struct request *r); /* any context: it is run soon */
/* Arms r for its events. ISSUE_PARKED, or ISSUE_AGAIN: it is ready by now. */
long request_arm(struct request *r, unsigned events);
void request_enter(struct request *r);  /* its table is about to be handed to its file's poll */
void request_disarm(struct request *r); /* leaves queues, stops the timer; by its owner */
void request_track(struct request *r);
/* Makes it ARMED, with its timer running if `timed`. ISSUE_AGAIN: it has been woken meanwhile. */
long request_park(struct request *r, bool timed);
bool request_claim(struct request *r, enum request_state from); /* -> RUNNING, the caller's */
/* r was marked as cancelled, and then not to be claimed: is it sure to end with -ECANCELED? */
bool request_obeys(struct request *r);

/* Which ones to cancel: all keys that are given must match. */
struct cancel_key {
	unsigned flags; /* IORING_ASYNC_CANCEL_* */
	uint64_t user_data;
	const struct file *file; /* NULL: any */
	const struct request *but;
	int opcode;                    /* -1: any */
	const struct uring_task *part; /* NULL: any */
	bool any;
	bool keep; /* to change one that waits: others go on */
};
/* The next one that waits, counted and the caller's; others are told to end, *result changed. */
struct request *request_take(struct uring *ring, const struct cancel_key *key, long *result);
void request_wake(struct request *r); /* any context: runs it again if it is armed */
/* How many, or -ENOENT, -EALREADY (the one found is being run). */
long request_cancel(struct uring *ring, const struct cancel_key *key);
void request_cancel_task(struct uring_task *part); /* all of it; thread context */
void timeouts_count(struct uring *ring);           /* a completion was posted: op_timeout.c */

/* ---- buffers.c ---- */

/* For a request with IOSQE_BUFFER_SELECT: up to `want` bytes, 0: all. -ENOBUFS, -EFAULT. */
MUST_CHECK int buffer_choose(struct request *r, size_t want);
void buffer_give_back(struct request *r);       /* it was not used */
uint32_t buffer_flags(const struct request *r); /* for the completion */
/* A range in a registered buffer: -EFAULT. */
MUST_CHECK int buffer_fixed_check(struct uring *ring, unsigned idx, uaddr_t base, size_t len);
void buffer_groups_free(struct uring *ring);
long buffer_ring_register(struct uring *ring, uaddr_t arg);
long buffer_ring_unregister(struct uring *ring, uaddr_t arg);
long buffers_register(struct uring *ring, uaddr_t iov, unsigned nr, uaddr_t tags);
long buffers_unregister(struct uring *ring);
long buffers_update(struct uring *ring, const struct io_uring_rsrc_update2 *u);
long op_provide_buffers(struct request *r);
long op_remove_buffers(struct request *r);

/* ---- files.c: registered files; with ring->lock but where it says otherwise ---- */

long files_register(struct uring *ring, uaddr_t fds, unsigned nr, uaddr_t tags);
long files_unregister(struct uring *ring);
long files_update(struct uring *ring, const struct io_uring_rsrc_update2 *u);
long files_set_alloc_range(struct uring *ring, uaddr_t arg);
/* Counted. NULL: none. */
struct file *files_get_locked(struct uring *ring, unsigned idx);
/* Without the lock: puts f (taken, on failure too) at slot - 1, or anywhere for ~0. What the
 * completion says, or -errno. */
long files_install(struct uring *ring, struct file *f, unsigned slot);
long files_close(struct uring *ring, unsigned slot); /* without the lock */
