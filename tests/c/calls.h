/* For misuse.c: each function that takes a handle, called rightly but for that. What fails must have
   written nothing. */
#ifndef CALLS_H
#define CALLS_H

#include "check.h"

/* One function, called with a handle where it takes one. */
typedef int32_t (*with_handle)(uint64_t handle, ls_error *error);

static const ls_leader_session_id NOBODY = {1, 2};

/* The kinds of handles. */
enum { SERVER, CLIENT, CONTENDER, WATCH, LIST, TRANSACTION, KINDS };

/* Of each kind one that is open and one that was closed. */
static uint64_t open_ones[KINDS], closed_ones[KINDS];

static void no_event(void *user_data, const ls_event *event) {
    (void)user_data;
    (void)event;
    CHECK(!"no event may come");
}

static void no_end(void *user_data) {
    (void)user_data;
    CHECK(!"a call that fails keeps nothing");
}

static int32_t server_port(uint64_t h, ls_error *e) {
    uint16_t port = 7;
    int32_t status = ls_server_port(h, &port, e);
    CHECK(port == 7);
    return status;
}
static int32_t attach_client(uint64_t h, ls_error *e) { return ls_client_attach(h, h, e); }
static int32_t attach_to(uint64_t h, ls_error *e) {
    return ls_client_attach(open_ones[CLIENT], h, e);
}
static int32_t attach_this(uint64_t h, ls_error *e) {
    return ls_client_attach(h, open_ones[SERVER], e);
}
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
    int32_t status = ls_next_event(h, 0, &event, e);
    CHECK(event.kind == 0 && event.text.data == NULL);
    return status;
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
    uint64_t version = 7;
    int32_t status = ls_store_get(h, "e", 1, "k", 1, 0, &bytes, &version, e);
    CHECK(bytes.data == NULL && version == 7);
    return status;
}
static int32_t list(uint64_t h, ls_error *e) {
    ls_list opened = 7;
    int32_t status = ls_store_list(h, "e", 1, "", 0, true, 0, &opened, e);
    CHECK(opened == 7);
    return status;
}
static int32_t create(uint64_t h, ls_error *e) {
    uint64_t version = 7;
    int32_t status = ls_store_create(h, "e", 1, 1, "k", 1, "v", 1, 0, &version, e);
    CHECK(version == 7);
    return status;
}
static int32_t replace(uint64_t h, ls_error *e) {
    uint64_t version = 7;
    int32_t status = ls_store_replace(h, "e", 1, 1, "k", 1, 1, "v", 1, 0, &version, e);
    CHECK(version == 7);
    return status;
}
static int32_t delete_(uint64_t h, ls_error *e) {
    return ls_store_delete(h, "e", 1, 1, "k", 1, 0, 0, e);
}
static int32_t delete_prefix(uint64_t h, ls_error *e) {
    uint64_t deleted = 7;
    int32_t status = ls_store_delete_prefix(h, "e", 1, 1, "k", 1, 0, &deleted, e);
    CHECK(deleted == 7);
    return status;
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
    ls_bytes election = LS_BYTES_INIT;
    int32_t status = ls_contender_epoch(h, &number, &election, e);
    CHECK(number == 7 && election.data == NULL);
    return status;
}
static int32_t list_next(uint64_t h, ls_error *e) {
    ls_entry entry = LS_ENTRY_INIT;
    int32_t status = ls_list_next(h, 0, &entry, e);
    CHECK(entry.key.data == NULL && entry.value.data == NULL && entry.version == 0);
    return status;
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
    uint64_t version = 7, deleted = 7;
    int32_t status = ls_transaction_commit(h, 0, &version, &deleted, e);
    CHECK(version == 7 && deleted == 7);
    return status;
}
static int32_t client_close(uint64_t h, ls_error *e) { return ls_client_close(h, 0, e); }

/* By the kind of handle that they take. */
static const with_handle USES[KINDS][20] = {
    {server_port, attach_to},
    {attach_client, attach_this, detach, state, name_status, resign, descriptor, on_event,
     next_event, contend, watch, get, list, create, replace, delete_, delete_prefix, check, begin},
    {confirm, epoch},
    {NULL},
    {list_next},
    {t_fence, t_create, t_replace, t_delete, t_delete_prefix, t_commit},
};

static const with_handle CLOSES[KINDS] = {ls_server_stop, client_close,  ls_contender_close,
                                          ls_watch_close, ls_list_close, ls_transaction_close};

#endif
