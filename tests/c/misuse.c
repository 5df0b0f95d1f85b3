/*
 * Calls every function with null, garbage, closed, foreign and wrong-kind handles, with lengths of
 * 0 and huge ones, and with texts that are not UTF-8, from eight threads at once: each call gets a
 * status, and nothing else happens.
 */
#include "check.h"

#include <pthread.h>

#define THREADS 8
#define ROUNDS 20
#define HUGE_LENGTH ((size_t)-1)

/* One function, called with a handle where it takes one. */
typedef int32_t (*with_handle)(uint64_t handle, ls_error *error);

static const ls_leader_session_id NOBODY = {1, 2};

static void no_event(void *user_data, const ls_event *event) {
    (void)user_data;
    (void)event;
    CHECK(!"no event may come");
}

static void no_end(void *user_data) {
    (void)user_data;
    CHECK(!"a call that fails keeps nothing");
}

/* --- Calls that are right but for the handle */

static int32_t server_port(uint64_t h, ls_error *e) {
    uint16_t port = 7;
    int32_t status = ls_server_port(h, &port, e);
    CHECK(port == 7);
    return status;
}
static int32_t attach_client(uint64_t h, ls_error *e) { return ls_client_attach(h, h, e); }
static int32_t detach(uint64_t h, ls_error *e) { return ls_client_detach(h, e); }
static int32_t state(uint64_t h, ls_error *e) {
    ls_bytes bytes = LS_BYTES_INIT;
    int32_t status = ls_client_state(h, &bytes, e);
    CHECK(bytes.data == NULL);
    return status;
}
static int32_t name_status(uint64_t h, ls_error *e) {
    ls_bytes bytes = LS_BYTES_INIT;
    int32_t status = ls_client_status(h, 0, &bytes, e);
    CHECK(bytes.data == NULL);
    return status;
}
static int32_t resign(uint64_t h, ls_error *e) {
    return ls_client_resign(h, "process", 7, 0, NULL, 0, 0, e);
}
static int32_t descriptor(uint64_t h, ls_error *e) {
    int32_t fd = -7;
    int32_t status = ls_client_descriptor(h, &fd, e);
    CHECK(fd == -7);
    return status;
}
static int32_t on_event(uint64_t h, ls_error *e) {
    return ls_client_on_event(h, no_event, NULL, no_end, e);
}
static int32_t next_event(uint64_t h, ls_error *e) {
    ls_event event = LS_EVENT_INIT;
    return ls_next_event(h, 0, &event, e);
}
static int32_t contend(uint64_t h, ls_error *e) {
    ls_contender contender = 7;
    int32_t status = ls_contender_open(h, "a", 1, NULL, no_end, &contender, e);
    CHECK(contender == 7);
    return status;
}
static int32_t watch(uint64_t h, ls_error *e) {
    ls_watch opened = 7;
    int32_t status = ls_watch_open(h, "a", 1, NULL, no_end, &opened, e);
    CHECK(opened == 7);
    return status;
}
static int32_t get(uint64_t h, ls_error *e) {
    ls_bytes bytes = LS_BYTES_INIT;
    return ls_store_get(h, "e", 1, "k", 1, 0, &bytes, NULL, e);
}
static int32_t list(uint64_t h, ls_error *e) {
    ls_list opened = 0;
    return ls_store_list(h, "e", 1, "", 0, true, 0, &opened, e);
}
static int32_t create(uint64_t h, ls_error *e) {
    return ls_store_create(h, "e", 1, 1, "k", 1, "v", 1, 0, NULL, e);
}
static int32_t replace(uint64_t h, ls_error *e) {
    return ls_store_replace(h, "e", 1, 1, "k", 1, 1, "v", 1, 0, NULL, e);
}
static int32_t delete_(uint64_t h, ls_error *e) {
    return ls_store_delete(h, "e", 1, 1, "k", 1, 0, 0, e);
}
static int32_t delete_prefix(uint64_t h, ls_error *e) {
    return ls_store_delete_prefix(h, "e", 1, 1, "k", 1, 0, NULL, e);
}
static int32_t check(uint64_t h, ls_error *e) { return ls_store_check(h, "e", 1, 1, 0, e); }
static int32_t begin(uint64_t h, ls_error *e) {
    ls_transaction opened = 7;
    int32_t status = ls_transaction_open(h, &opened, e);
    CHECK(opened == 7);
    return status;
}
static int32_t confirm(uint64_t h, ls_error *e) {
    return ls_contender_confirm(h, NOBODY, "x", 1, e);
}
static int32_t epoch(uint64_t h, ls_error *e) {
    uint64_t number = 7;
    int32_t status = ls_contender_epoch(h, &number, NULL, e);
    CHECK(number == 7);
    return status;
}
static int32_t list_next(uint64_t h, ls_error *e) {
    ls_entry entry = LS_ENTRY_INIT;
    return ls_list_next(h, 0, &entry, e);
}
static int32_t t_fence(uint64_t h, ls_error *e) { return ls_transaction_fence(h, "e", 1, 1, e); }
static int32_t t_create(uint64_t h, ls_error *e) {
    return ls_transaction_create(h, "e", 1, "k", 1, "v", 1, e);
}
static int32_t t_replace(uint64_t h, ls_error *e) {
    return ls_transaction_replace(h, "e", 1, "k", 1, 1, "v", 1, e);
}
static int32_t t_delete(uint64_t h, ls_error *e) {
    return ls_transaction_delete(h, "e", 1, "k", 1, 0, e);
}
static int32_t t_delete_prefix(uint64_t h, ls_error *e) {
    return ls_transaction_delete_prefix(h, "e", 1, "k", 1, e);
}
static int32_t t_commit(uint64_t h, ls_error *e) {
    return ls_transaction_commit(h, 0, NULL, NULL, e);
}
static int32_t client_close(uint64_t h, ls_error *e) { return ls_client_close(h, 0, e); }

