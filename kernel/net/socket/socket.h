/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets: what is the same for every family.
 *
 *	struct socket		one endpoint; embedded in the family's own struct
 *	struct socket_ops	what the family does with it
 *	SOCKET_FAMILY()		a family of addresses, found through a linker set
 *	struct socket_host	what sockets ask of the personality: names of files, process ids
 *
 * A socket is counted: its file holds one count, and so does whoever points to it (a connected
 * peer, a message on its way). `close` is called once, when the file goes (or by whoever made the
 * socket and could not give it a file); `free` with the last count. The waits are the family's:
 * `readable` is woken when there is more to take, `writable` when there is more room or the state
 * changed, both with the EPOLL* bits of what happened.
 *
 * Every operation runs in thread context with no lock held and may sleep, but poll. An address is
 * checked by the family; its bytes are the kernel's copy. MSG_DONTWAIT stands for O_NONBLOCK too.
 * A wait that its time-out ends gives -EAGAIN; a signal gives -ERESTARTSYS, or -EINTR when there
 * is a time-out (socket(7), signal(7)).
 *
 * A family beside AF_UNIX needs no change here: it has its own folder, its own struct around
 * struct socket, and one SOCKET_FAMILY line.
 */
#pragma once
#include <linux/socket.h>

#include "core/cred.h"
#include "core/file.h"
#include "core/sync/spinlock.h"
#include "core/sync/waitq.h"
#include "core/uio.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"
#include "net/socket/numbers.h"

struct net;
struct socket;
struct socket_family;
struct vm_area;
struct netbuf_loan;
struct socket_filter;

struct socket_address {
	unsigned len; /* bytes that count; 0: none */
	union {
		uint16_t family;
		char bytes[128]; /* as struct sockaddr_storage */
	};
};

/* Linux 6.5's, newer than some headers. */
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#define SCM_PIDFD    4

/* As SCM_CREDENTIALS and SO_PEERCRED have it: struct ucred. */
struct socket_cred {
	int32_t pid;
	uint32_t uid, gid;
};

/* Files on their way by SCM_RIGHTS: counted each. */
struct socket_rights {
	struct list link; /* whoever's that has it */
	uint32_t uid;     /* who sent them; the family's own */
	unsigned nr;
	struct file *files[];
};
/* NULL = no memory. */
struct socket_rights *socket_rights_new(unsigned nr);
void socket_rights_free(struct socket_rights *r); /* puts the files; NULL is fine; may sleep */

/* What a family tells beside a message, as ancillary data: at most a few small things. */
#define SOCKET_NOTES_MAX 8u
#define SOCKET_NOTE_LEN  48u
struct socket_notes {
	unsigned nr;
	struct {
		int level, type;
		unsigned len;
		char data[SOCKET_NOTE_LEN];
	} all[SOCKET_NOTES_MAX];
};
void socket_notes_add(struct socket_notes *notes, int level, int type, const void *data,
		      unsigned len);

/* send: of this message, what else the socket says (ip(7), ipv6(7), udp(7)). */
struct socket_way {
	int hops_plus_1,
		class_plus_1; /* IP_TTL, IPV6_HOPLIMIT; IP_TOS, IPV6_TCLASS; 0: not given */
	bool has_from;
	uint8_t from[16];   /* IP_PKTINFO, IPV6_PKTINFO: as net/address.h has it */
	unsigned dev_index; /* the same; 0: not given */
	bool has_segment;
	uint16_t segment; /* UDP_SEGMENT */
	bool has_stamping;
	uint32_t stamping; /* SO_TIMESTAMPING's bits of what is to be recorded */
};

/* One send or receive: struct msghdr as the kernel has it. */
struct socket_message {
	struct uio *data;
	unsigned flags;               /* MSG_* of the call */
	unsigned out_flags;           /* receive: MSG_TRUNC... of the message */
	struct socket_address *name;  /* send: where to; receive: who sent it; NULL: not asked */
	struct socket_cred cred;      /* SCM_CREDENTIALS */
	bool has_cred;                /* send: given and checked; receive: to be passed on */
	bool has_pidfd;               /* receive: SCM_PIDFD is to be passed on */
	uint64_t birth;               /* of the process cred.pid (socket_host.current_birth) */
	struct socket_way *way;       /* send: what internet's control messages say; NULL: no use */
	struct socket_rights *rights; /* send: taken when it is sent; receive: the caller's */
	struct netbuf_loan *loan; /* send: of data's pages, which may be kept; NULL: they may not */
	struct socket_notes *notes; /* receive: to be filled; NULL: not asked */
};

