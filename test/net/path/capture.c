/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture of one end's frames, with microseconds: pcap-savefile(5). */
#include <stdio.h>
#include <time.h>

#include "test/net/path/impair.h"

#define LINK_ETHERNET 1u
#define FRAME_BYTES   200u /* that are kept of each */

static FILE *file;

bool capture_open(const char *path)
{
	const uint32_t head[] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, FRAME_BYTES, LINK_ETHERNET };

	file = fopen(path, "wb");
	if (!file)
		impair_fail("cannot be written", path);
	return fwrite(head, sizeof(head), 1, file) == 1;
}

void capture_frame(const uint8_t *bytes, size_t len)
{
	uint32_t kept = len < FRAME_BYTES ? (uint32_t)len : FRAME_BYTES;
	struct timespec now;

	if (!file)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	fwrite((uint32_t[]){ (uint32_t)now.tv_sec, (uint32_t)(now.tv_nsec / 1000), kept,
			     (uint32_t)len },
	       16, 1, file);
	fwrite(bytes, kept, 1, file);
}

void capture_close(void)
{
	if (file && fclose(file) != 0)
		impair_fail("is not whole", "the capture");
}