/* By the kind of handle that they take. */
enum { SERVER, CLIENT, CONTENDER, WATCH, LIST, TRANSACTION, KINDS };

static const with_handle USES[KINDS][20] = {
    {server_port},
    {attach_client, detach, state, name_status, resign, descriptor, on_event, next_event, contend,
     watch, get, list, create, replace, delete_, delete_prefix, check, begin},
    {confirm, epoch},
    {NULL},
    {list_next},
    {t_fence, t_create, t_replace, t_delete, t_delete_prefix, t_commit},
};

static const with_handle CLOSES[KINDS] = {ls_server_stop, client_close,  ls_contender_close,
                                          ls_watch_close, ls_list_close, ls_transaction_close};

/* Of each kind one that is open and one that was closed. */
static uint64_t open_ones[KINDS], closed_ones[KINDS];

static void open_all(uint64_t *handles) {
    ls_error error = LS_ERROR_INIT;
    MUST(ls_server_start(NULL, 0, NULL, &handles[SERVER], &error));
    handles[CLIENT] = open_shared("embedded:misuse");
    MUST(ls_contender_open(handles[CLIENT], "a", 1, NULL, NULL, &handles[CONTENDER], &error));
    MUST(ls_watch_open(handles[CLIENT], "a", 1, NULL, NULL, &handles[WATCH], &error));
    MUST(ls_store_list(handles[CLIENT], "e", 1, NULL, 0, true, 10000, &handles[LIST], &error));
    MUST(ls_transaction_open(handles[CLIENT], &handles[TRANSACTION], &error));
}

static void close_all(uint64_t *handles) {
    ls_error error = LS_ERROR_INIT;
    int kind;
    for (kind = KINDS - 1; kind >= 0; kind--) {
        MUST(CLOSES[kind](handles[kind], &error));
        MUST(CLOSES[kind](handles[kind], &error));
    }
}

