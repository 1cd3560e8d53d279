/* SPDX-License-Identifier: BSD-2-Clause */
/* What `hull init` writes (init.h): every key of yaml.c, most of them as comments. */
#include <string.h>

#include "pack/config/init.h"
#include "pack/config/start.h"
#include "pack/tree/presets.h"

static const char head[] =
	"# What `hull build` makes an image of; `hull run IMAGE` runs it. docs: man hull\n"
	"\n"
	"# A path, or a name along PATH. Its interpreter and libraries come with it.\n";

static const char process[] =
	"\n"
	"# Variables: a list of NAME=VALUE, NAME alone takes yours when the image is built.\n"
	"#env:\n"
	"#  - LANG=C.UTF-8\n";

static const char identity[] = "#user: root\n"
			       "#hostname: hull\n";

static const char files[] =
	"\n"
	"# Files that it needs besides: patterns, with everything below a folder. FROM:TO puts\n"
	"# them elsewhere; paths that do not begin with / are relative to this file.\n"
	"#files:\n"
	"#  - /etc/ssl/openssl.cnf\n"
	"#  - public:/srv/www\n"
	"#  - {from: app, to: /srv/app, mode: 0644, owner: \"0:0\", exclude: [\"*.orig\"]}\n"
	"#exclude: [\"*.pyc\", \".git\"]\n";

static const char sources[] =
	"\n"
	"# Libraries that it loads while it runs (dlopen), and where to look for libraries first.\n"
	"#libraries: [libnss_dns.so.2]\n"
	"#library-path: /opt/lib\n"
	"\n"
	"# The root is a container image's: a folder (OCI layout) or a tar. Then `program` and\n"
	"# the rest are its own unless they are said here.\n"
	"#oci: image.tar\n"
	"\n"
	"# /etc/passwd, group, hosts, nsswitch.conf are made up unless they are there.\n"
	"#etc: true\n"
	"# Without a layer in memory that takes what is written.\n"
	"#read-only: false\n";

static const char network[] =
	"\n"
	"# dhcp, none, or this. ports and volumes are what `hull run IMAGE` does by -p and -v.\n"
	"#network:\n"
	"#  address: 10.0.0.2/24,10.0.0.1\n"
	"#  dns: [10.0.0.1]\n"
	"#  ports: [\"8080:80\"]\n";

static const char more[] =
	"#volumes: [\"data:/var/lib/data\"]\n"
	"\n"
	"# What `hull run IMAGE` gives it, unless told otherwise.\n"
	"#memory: 64M\n"
	"#cpus: 1\n"
	"\n"
	"# elf: for hull run and what boots PVH kernels (QEMU -kernel, Firecracker, Xen);\n"
	"# disk, iso: for machines with firmware: bios, uefi, or both; packed by lz4, lzma, none.\n"
	"#target: elf\n"
	"#firmware: both\n"
	"#compression: lz4\n"
	"#output: hull.img\n"
	"\n"
	"# A kernel with only the system calls that `hull scan` finds, or with these.\n"
	"#minimal: true\n"
	"#minimal:\n"
	"#  calls: [read, write, exit_group]\n"
	"#  parts: [\"-ipv6\"]\n"
	"#  verify: --version   # the image runs with these arguments, and must end with 0\n"
	"#  verify-seconds: 120 # within this time\n"
	"#kernel: other-kernel.elf\n"
	"# The root as a file system (erofs), or an archive (cpio) for the tiniest images.\n"
	"#format: erofs\n"
	"\n"
	"# System calls are patched ahead of time.\n"
	"#patch: true\n"
	"# An ed25519 key: openssl genpkey -algorithm ed25519 -out key.pem\n"
	"#sign: key.pem\n";

/* A value as YAML takes any: in double quotes, with escapes. */
static const char *quote(struct arena *arena, const char *value)
{
	char *out = arena_alloc(arena, 4 * strlen(value) + 3), *at = out;
	static const char digits[] = "0123456789abcdef";

	*at++ = '"';
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c < 0x20 || c == 0x7f) {
			*at++ = '\\';
			*at++ = 'x';
			*at++ = digits[c >> 4];
			*at++ = digits[c & 15];
			continue;
		}
		if (c == '"' || c == '\\')
			*at++ = '\\';
		*at++ = (char)c;
	}
	*at = '"';
	return out;
}

static const char *list_presets(struct arena *arena)
{
	const char *text = "\n# Known sets of files:\n", *what, *name;

	for (unsigned i = 0; (name = presets_name(i, &what)) != NULL; i++)
		text = arena_printf(arena, "%s#  %s: %s\n", text, name, what);
	return arena_printf(arena, "%s#presets: [ca-certificates]\n", text);
}

/* "a", "b" */
static const char *list(struct arena *arena, const struct strings *values)
{
	const char *text = "";

	for (size_t i = 0; i < values->nr; i++)
		text = arena_printf(arena, "%s%s%s", text, i ? ", " : "",
				    quote(arena, values->at[i]));
	return text;
}

/* What is said already, below the comment that explains it: `form` has a list's place. */
static const char *said(struct arena *arena, const char *form, const struct strings *values)
{
	const char *before = form, *at = strstr(form, "[]");

	if (!values->nr)
		return "";
	return arena_printf(arena, "%.*s[%s]%s", (int)(at - before), before, list(arena, values),
			    at + 2);
}

const char *init_text(struct arena *arena, const char *program, char **args)
{
	struct start start;
	const char *text;

	if (!program)
		program = "/bin/echo";
	start_guess(&start, arena, program, args);
	text = arena_printf(arena, "%sprogram: %s\nargs: [%s]\n%s%s%s%s%s", head,
			    quote(arena, program), list(arena, &start.args), process,
			    start.cwd ? arena_printf(arena, "cwd: %s\n", start.cwd) : "#cwd: /\n",
			    identity, files, said(arena, "files: []\n", &start.files));
	text = arena_printf(arena, "%s%s%s%s%s%s%s", text, list_presets(arena),
			    said(arena, "presets: []\n", &start.presets), sources, network,
			    said(arena, "network:\n  ports: []\n", &start.ports), more);
	return text;
}
