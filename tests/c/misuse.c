/*
 * Calls every function with null, garbage, closed, foreign and wrong-kind handles, with lengths of
 * 0 and huge ones, and with texts that are not UTF-8, from eight threads at once: each call gets a
 * status, and nothing else happens.
 */
#include "calls.h"

#include <pthread.h>

#define THREADS 8
#define ROUNDS 20
#define HUGE_LENGTH ((size_t)-1)

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

/* A text that is none, or too long, or empty. */
typedef struct {
    const char *data;
    size_t length;
} text;

static const text TEXTS[] = {
    {"\xff\xfe", 2},           {"\xed\xa0\x80", 3},   {"x", 65537},
    {"x", HUGE_LENGTH},        {NULL, HUGE_LENGTH},   {"x", HUGE_LENGTH / 2},
    {NULL, 1},                 {NULL, 0},             {"x", 0},
};

/* From here on they are texts, but empty: fine as a prefix, a target or a value. */
enum { EMPTY = 7, TEXT_COUNT = sizeof TEXTS / sizeof TEXTS[0] };

/* A call gets a status that says what is wrong with its arguments. */
static void refused(int32_t status, int line) {
    if (status != LS_INVALID_ARGUMENT && status != LS_TOO_LARGE && status != LS_LIMIT) {
        fprintf(stderr, "%d: %s\n", line, ls_status_name(status));
        exit(1);
    }
}

#define REFUSED(call) refused((call), __LINE__)

/* Where a name is wanted. */
static void misuse_names(const text *of) {
    ls_client client = open_ones[CLIENT];
    ls_transaction transaction = open_ones[TRANSACTION];
    const char *data = of->data;
    size_t length = of->length;
    ls_error error = LS_ERROR_INIT, *e = &error;
    ls_bytes bytes = LS_BYTES_INIT;
    uint64_t handle = 7;
    REFUSED(ls_contender_open(client, data, length, NULL, no_end, &handle, e));
    REFUSED(ls_watch_open(client, data, length, NULL, no_end, &handle, e));
    REFUSED(ls_client_resign(client, data, length, 0, NULL, 0, 0, e));
    REFUSED(ls_store_get(client, data, length, "k", 1, 0, &bytes, NULL, e));
    REFUSED(ls_store_get(client, "e", 1, data, length, 0, &bytes, NULL, e));
    REFUSED(ls_store_list(client, data, length, "", 0, true, 0, &handle, e));
    REFUSED(ls_store_create(client, data, length, 1, "k", 1, "", 0, 0, NULL, e));
    REFUSED(ls_store_create(client, "e", 1, 1, data, length, "", 0, 0, NULL, e));
    REFUSED(ls_store_replace(client, data, length, 1, "k", 1, 1, "", 0, 0, NULL, e));
    REFUSED(ls_store_replace(client, "e", 1, 1, data, length, 1, "", 0, 0, NULL, e));
    REFUSED(ls_store_delete(client, data, length, 1, "k", 1, 0, 0, e));
    REFUSED(ls_store_delete(client, "e", 1, 1, data, length, 0, 0, e));
    REFUSED(ls_store_delete_prefix(client, data, length, 1, "k", 1, 0, NULL, e));
    REFUSED(ls_store_check(client, data, length, 1, 0, e));
    REFUSED(ls_transaction_fence(transaction, data, length, 1, e));
    REFUSED(ls_transaction_create(transaction, data, length, "k", 1, "", 0, e));
    REFUSED(ls_transaction_create(transaction, "e", 1, data, length, "", 0, e));
    REFUSED(ls_transaction_replace(transaction, data, length, "k", 1, 1, "", 0, e));
    REFUSED(ls_transaction_replace(transaction, "e", 1, data, length, 1, "", 0, e));
    REFUSED(ls_transaction_delete(transaction, data, length, "k", 1, 0, e));
    REFUSED(ls_transaction_delete(transaction, "e", 1, data, length, 0, e));
    REFUSED(ls_transaction_delete_prefix(transaction, data, length, "k", 1, e));
    CHECK(handle == 7 && bytes.data == NULL);
}

/* Where it may be empty. */
static void misuse_other_texts(const text *of) {
    ls_client client = open_ones[CLIENT];
    const char *data = of->data;
    size_t length = of->length;
    ls_error error = LS_ERROR_INIT, *e = &error;
    uint64_t handle = 7;
    REFUSED(ls_client_resign(client, "e", 1, 0, data, length, 0, e));
    REFUSED(ls_store_list(client, "e", 1, data, length, true, 0, &handle, e));
    REFUSED(ls_store_delete_prefix(client, "e", 1, 1, data, length, 0, NULL, e));
    REFUSED(ls_transaction_delete_prefix(open_ones[TRANSACTION], "e", 1, data, length, e));
    CHECK(handle == 7);
}