/* setsockopt(2), getsockopt(2): a value of `len` bytes. */
struct socket_option {
	int level, name;
	void *value;
	unsigned len;       /* get: in room, out bytes */
	unsigned told;      /* get: what the length is said to be instead; 0: len */
	uaddr_t user_value; /* where it is the program's, for what is too long for here */
};

/* An accepted socket has its peer's name even if that has gone. */
enum socket_name { SOCKET_OWN_NAME, SOCKET_PEER_NAME, SOCKET_ACCEPTED_NAME };

struct socket_ops {
	/* NULL anywhere but in close, free and poll: -EOPNOTSUPP, if nothing else is said. */
	int (*bind)(struct socket *s, const struct socket_address *a, uint32_t mode);
	int (*connect)(struct socket *s, const struct socket_address *a, bool nonblock);
	int (*pair)(struct socket *a, struct socket *b);
	int (*listen)(struct socket *s, unsigned backlog);
	/* *out is counted, and close()d by the caller if it gets no file. */
	int (*accept)(struct socket *s, bool nonblock, struct socket **out);
	ssize_t (*send)(struct socket *s, struct socket_message *m);
	ssize_t (*receive)(struct socket *s, struct socket_message *m);
	int (*get_name)(struct socket *s, enum socket_name of, struct socket_address *out);
	int (*set_option)(struct socket *s,
			  const struct socket_option *o); /* -ENOPROTOOPT: not mine */
	int (*get_option)(struct socket *s, struct socket_option *o);
	int (*shutdown)(struct socket *s, int how);                       /* SHUT_*, checked */
	long (*ioctl)(struct socket *s, unsigned cmd, unsigned long arg); /* -ENOTTY: not mine */
	unsigned (*poll)(struct socket *s, struct poll_table *t);
	int (*mmap)(struct socket *s, struct vm_area *area); /* as file_ops; NULL: -ENODEV */
	/* An option of SOL_SOCKET that options.c keeps is another now; NULL: it asks. */
	void (*option_changed)(struct socket *s, int name);
	void (*close)(struct socket *s);
	void (*free)(struct socket *s);
};

struct socket_peer {
	int pid;           /* 0: none */
	uint64_t birth;    /* which process of this id: socket_host.current_birth */
	struct cred *cred; /* counted; NULL: none */
};

/* Bits of socket->traits. */
enum socket_traits {
	SOCKET_LISTENS = 1 << 0,           /* SO_ACCEPTCONN */
	SOCKET_QUIET_PIPE = 1 << 1,        /* -EPIPE raises no SIGPIPE */
	SOCKET_SEND_LIMIT_SET = 1 << 2,    /* SO_SNDBUF was */
	SOCKET_HAS_FILTER = 1 << 3,        /* what comes may be filtered: net/filter.h */
	SOCKET_RECEIVE_LIMIT_SET = 1 << 4, /* SO_RCVBUF was: SO_BUF_LOCK tells */
};

struct socket {
	struct ref ref;
	const struct socket_family *family; /* [I] */
	const struct socket_ops *ops;       /* [I] */
	int type, protocol;                 /* [I] */
	uint64_t ino;                       /* [I once it has a file] */
	unsigned traits;                    /* [a] enum socket_traits */
	struct waitq readable, writable;
	struct spinlock lock;
	uint64_t options;       /* [a] a bit for each SO_* that is on */
	uint32_t send_limit;    /* [a] bytes, SO_SNDBUF */
	uint32_t receive_limit; /* [a] bytes, SO_RCVBUF */
	uint32_t receive_low;   /* [a] SO_RCVLOWAT */
	nsec_t send_timeout_ns; /* [a] NSEC_NEVER: none */
	nsec_t receive_timeout_ns;
	int linger_sec;               /* [a] SO_LINGER; -1: off */
	int peek_offset;              /* [lock] SO_PEEK_OFF; -1: off */
	int priority;                 /* [a] kept, not used */
	uint32_t mark;                /* [a] kept, not used */
	uint64_t max_pacing_rate;     /* [a] bytes a second, TCP's; UINT64_MAX: none */
	int busy_poll_us;             /* [a] hints: there is nothing to poll that would not wake */
	int busy_poll_budget;         /* [a] the same */
	bool prefer_busy_poll;        /* [a] the same */
	int incoming_cpu_plus_1;      /* [a] another: SO_INCOMING_CPU; 0: none */
	uint64_t cookie;              /* [a] SO_COOKIE; 0: nobody asked yet */
	int error;                    /* [a] SO_ERROR: reported once, positive */
	struct socket_peer peer_cred; /* [lock] SO_PEERCRED */
	struct socket_filter *filter; /* [lock; a to see if there is one] counted: filter.c */
};

