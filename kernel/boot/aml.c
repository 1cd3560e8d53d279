/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI 6.4 §20.2: the grammar of AML, as far as a walk through declarations needs it. A table's
 * body is a list of terms; scopes and devices hold lists of their own, everything else that has a
 * length is stepped over. Nothing is executed: a device whose declaration hangs on a condition, or
 * whose resources are computed, is not seen. A term that this file does not know ends its list, not
 * the lists around it, whose ends are known. No byte is read beyond a list's end, and scopes are
 * entered NESTING_MAX deep.
 */
#include "boot/aml.h"

#include "lib/string.h"

#define NESTING_MAX  8
#define SEGMENT      4 /* bytes of a name's segment */
#define EXTENDED(op) (0x5b00u | (op))

enum op {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_ALIAS = 0x06,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_VAR_PACKAGE = 0x13,
	OP_METHOD = 0x14,
	OP_EXTERNAL = 0x15,
	OP_EXTENDED = 0x5b,
	OP_IF = 0xa0,
	OP_ELSE = 0xa1,
	OP_ONES = 0xff,
	OP_MUTEX = EXTENDED(0x01),
	OP_EVENT = EXTENDED(0x02),
	OP_REGION = EXTENDED(0x80),
	OP_FIELD = EXTENDED(0x81),
	OP_DEVICE = EXTENDED(0x82),
	OP_PROCESSOR = EXTENDED(0x83),
	OP_POWER = EXTENDED(0x84),
	OP_THERMAL_ZONE = EXTENDED(0x85),
	OP_INDEX_FIELD = EXTENDED(0x86),
	OP_BANK_FIELD = EXTENDED(0x87),
};

struct term {
	unsigned op;
	const uint8_t *name; /* its last segment; NULL: the term has none that counts here */
	struct aml body;     /* OP_NAME: the value; a scope's, a device's terms */
};

struct walk {
	const char *hid;
	void (*found)(void *context, const struct aml_device *d);
	void *context;
};

static bool skip(struct aml *in, size_t len)
{
	if ((size_t)(in->end - in->at) < len)
		return false;
	in->at += len;
	return true;
}

static bool read_number(struct aml *in, size_t len, uint64_t *out)
{
	const uint8_t *from = in->at;

	*out = 0;
	if (!skip(in, len))
		return false;
	memcpy(out, from, len);
	return true;
}

/* §20.2.4: the length counts itself. *body is what it covers; in goes on behind that. */
static bool read_package(struct aml *in, struct aml *body)
{
	const uint8_t *begin = in->at;
	uint64_t lead, more;
	size_t len;

	if (!read_number(in, 1, &lead) || !read_number(in, lead >> 6, &more))
		return false;
	len = lead >> 6 == 0 ? lead & 0x3f : (lead & 0x0f) | more << 4;
	*body = (struct aml){ in->at, begin + len };
	in->at = begin;
	return skip(in, len) && body->at <= body->end;
}

/* §20.2.2 */
static bool read_name(struct aml *in, const uint8_t **last)
{
	uint64_t segments = 1, lead;

	*last = NULL;
	while (in->at < in->end && (*in->at == '\\' || *in->at == '^'))
		in->at++;
	if (in->at == in->end)
		return false;
	lead = *in->at;
	if (lead == 0) /* the scope itself */
		return skip(in, 1);
	if (lead == 0x2e || lead == 0x2f)
		in->at++;
	if (lead == 0x2e)
		segments = 2;
	if (lead == 0x2f && (!read_number(in, 1, &segments) || segments == 0))
		return false;
	if (!skip(in, segments * SEGMENT))
		return false;
	*last = in->at - SEGMENT;
	return true;
}

static bool is_name_lead(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || c == '_' || c == '\\' || c == '^' || c == 0x2e ||
	       c == 0x2f;
}

static bool skip_string(struct aml *in)
{
	while (in->at < in->end)
		if (*in->at++ == '\0')
			return true;
	return false;
}

/* A constant, or a name that stands for an object: *value is its bytes, the opcode's included. */
static bool read_value(struct aml *in, struct aml *value)
{
	const uint8_t *begin = in->at, *name;
	struct aml body;
	uint64_t op;
	bool ok;

	if (in->at < in->end && is_name_lead(*in->at)) {
		ok = read_name(in, &name);
		*value = (struct aml){ begin, in->at };
		return ok;
	}
	if (!read_number(in, 1, &op))
		return false;
	switch (op) {
	case OP_ZERO:
	case OP_ONE:
	case OP_ONES:
		ok = true;
		break;
	case OP_BYTE:
	case OP_WORD:
	case OP_DWORD:
		ok = skip(in, 1u << (op - OP_BYTE));
		break;
	case OP_QWORD:
		ok = skip(in, 8);
		break;
	case OP_STRING:
		ok = skip_string(in);
		break;
	case OP_BUFFER:
	case OP_PACKAGE:
	case OP_VAR_PACKAGE:
		ok = read_package(in, &body);
		break;
	default:
		ok = false;
	}
	*value = (struct aml){ begin, in->at };
	return ok;
}