/* Where any bytes will do, if they are there and not too many. */
static void misuse_values(const text *of) {
    ls_client client = open_ones[CLIENT];
    ls_transaction transaction = open_ones[TRANSACTION];
    const char *data = of->data;
    size_t length = of->length;
    ls_error error = LS_ERROR_INIT, *e = &error;
    REFUSED(ls_store_create(client, "e", 1, 1, "k", 1, data, length, 0, NULL, e));
    REFUSED(ls_store_replace(client, "e", 1, 1, "k", 1, 1, data, length, 0, NULL, e));
    REFUSED(ls_transaction_create(transaction, "e", 1, "k", 1, data, length, e));
    REFUSED(ls_transaction_replace(transaction, "e", 1, "k", 1, 1, data, length, e));
    REFUSED(ls_contender_confirm(open_ones[CONTENDER], NOBODY, data, length, e));
}

static void misuse_options(const text *of) {
    ls_error error = LS_ERROR_INIT, *e = &error;
    uint64_t handle = 7;
    ls_option name = {of->data, of->length, "x", 1};
    ls_option value = {"namespace", 9, of->data, of->length};
    REFUSED(ls_client_open(&name, 1, NULL, &handle, e));
    REFUSED(ls_server_start(&name, 1, NULL, &handle, e));
    REFUSED(ls_client_open(&value, 1, NULL, &handle, e));
    REFUSED(ls_server_start(&value, 1, NULL, &handle, e));
    CHECK(handle == 7);
}

static void misuse_texts(void) {
    int index;
    for (index = 0; index < TEXT_COUNT; index++) {
        const text *of = &TEXTS[index];
        misuse_names(of);
        misuse_options(of);
        if (index < EMPTY) {
            misuse_other_texts(of);
        }
        if (of->length > 65537 || (of->data == NULL && of->length != 0)) {
            misuse_values(of);
        }
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
}

/* Certificates that are none, or not there. */
static void misuse_keys(void) {
    static const ls_certificate none = {NULL, 7}, huge = {(const uint8_t *)"x", HUGE_LENGTH};
    const uint8_t *const data = (const uint8_t *)"x";
    ls_option options[2];
    ls_error error = LS_ERROR_INIT;
    uint64_t handle = 7;
    const ls_tls cases[] = {
        {sizeof(ls_tls), NULL, 0, NULL, 0, NULL, 0},
        {sizeof(ls_tls), NULL, 1, NULL, 0, NULL, 0},
        {sizeof(ls_tls), data, HUGE_LENGTH, NULL, 0, NULL, 0},
        {sizeof(ls_tls), data, 1, NULL, 1, NULL, 0},
        {sizeof(ls_tls), data, 1, &none, 1, NULL, 0},
        {sizeof(ls_tls), data, 1, &huge, 1, NULL, 0},
        {sizeof(ls_tls), data, 1, &none, HUGE_LENGTH, NULL, 0},
        {sizeof(ls_tls), data, 1, NULL, 0, &huge, 1},
        {sizeof(ls_tls), data, 1, NULL, 0, NULL, HUGE_LENGTH},
        {sizeof(ls_tls) - 1, data, 1, NULL, 0, NULL, 0},
        {0, data, 1, NULL, 0, NULL, 0},
    };
    size_t index;
    options[0] = option("endpoint", "leader://127.0.0.1:1");
    options[1] = option("namespace", "misuse");
    for (index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        int32_t status = ls_client_open(options, 2, &cases[index], &handle, &error);
        CHECK(status == LS_INVALID_ARGUMENT || status == LS_TOO_LARGE || status == LS_TLS);
        CHECK(ls_server_start(NULL, 0, &cases[index], &handle, &error) == status);
    }
    CHECK(handle == 7);
}

/* What can't fail, or takes any number. */
static void misuse_numbers(void) {
    ls_error error = LS_ERROR_INIT;
    ls_leader_session_id id = NOBODY;
    CHECK(ls_abi_version() == LS_ABI_VERSION);
    CHECK(strncmp(ls_version(), "0.", 2) == 0);
    CHECK(strcmp(ls_status_name(-1), "unknown") == 0);
    CHECK(strcmp(ls_status_name(INT32_MIN), "unknown") == 0);
    CHECK(strcmp(ls_status_name(INT32_MAX), "unknown") == 0);
    CHECK(strcmp(ls_status_name(3), "LS_CLOSED") == 0);
    MUST(ls_log_set_level(INT32_MAX, &error));
    MUST(ls_log_set_level(INT32_MIN, &error));
    MUST(ls_log_on_record(NULL, &id, no_end, &error));
    /* The leadership of nobody, and of none. */
    CHECK(!ls_has_leadership(open_ones[CONTENDER], id));
    MUST_FAIL(LS_NOT_LEADER, ls_contender_confirm(open_ones[CONTENDER], id, "x", 1, &error));
    id.epoch = id.low = 0;
    CHECK(!ls_has_leadership(open_ones[CONTENDER], id));
    MUST_FAIL(LS_NOT_LEADER, ls_contender_confirm(open_ones[CONTENDER], id, "x", 1, &error));
    /* An epoch that is never granted. */
    MUST_FAIL(LS_FENCED, ls_store_check(open_ones[CLIENT], "e", 1, 0, 60000, &error));
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
        misuse_keys();
        misuse_numbers();
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