/* `kind`: what the handle is of, and open; KINDS if nothing. */
static void use_everywhere(uint64_t handle, int of) {
    ls_error error = LS_ERROR_INIT;
    int kind, use;
    CHECK(of == CONTENDER || !ls_has_leadership(handle, NOBODY));
    for (kind = 0; kind < KINDS; kind++) {
        if (kind == of) {
            continue;
        }
        for (use = 0; USES[kind][use] != NULL; use++) {
            int32_t status = USES[kind][use](handle, &error);
            CHECK(status == LS_INVALID_ARGUMENT || status == LS_CLOSED);
            CHECK(error.status == status && error.text_length > 0);
            CHECK(error.text_length == strlen(error.text));
            CHECK(USES[kind][use](handle, NULL) == status);
        }
        if (of == KINDS) {
            int32_t status = CLOSES[kind](handle, &error);
            CHECK(status == LS_OK || status == LS_INVALID_ARGUMENT);
        } else {
            MUST_FAIL(LS_INVALID_ARGUMENT, CLOSES[kind](handle, &error));
        }
    }
}

/* Every parameter that is a text, with everything that is none. */
static void misuse_texts(void) {
    static const struct {
        const char *data;
        size_t length;
    } texts[] = {{NULL, 0},           {NULL, 1},
                 {"x", 0},            {"\xff\xfe", 2},
                 {"\xed\xa0\x80", 3}, {"x", 65537},
                 {"x", HUGE_LENGTH},  {NULL, HUGE_LENGTH},
                 {"x", HUGE_LENGTH / 2}};
    ls_client client = open_ones[CLIENT];
    ls_transaction transaction = open_ones[TRANSACTION];
    size_t index;
    for (index = 0; index < sizeof texts / sizeof texts[0]; index++) {
        const char *data = texts[index].data;
        size_t length = texts[index].length;
        ls_error error = LS_ERROR_INIT;
        ls_bytes bytes = LS_BYTES_INIT;
        uint64_t handle = 7;
        ls_option option_;
        CHECK(ls_contender_open(client, data, length, NULL, no_end, &handle, &error) != LS_OK);
        CHECK(ls_watch_open(client, data, length, NULL, no_end, &handle, &error) != LS_OK);
        CHECK(ls_client_resign(client, data, length, 0, NULL, 0, 0, &error) != LS_OK);
        CHECK(ls_store_get(client, data, length, "k", 1, 0, &bytes, NULL, &error) != LS_OK);
        CHECK(ls_store_get(client, "e", 1, data, length, 0, &bytes, NULL, &error) != LS_OK);
        CHECK(ls_store_list(client, data, length, "", 0, true, 0, &handle, &error) != LS_OK);
        CHECK(ls_store_create(client, data, length, 1, "k", 1, "", 0, 0, NULL, &error) != LS_OK);
        CHECK(ls_store_create(client, "e", 1, 1, data, length, "", 0, 0, NULL, &error) != LS_OK);
        CHECK(ls_store_replace(client, "e", 1, 1, data, length, 1, "", 0, 0, NULL, &error) !=
              LS_OK);
        CHECK(ls_store_delete(client, "e", 1, 1, data, length, 0, 0, &error) != LS_OK);
        CHECK(ls_store_check(client, data, length, 1, 0, &error) != LS_OK);
        CHECK(ls_transaction_fence(transaction, data, length, 1, &error) != LS_OK);
        CHECK(ls_transaction_create(transaction, "e", 1, data, length, "", 0, &error) != LS_OK);
        CHECK(ls_transaction_replace(transaction, data, length, "k", 1, 1, "", 0, &error) != LS_OK);
        CHECK(ls_transaction_delete(transaction, "e", 1, data, length, 0, &error) != LS_OK);
        option_.name = data;
        option_.name_length = length;
        option_.value = "x";
        option_.value_length = 1;
        CHECK(ls_client_open(&option_, 1, NULL, &handle, &error) != LS_OK);
        CHECK(ls_server_start(&option_, 1, NULL, &handle, &error) != LS_OK);
        option_.name = "namespace";
        option_.name_length = 9;
        option_.value = data;
        option_.value_length = length;
        CHECK(ls_client_open(&option_, 1, NULL, &handle, &error) != LS_OK);
        CHECK(ls_server_start(&option_, 1, NULL, &handle, &error) != LS_OK);
        CHECK(handle == 7 && bytes.data == NULL);
    }
}

