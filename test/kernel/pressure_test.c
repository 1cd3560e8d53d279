/* SPDX-License-Identifier: BSD-2-Clause */
/* Too little memory: the page cache gives way, allocations that fail are survived, nothing is
 * lost. */
#include <asm/fcntl.h>

#include "core/cred.h"
#include "core/sched/thread.h"
#include "fs/vfs.h"
#include "ktest.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/user.h"
#include "mm/vmspace.h"

/* ---- reclaim ---- */

/* A store that holds, in each page's words, the page's index. */
static int fill(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr)
{
	(void)o;
	for (unsigned i = 0; i < nr; i++) {
		uint64_t *word = page_to_ptr(pages[i]);

		for (unsigned k = 0; k < PAGE_SIZE / sizeof(*word); k++)
			word[k] = idx + i;
	}
	return 0;
}

static const struct pager store = { .fill = fill, .readahead_pages = 16 };

static bool read_right(struct vm_object *o, uint64_t idx)
{
	const uint64_t *word;
	struct page *p;
	bool right;

	if (object_page(o, idx, 0, &p) != 0)
		return false;
	word = page_to_ptr(p);
	right = word[0] == idx && word[PAGE_SIZE / sizeof(*word) - 1] == idx;
	page_put(p);
	return right;
}

/* Half again as much as there is memory passes through the cache. */
KTEST(the_page_cache_gives_way)
{
	static struct vm_object o;
	uint64_t nr = page_nr_total() + page_nr_total() / 2, nr_wrong = 0;
	struct page_stats before, after;

	page_stats_get(&before);
	object_init(&o, &store);
	for (uint64_t i = 0; i < nr; i++)
		nr_wrong += !read_right(&o, i);
	nr_wrong += !read_right(&o, 0);
	object_fini(&o);
	page_stats_get(&after);
	KCHECK(nr_wrong == 0);
	KCHECK(after.cached == before.cached);
}

/* Whoever asks for everything gets it, the cache's part too, and then NULL; it all comes back. */
KTEST(memory_runs_out_and_comes_back)
{
	static struct vm_object o;
	struct page *chain = NULL, *p;
	uint64_t nr = 0, nr_before, nr_cached;

	object_init(&o, &store);
	nr_before = page_nr_free();
	for (uint64_t i = 0; i < nr_before / 4; i++)
		(void)!read_right(&o, i);
	while ((p = page_alloc(0, 0)) != NULL) {
		*(struct page **)page_to_ptr(p) = chain;
		chain = p;
		nr++;
	}
	nr_cached = o.nr_pages;
	KCHECK(!read_right(&o, nr_before)); /* -ENOMEM, and no more than that */
	while (chain != NULL) {
		p = chain;
		chain = *(struct page **)page_to_ptr(p);
		page_free(p, 0);
	}
	KCHECK(read_right(&o, nr_before));
	object_fini(&o);
	KCHECK(nr_cached <= 64);
	KCHECK(nr >= nr_before - nr_before / 8);
	KCHECK(page_nr_free() + 64 >= nr_before);
}

/* ---- failing allocations ---- */

#define CONTENTS_SIZE (40 * 1024)

static char *contents;

static bool have_root(void)
{
	static bool mounted;

	thread_current()->cred = cred_get(&cred_kernel);
	if (contents == NULL)
		contents = kmem_alloc(CONTENTS_SIZE);
	if (!mounted)
		mounted = vfs_mount("tmpfs", "root", "/", 0, "mode=755,size=16m") == 0;
	return mounted && contents != NULL;
}

/* Every result is of interest only in that the next step is skipped. */
static void use_names(void)
{
	int err = vfs_mkdir(NULL, "/d", 0755);
	struct path p;

	err |= vfs_symlink("/d/file", NULL, "/d/link");
	err |= vfs_rename(NULL, "/d/link", NULL, "/link", 0);
	if (vfs_lookup(NULL, "/link", 0, &p) == 0)
		path_put(&p);
	(void)err;
}

