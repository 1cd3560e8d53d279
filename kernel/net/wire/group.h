/* SPDX-License-Identifier: BSD-2-Clause */
/* Membership of groups: IGMP (RFC 2236, RFC 3376 §4) and MLDv2 (RFC 3810 §5). Layouts. */
#pragma once
#include "net/wire/bytes.h"

enum igmp_type {
	IGMP_QUERY = 0x11,
	IGMP_REPORT_1 = 0x12,
	IGMP_REPORT_2 = 0x16,
	IGMP_LEAVE = 0x17,
	IGMP_REPORT_3 = 0x22,
};

struct igmp_message { /* a query; a report or a leave of version 2 */
	uint8_t type;
	uint8_t max_response; /* in tenths of a second; 0: version 1 */
	struct be16 checksum;
	uint8_t group[4];
};

#define IGMP_QUERY_3_LEN 12u /* at least: sources and their number follow */

struct group_query { /* behind the first part of a query of IGMPv3 and MLDv2; sources follow */
	uint8_t robustness; /* and flags */
	uint8_t interval;
	struct be16 nr_sources;
};
#define GROUP_QUERY_ROBUSTNESS 7u

struct group_report { /* IGMPv3's and MLDv2's, which differ in `type` only */
	uint8_t type, reserved;
	struct be16 checksum;
	struct be16 reserved2, nr_records;
};

enum group_record_type {
	GROUP_IS_INCLUDE = 1, /* these sources are heard */
	GROUP_IS_EXCLUDE = 2, /* all but these are */
	GROUP_TO_INCLUDE = 3, /* from now on; with none it was left */
	GROUP_TO_EXCLUDE = 4,
	GROUP_ALLOW = 5, /* these sources are heard too */
	GROUP_BLOCK = 6, /* these no more */
};

struct group_record { /* the group's address and the sources follow, of either family */
	uint8_t type, auxiliary_len;
	struct be16 nr_sources;
};

struct mld_message { /* a query; a report or a leave of version 1 */
	uint8_t type, code;
	struct be16 checksum;
	struct be16 max_response_ms, reserved;
	uint8_t group[16];
};

#define MLD_QUERY_2_LEN 28u /* at least */