static bool read_opcode(struct aml *in, unsigned *op)
{
	uint64_t byte;

	if (!read_number(in, 1, &byte))
		return false;
	*op = (unsigned)byte;
	if (byte == OP_EXTENDED && read_number(in, 1, &byte))
		*op = EXTENDED((unsigned)byte);
	return true;
}

/* False: the list ends here, or what follows is not known. */
static bool next_term(struct aml *in, struct term *t)
{
	const uint8_t *other;
	struct aml value;

	*t = (struct term){ 0 };
	if (!read_opcode(in, &t->op))
		return false;
	switch (t->op) {
	case OP_NAME:
		return read_name(in, &t->name) && read_value(in, &t->body);
	case OP_SCOPE:
	case OP_DEVICE:
		return read_package(in, &t->body) && read_name(&t->body, &t->name);
	case OP_METHOD:
	case OP_FIELD:
	case OP_PROCESSOR:
	case OP_POWER:
	case OP_THERMAL_ZONE:
	case OP_INDEX_FIELD:
	case OP_BANK_FIELD:
	case OP_IF:
	case OP_ELSE:
		return read_package(in, &value);
	case OP_ALIAS:
		return read_name(in, &other) && read_name(in, &other);
	case OP_EXTERNAL:
		return read_name(in, &other) && skip(in, 2);
	case OP_MUTEX:
		return read_name(in, &other) && skip(in, 1);
	case OP_EVENT:
		return read_name(in, &other);
	case OP_REGION:
		return read_name(in, &other) && skip(in, 1) && read_value(in, &value) &&
		       read_value(in, &value);
	default:
		return false;
	}
}

/* ---- a device ---- */

/* §6.4.2, §6.4.3: a resource's first byte. */
#define RESOURCE_LARGE     0x80
#define RESOURCE_END       0x78 /* | the length of its sum */
#define RESOURCE_MEMORY    0x86 /* 32-bit fixed: flags, base, length */
#define RESOURCE_INTERRUPT 0x89 /* extended: flags, their number, the numbers */

#define STA_PRESENT 1

static bool is_string(struct aml value, const char *text)
{
	size_t len = strlen(text) + 1;

	return (size_t)(value.end - value.at) == len + 1 && *value.at == OP_STRING &&
	       memcmp(value.at + 1, text, len) == 0;
}

static void read_resource(unsigned tag, struct aml in, struct aml_device *d)
{
	uint64_t base, len, interrupt;

	if (tag == RESOURCE_MEMORY && d->size_bytes == 0 && skip(&in, 1) &&
	    read_number(&in, 4, &base) && read_number(&in, 4, &len)) {
		d->base = base;
		d->size_bytes = (uint32_t)len;
	}
	if (tag == RESOURCE_INTERRUPT && d->interrupt == 0 && skip(&in, 2) &&
	    read_number(&in, 4, &interrupt))
		d->interrupt = (uint32_t)interrupt;
}

/* A buffer: its package length, its size as a constant, the resources. */
static void read_resources(struct aml value, struct aml_device *d)
{
	struct aml in, size;
	uint64_t tag, len;

	if (*value.at++ != OP_BUFFER || !read_package(&value, &in) || !read_value(&in, &size))
		return;
	while (read_number(&in, 1, &tag)) {
		const uint8_t *body;

		if ((tag & RESOURCE_END) == RESOURCE_END && !(tag & RESOURCE_LARGE))
			return;
		len = tag & 7;
		if (tag & RESOURCE_LARGE && !read_number(&in, 2, &len))
			return;
		body = in.at;
		if (!skip(&in, len))
			return;
		read_resource((unsigned)tag, (struct aml){ body, in.at }, d);
	}
}

/* Constants only; anything else is taken to be present. */
static bool is_present(struct aml value)
{
	if (*value.at == OP_ZERO)
		return false;
	if (*value.at == OP_BYTE)
		return value.at[1] & STA_PRESENT;
	return true;
}

static void read_device(struct aml in, const struct walk *w)
{
	struct aml_device d = { 0 };
	bool is_wanted = false, present = true;
	struct term t;

	while (next_term(&in, &t)) {
		if (t.op != OP_NAME || t.name == NULL)
			continue;
		if (memcmp(t.name, "_HID", SEGMENT) == 0)
			is_wanted = is_string(t.body, w->hid);
		else if (memcmp(t.name, "_STA", SEGMENT) == 0)
			present = is_present(t.body);
		else if (memcmp(t.name, "_CRS", SEGMENT) == 0)
			read_resources(t.body, &d);
	}
	if (is_wanted && present && d.size_bytes != 0 && d.interrupt != 0)
		w->found(w->context, &d);
}

static void walk(struct aml in, const struct walk *w, unsigned nesting)
{
	struct term t;

	while (next_term(&in, &t)) {
		if (t.op == OP_DEVICE)
			read_device(t.body, w);
		if ((t.op == OP_DEVICE || t.op == OP_SCOPE) && nesting < NESTING_MAX)
			walk(t.body, w, nesting + 1);
	}
}

void aml_find_devices(struct aml body, const char *hid,
		      void (*found)(void *context, const struct aml_device *d), void *context)
{
	const struct walk w = { .hid = hid, .found = found, .context = context };

	walk(body, &w, 0);
}