struct socket_family {
	int family; /* AF_* */
	/* *out: counted, socket_init()ed. -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -EPROTOTYPE. */
	int (*create)(int type, int protocol, struct socket **out);
	uint16_t address_max; /* bytes of its longest address */
};
#define SOCKET_FAMILY(name) LINKER_SET_ITEM(socket_families, struct socket_family) name

/* A file's name, resolved: two names of one file have the same id. */
struct socket_key {
	const void *id;   /* the inode; NULL: none */
	struct path hold; /* counted: keeps it */
};

/* A user's pages that stay in memory for a while: RLIMIT_MEMLOCK. */
struct socket_pages {
	uint64_t nr; /* 0: they are not counted */
	uint32_t uid;
};

/* What sockets ask of the personality; defined by linux/. */
struct socket_host {
	/* A new file of kind S_IFSOCK; mode has the permissions before umask. -EADDRINUSE... */
	int (*name_make)(const char *path, uint32_t mode, struct socket_key *out);
	void (*name_undo)(const char *path); /* of what was made just now */
	/* Follows links; the caller must be allowed to write. -ECONNREFUSED: no socket. */
	int (*name_find)(const char *path, struct socket_key *out);
	void (*name_put)(struct socket_key *key);
	int (*current_pid)(void);
	uint64_t (*current_birth)(void);  /* another number for each process that has the id */
	uint64_t (*limit_of_files)(void); /* RLIMIT_NOFILE of who calls */
	/* p->nr pages of who calls: false, that is too many for it. */
	bool (*hold_pages)(struct socket_pages *p);
	void (*release_pages)(const struct socket_pages *p); /* any context */
};
extern const struct socket_host socket_host;

/* ---- socket.c ---- */

/* -EAFNOSUPPORT: no such family. */
MUST_CHECK int socket_create(int family, int type, int protocol, struct socket **out);
/* For families. Count 1, everything as a new socket has it. */
void socket_init(struct socket *s, const struct socket_ops *ops, int type);
struct socket *socket_get(struct socket *s);
void socket_put(struct socket *s);   /* the last one calls ops->free */
void socket_close(struct socket *s); /* ops->close, then a count less */

/* Switches are bits of socket->options by their names; one is beyond the word. */
static inline uint64_t socket_option_bit(int name)
{
	return 1ull << (name == SO_PASSPIDFD ? 63 : name);
}

static inline bool socket_option_is_on(const struct socket *s, int name)
{
	return (READ_ONCE(s->options) & socket_option_bit(name)) != 0;
}

/* A number that no other socket has or had: SO_COOKIE. */
uint64_t socket_cookie(struct socket *s);
/* Takes SO_ERROR: 0 or -Exxx. */
int socket_take_error(struct socket *s);
void socket_wake(struct socket *s, unsigned key); /* EPOLL* bits: readable, writable or both */
/* When a wait that starts now ends; and what its end means to the program. */
nsec_t socket_deadline(nsec_t timeout_ns);
int socket_wait_error(int err, nsec_t timeout_ns);
/* Who the peer is, for SO_PEERCRED: the caller, and copying it. */
MUST_CHECK struct socket_peer socket_peer_current(void);
void socket_peer_set(struct socket *s, struct socket_peer now); /* takes the count */
struct socket_peer socket_peer_get(struct socket *s);           /* counted */

/* ---- options.c: the level SOL_SOCKET ---- */

MUST_CHECK int socket_set_option(struct socket *s, const struct socket_option *o);
MUST_CHECK int socket_get_option(struct socket *s, struct socket_option *o);

/* ---- file.c ---- */

extern const struct file_ops socket_fops; /* file->private is the socket, counted by the file */
struct socket *socket_of_file(const struct file *f); /* NULL: it is no socket */