/* Null where something is to be written or read, and structs without their size. */
static void misuse_pointers(void) {
    ls_client client = open_ones[CLIENT];
    ls_error error = LS_ERROR_INIT;
    ls_error unsized_ = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_entry entry = LS_ENTRY_INIT;
    ls_log_record record = LS_LOG_RECORD_INIT;
    ls_tls tls;
    ls_bytes garbage;
    uint64_t handle = 7;
    memset(&tls, 0, sizeof tls);
    unsized_.size = 4;
    event.size = entry.size = record.size = 0;
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_client_open(NULL, 0, NULL, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_client_open(NULL, 0, &tls, &handle, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_client_open(NULL, 1, NULL, &handle, &error));
    MUST_FAIL(LS_TOO_LARGE, ls_client_open(NULL, HUGE_LENGTH, NULL, &handle, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_server_start(NULL, 0, NULL, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_server_port(open_ones[SERVER], NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_client_state(client, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_client_status(client, 0, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_client_descriptor(client, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_client_on_event(client, NULL, NULL, no_end, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_next_event(client, 0, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_next_event(client, 0, &event, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_contender_open(client, "z", 1, NULL, no_end, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_watch_open(client, "z", 1, NULL, no_end, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_contender_epoch(open_ones[CONTENDER], NULL, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_list_next(open_ones[LIST], 0, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_list_next(open_ones[LIST], 0, &entry, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_transaction_open(client, NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_log_next(NULL, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_log_next(&record, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_bytes_free(NULL));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_next_event(client, 0, NULL, &unsized_));
    CHECK(unsized_.status == 0 && unsized_.text_length == 0);
    memset(&garbage, 0x5a, sizeof garbage);
    CHECK(ls_bytes_free(&garbage) == LS_OK && garbage.length == 0);
    CHECK(ls_bytes_free(&garbage) == LS_OK);
    MUST_FAIL(LS_LIMIT, ls_transaction_create(open_ones[TRANSACTION], "e", 1, "k", 1, "v",
                                              HUGE_LENGTH, &error));
    MUST_FAIL(LS_TOO_LARGE, ls_contender_confirm(open_ones[CONTENDER], NOBODY, "x", HUGE_LENGTH,
                                                 &error));
    CHECK(strcmp(ls_status_name(-1), "unknown") == 0);
    CHECK(strcmp(ls_status_name(3), "LS_CLOSED") == 0);
}

static void *misuse(void *unused) {
    static const uint64_t garbage[] = {0,
                                       1,
                                       42,
                                       UINT64_MAX,
                                       INT64_MAX,
                                       UINT64_C(1) << 63,
                                       (UINT64_C(2) << 56) + 0xfffffe,
                                       (UINT64_C(3) << 56) + 0xfffffe,
                                       UINT64_C(0x0100000000ffffff)};
    size_t index;
    int round, kind;
    for (round = 0; round < ROUNDS; round++) {
        for (index = 0; index < sizeof garbage / sizeof garbage[0]; index++) {
            use_everywhere(garbage[index], KINDS);
        }
        for (kind = 0; kind < KINDS; kind++) {
            use_everywhere(closed_ones[kind], KINDS);
            use_everywhere(open_ones[kind], kind);
        }
        misuse_texts();
        misuse_pointers();
    }
    return unused;
}

int main(void) {
    pthread_t threads[THREADS];
    ls_error error = LS_ERROR_INIT;
    int thread;
    open_all(closed_ones);
    close_all(closed_ones);
    open_all(open_ones);
    for (thread = 0; thread < THREADS; thread++) {
        CHECK(pthread_create(&threads[thread], NULL, misuse, NULL) == 0);
    }
    for (thread = 0; thread < THREADS; thread++) {
        CHECK(pthread_join(threads[thread], NULL) == 0);
    }
    /* All of it has had no effect on what is open. */
    {
        ls_event event = LS_EVENT_INIT;
        wait_for(open_ones[CLIENT], LS_EVENT_GRANT, &event);
        CHECK(ls_has_leadership(open_ones[CONTENDER], event.id));
        MUST(ls_bytes_free(&event.text));
    }
    close_all(open_ones);
    printf("done\n");
    return 0;
}
