/*
 * Outputs: a place that can't be written to is found before anything is done, so that what fails has
 * had no effect; what succeeds writes all of them, and may be asked for none.
 */
#include "check.h"

#define HERE "process", 7
#define KEY "k", 1

static ls_client client;
static uint64_t epoch;

/* No place for a number, for it is not aligned. */
static uint64_t *no_place(void) {
    static uint64_t places[2];
    return (uint64_t *)(void *)((char *)places + 1);
}

static int exists(void) {
    ls_bytes value = LS_BYTES_INIT;
    ls_error error = LS_ERROR_INIT;
    int32_t status = ls_store_get(client, HERE, KEY, 60000, &value, NULL, &error);
    CHECK(status == LS_OK || status == LS_NOT_FOUND);
    MUST(ls_bytes_free(&value));
    return status == LS_OK;
}

static void misplaced(void) {
    ls_error error = LS_ERROR_INIT;
    ls_transaction transaction = 0;
    ls_bytes value = LS_BYTES_INIT;
    uint64_t version = 0, deleted = 7;
    const int32_t wrong = LS_INVALID_ARGUMENT;

    MUST_FAIL(wrong, ls_store_create(client, HERE, epoch, KEY, "1", 1, 60000, no_place(), &error));
    CHECK(!exists());
    MUST(ls_store_create(client, HERE, epoch, KEY, "1", 1, 60000, &version, &error));
    CHECK(version > 0);
    MUST_FAIL(wrong, ls_store_replace(client, HERE, epoch, KEY, version, "2", 1, 60000, no_place(),
                                      &error));
    MUST_FAIL(wrong, ls_store_get(client, HERE, KEY, 60000, &value, no_place(), &error));
    CHECK(value.data == NULL);
    MUST_FAIL(wrong, ls_store_delete_prefix(client, HERE, epoch, KEY, 60000, no_place(), &error));

    MUST(ls_transaction_open(client, &transaction, &error));
    MUST(ls_transaction_fence(transaction, HERE, epoch, &error));
    MUST(ls_transaction_delete_prefix(transaction, HERE, KEY, &error));
    MUST_FAIL(wrong, ls_transaction_commit(transaction, 60000, no_place(), &deleted, &error));
    MUST_FAIL(wrong, ls_transaction_commit(transaction, 60000, NULL, no_place(), &error));
    CHECK(deleted == 7);

    /* After all that it is still at the version at which it was created. */
    MUST(ls_store_replace(client, HERE, epoch, KEY, version, "3", 1, 60000, &version, &error));
    MUST(ls_transaction_commit(transaction, 60000, &version, &deleted, &error));
    CHECK(deleted == 1 && !exists());
    MUST(ls_transaction_commit(transaction, 60000, NULL, NULL, &error));
    MUST(ls_transaction_close(transaction, &error));
}

int main(void) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_bytes election = LS_BYTES_INIT;
    ls_contender contender = 0;
    uint64_t told = 7;
    client = open_shared("embedded:");
    MUST(ls_contender_open(client, "a", 1, NULL, NULL, &contender, &error));
    MUST_FAIL(LS_NOT_LEADER, ls_contender_epoch(contender, &told, &election, &error));
    CHECK(told == 7 && election.data == NULL);
    wait_for(client, LS_EVENT_GRANT, &event);
    epoch = event.id.epoch;
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_contender_epoch(contender, no_place(), &election, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT,
              ls_contender_epoch(contender, &told, (ls_bytes *)(void *)no_place(), &error));
    CHECK(told == 7 && election.data == NULL);
    MUST(ls_contender_epoch(contender, &told, &election, &error));
    CHECK(told == epoch && strcmp(election.data, "process") == 0);
    misplaced();
    MUST(ls_bytes_free(&election));
    MUST(ls_bytes_free(&event.text));
    MUST(ls_client_close(client, 1000, &error));
    printf("done\n");
    return 0;
}
