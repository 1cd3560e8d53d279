/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notes: a REST service over SQLite.
 *
 *	notes ADDRESS:PORT DATABASE
 *
 *	GET    /notes		all of them, the oldest first; ?like=TEXT: those with that text
 *	POST   /notes		{"text": …}: 201, Location and the note
 *	GET    /notes/:id	{"id": …, "text": …}
 *	PUT    /notes/:id	{"text": …}
 *	DELETE /notes/:id	204
 *
 * What touches the database runs on a thread of hull_work, so that the loop goes on meanwhile;
 * SQLite lets one in at a time (SQLITE_OPEN_FULLMUTEX), and a statement is this job's own. The
 * answer is given when the job is back in the loop.
 */
#include <hull_json.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *database;
static struct hull_http_server *server;

struct job {
	struct hull_http_request *r;
	const char *sql;               /* ?1: id, ?2: text; its rows are notes */
	sqlite3_int64 id;              /* 0: none */
	char *text;                    /* or NULL */
	bool is_list, is_new, is_gone; /* what the answer is: an array; 201; 204 */
	/* Of the thread's. */
	json_t *rows;
	int error; /* SQLite's */
};

/* ---- on a thread ---- */

static void read_rows(struct job *j, sqlite3_stmt *s)
{
	while ((j->error = sqlite3_step(s)) == SQLITE_ROW) {
		json_t *note = json_pack("{s:I, s:s%}", "id",
					 (json_int_t)sqlite3_column_int64(s, 0), "text",
					 (const char *)sqlite3_column_text(s, 1),
					 (size_t)sqlite3_column_bytes(s, 1));

		if (note == NULL || json_array_append_new(j->rows, note) != 0) {
			j->error = SQLITE_NOMEM;
			return;
		}
	}
	if (j->error == SQLITE_DONE)
		j->error = SQLITE_OK;
}

static void run(void *user)
{
	struct job *j = user;
	sqlite3_stmt *s = NULL;

	j->error = sqlite3_prepare_v2(database, j->sql, -1, &s, NULL);
	if (j->error == SQLITE_OK && sqlite3_bind_parameter_count(s) > 0)
		j->error = sqlite3_bind_int64(s, 1, j->id);
	if (j->error == SQLITE_OK && sqlite3_bind_parameter_count(s) > 1)
		j->error = sqlite3_bind_text(s, 2, j->text == NULL ? "" : j->text, -1,
					     SQLITE_STATIC);
	if (j->error == SQLITE_OK)
		read_rows(j, s);
	sqlite3_finalize(s);
}

/* ---- back in the loop ---- */

static void free_job(struct job *j)
{
	json_decref(j->rows);
	free(j->text);
	free(j);
}

static void done(void *user)
{
	struct job *j = user;
	char where[40];

	if (j->error != SQLITE_OK) {
		hull_json_refuse(j->r, j->error == SQLITE_FULL ? 507 : 500,
				 sqlite3_errstr(j->error));
	} else if (j->is_list) {
		hull_json_respond(j->r, 200, json_incref(j->rows));
	} else if (json_array_size(j->rows) == 0) {
		hull_json_refuse(j->r, 404, "there is no such note");
	} else if (j->is_gone) {
		hull_http_respond(j->r, 204, NULL, NULL, 0);
	} else {
		json_t *note = json_array_get(j->rows, 0);

		snprintf(where, sizeof(where), "/notes/%lld",
			 (long long)json_integer_value(json_object_get(note, "id")));
		if (j->is_new && hull_http_set_header(j->r, "Location", where) != 0)
			hull_http_refuse(j->r, 500, NULL);
		else
			hull_json_respond(j->r, j->is_new ? 201 : 200, json_incref(note));
	}
	free_job(j);
}

static void start(struct job *j)
{
	if (j->rows != NULL && j->error == SQLITE_OK && hull_work(run, done, j) == 0)
		return;
	hull_json_refuse(j->r, 503, "there is too much to do");
	free_job(j);
}

/* ---- requests ---- */

/* NULL: the request was refused. */
static struct job *new_job(struct hull_http_request *r, const char *sql)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		hull_http_refuse(r, 503, NULL);
		return NULL;
	}
	j->r = r;
	j->sql = sql;
	j->rows = json_array();
	return j;
}

/* False: the request was refused. */
static bool read_id(struct hull_http_request *r, sqlite3_int64 *id)
{
	char text[24], *end;

	if (hull_http_parameter(r, "id", text, sizeof(text)) > 0) {
		*id = strtoll(text, &end, 10);
		if (*end == '\0' && *id > 0)
			return true;
	}
	hull_json_refuse(r, 404, "there is no such note");
	return false;
}