static void use_mapping(struct vmspace *vs, struct file *f)
{
	struct vm_map shared = {
		.len = CONTENTS_SIZE,
		.prot = MMU_READ | MMU_WRITE,
		.flags = VM_SHARED | VM_MAY_WRITE,
		.file = f,
	};
	struct vm_map private = shared, anonymous = shared;
	uaddr_t at[3] = { 0 };
	struct vmspace *child;

	private.flags = VM_MAY_WRITE;
	anonymous.flags = VM_MAY_WRITE;
	anonymous.file = NULL;
	if (vmspace_map(vs, &shared, &at[0]) != 0 || vmspace_map(vs, &private, &at[1]) != 0 ||
	    vmspace_map(vs, &anonymous, &at[2]) != 0)
		return;
	for (unsigned i = 0; i < 3; i++)
		(void)!user_write_some(at[i], contents, CONTENTS_SIZE);
	child = vmspace_fork(vs);
	if (child == NULL)
		return;
	sched_switch_space(child);
	for (unsigned i = 0; i < 3; i++)
		(void)!user_write_some(at[i] + PAGE_SIZE, contents, PAGE_SIZE);
	(void)!vmspace_protect(child, at[1] + PAGE_SIZE, PAGE_SIZE, MMU_READ);
	sched_switch_space(vs);
	vmspace_put(child);
}

static unsigned nr_not_opened; /* shows that allocations do fail */

static void use_file(void)
{
	struct vmspace *vs;
	struct file *f;
	struct uio u;

	if (vfs_open(NULL, "/d/file", O_RDWR | O_CREAT, 0644, 0, &f) != 0) {
		nr_not_opened++;
		return;
	}
	uio_init_kernel(&u, contents, CONTENTS_SIZE);
	(void)!vfs_write(f, &u, NULL);
	vs = vmspace_new();
	if (vs != NULL) {
		vs->mmap_base = 0x7f0000000000;
		vs->limit_as = vs->limit_data = vs->limit_stack = UINT64_MAX;
		sched_switch_space(vs);
		use_mapping(vs, f);
		sched_switch_space(NULL);
		vmspace_put(vs);
	}
	(void)!vfs_file_truncate(f, PAGE_SIZE + 1);
	file_put(f);
}

static void use_threads(void)
{
	struct thread *t = thread_new("unborn", NULL, NULL);
	void *fpu = fpu_new();

	if (t != NULL)
		thread_discard(t);
	fpu_free(fpu);
}

/* With nothing failing: what may be left of a round goes. */
static bool clean_up(void)
{
	int err = vfs_unlink(NULL, "/d/file");

	err = err == -ENOENT ? 0 : err;
	for (unsigned i = 0; i < 2 && err == 0; i++) {
		err = vfs_unlink(NULL, i == 0 ? "/d/link" : "/link");
		err = err == -ENOENT ? 0 : err;
	}
	if (err == 0)
		err = vfs_rmdir(NULL, "/d");
	return err == 0 || err == -ENOENT;
}

static bool round(unsigned rate, uint64_t seed)
{
	kmem_fail_rate(rate, seed);
	use_names();
	use_file();
	use_threads();
	kmem_fail_rate(0, 0);
	return clean_up();
}

/* Names that were looked up stay cached, so the first rounds are not counted. */
KTEST(failing_allocations_lose_nothing)
{
	struct page_stats before, after;
	size_t objects;

	KCHECK(have_root());
	for (uint64_t seed = 1; seed <= 20; seed++)
		KCHECK(round(0, seed));
	objects = kmem_nr_objects();
	page_stats_get(&before);
	KCHECK(nr_not_opened == 0);
	for (uint64_t seed = 1; seed <= 400; seed++)
		KCHECK(round(65536 / (seed % 2 == 0 ? 12 : 50), seed));
	KCHECK(nr_not_opened > 20 && nr_not_opened < 380);
	KCHECK(round(0, 1));
	page_stats_get(&after);
	KCHECK(kmem_nr_objects() == objects);
	KCHECK(after.anonymous == before.anonymous);
	KCHECK(after.cached == before.cached);
	KCHECK(after.tables == before.tables);
}