static bool read_text(struct hull_http_request *r, char **text)
{
	json_t *body;
	const char *value;

	if (hull_json_body(r, &body) != 0)
		return false;
	value = json_string_value(json_object_get(body, "text"));
	*text = value == NULL ? NULL : strdup(value);
	json_decref(body);
	if (value == NULL)
		hull_json_refuse(r, 422, "\"text\" is missing, or no string");
	else if (*text == NULL)
		hull_http_refuse(r, 503, NULL);
	return *text != NULL;
}

static void list(struct hull_http_request *r, void *user)
{
	struct job *j;
	char like[200];
	int n = hull_http_argument(r, "like", like, sizeof(like));

	j = new_job(r, "SELECT id, text FROM notes WHERE ?1 = 0 AND instr(text, ?2) ORDER BY id");
	if (j == NULL)
		return;
	j->is_list = true;
	if (n < 0)
		j->sql = "SELECT id, text FROM notes ORDER BY id";
	else if ((j->text = strdup(like)) == NULL)
		j->error = SQLITE_NOMEM;
	start(j);
}

static void create(struct hull_http_request *r, void *user)
{
	struct job *j;
	char *text;

	if (!read_text(r, &text))
		return;
	j = new_job(r, "INSERT INTO notes(text) SELECT ?2 WHERE ?1 = 0 RETURNING id, text");
	if (j == NULL) {
		free(text);
		return;
	}
	j->text = text;
	j->is_new = true;
	start(j);
}

static void show(struct hull_http_request *r, void *user)
{
	sqlite3_int64 id;
	struct job *j;

	if (!read_id(r, &id))
		return;
	j = new_job(r, "SELECT id, text FROM notes WHERE id = ?1");
	if (j == NULL)
		return;
	j->id = id;
	start(j);
}

static void change(struct hull_http_request *r, void *user)
{
	sqlite3_int64 id;
	struct job *j;
	char *text;

	if (!read_id(r, &id) || !read_text(r, &text))
		return;
	j = new_job(r, "UPDATE notes SET text = ?2 WHERE id = ?1 RETURNING id, text");
	if (j == NULL) {
		free(text);
		return;
	}
	j->id = id;
	j->text = text;
	start(j);
}

static void discard(struct hull_http_request *r, void *user)
{
	sqlite3_int64 id;
	struct job *j;

	if (!read_id(r, &id))
		return;
	j = new_job(r, "DELETE FROM notes WHERE id = ?1 RETURNING id, text");
	if (j == NULL)
		return;
	j->id = id;
	j->is_gone = true;
	start(j);
}

/* ---- start ---- */

static void stop(int signo, void *user)
{
	sqlite3_close(database);
	hull_stop(0);
}

static int open_database(const char *path)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
	int err = sqlite3_open_v2(path, &database, flags, NULL);

	if (err == SQLITE_OK)
		err = sqlite3_exec(database,
				   "CREATE TABLE IF NOT EXISTS notes"
				   "(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL)",
				   NULL, NULL, NULL);
	if (err != SQLITE_OK)
		hull_log("notes: %s: %s", path, sqlite3_errmsg(database));
	return err;
}

static int add_routes(void)
{
	static const struct {
		const char *method, *path;
		hull_http_handler *fn;
	} routes[] = {
		{ "GET", "/notes", list },           { "POST", "/notes", create },
		{ "GET", "/notes/:id", show },       { "PUT", "/notes/:id", change },
		{ "DELETE", "/notes/:id", discard },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]) && err == 0; i++)
		err = hull_http_route(server, routes[i].method, routes[i].path, routes[i].fn, NULL);
	return err;
}

int hull_start(int argc, char **argv)
{
	struct hull_http_config config = { 0 };
	char text[HULL_ADDRESS_TEXT];
	struct hull_address local;
	int err;

	if (argc != 3 || hull_address_parse(argv[1], 8080, &config.local) != 0) {
		hull_log("usage: notes ADDRESS:PORT DATABASE");
		return 2;
	}
	if (open_database(argv[2]) != SQLITE_OK)
		return 1;
	err = hull_http_listen(&config, &server);
	if (err == 0)
		err = add_routes();
	if (err != 0) {
		hull_log("notes: %s: %s", argv[1], strerror(-err));
		return 1;
	}
	hull_on_interrupt(SIGTERM, stop, NULL);
	hull_on_interrupt(SIGINT, stop, NULL);
	local = hull_http_local(server);
	hull_log("serving on %s (%s)", hull_address_text(&local, text), hull_backend());
	return 0;
}
