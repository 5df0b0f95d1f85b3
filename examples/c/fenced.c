/*
 * A worker that fences its writes: it counts in the store what it has done, under the epoch in
 * which it decided to. Once somebody else was granted the election, its writes are refused.
 *
 *     fenced ENDPOINT NAMESPACE
 *
 * It contends, counts three steps, gives up to a second client of its own, and shows that a write
 * which the first decided while it led is refused from then on.
 */
#include "common.h"

#define ELECTION "process", 7
#define KEY "steps", 5

static ls_leader_session_id wait_for_grant(ls_client client) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_leader_session_id leadership;
    do {
        MUST(ls_next_event(client, 60000, &event, &error));
    } while (event.kind != LS_EVENT_GRANT);
    leadership = event.id;
    MUST(ls_bytes_free(&event.text));
    return leadership;
}

/* Counts one step: reads the count with its version, and replaces it at that version. */
static int32_t count_step(ls_client client, uint64_t epoch, ls_error *error) {
    ls_bytes value = LS_BYTES_INIT;
    uint64_t version = 0;
    char text[32];
    int32_t status = ls_store_get(client, ELECTION, KEY, 10000, &value, &version, error);
    if (status == LS_NOT_FOUND) {
        return ls_store_create(client, ELECTION, epoch, KEY, "1", 1, 10000, NULL, error);
    }
    if (status != LS_OK) {
        return status;
    }
    snprintf(text, sizeof text, "%lu", strtoul(value.data, NULL, 10) + 1);
    ls_bytes_free(&value);
    return ls_store_replace(client, ELECTION, epoch, KEY, version, text, strlen(text), 10000, NULL,
                            error);
}

int main(int argc, char **argv) {
    ls_error error = LS_ERROR_INIT;
    ls_entry entry = LS_ENTRY_INIT;
    ls_contender contender = 0, successor = 0;
    ls_client client, other;
    ls_leader_session_id leadership, next;
    ls_transaction transaction = 0;
    ls_list list = 0;
    uint64_t deleted = 0;
    int step;

    if (argc < 3) {
        fprintf(stderr, "usage: %s ENDPOINT NAMESPACE\n", argv[0]);
        return 2;
    }
    check_library();
    client = open_client(argv[1], argv[2]);
    MUST(ls_contender_open(client, "worker", 6, NULL, NULL, &contender, &error));
    leadership = wait_for_grant(client);
    for (step = 0; step < 3; step++) {
        MUST(count_step(client, leadership.epoch, &error));
    }

    /* All or none: a mark for each half, under one epoch. */
    MUST(ls_transaction_open(client, &transaction, &error));
    MUST(ls_transaction_fence(transaction, ELECTION, leadership.epoch, &error));
    MUST(ls_transaction_create(transaction, ELECTION, "mark/a", 6, "1", 1, &error));
    MUST(ls_transaction_create(transaction, ELECTION, "mark/b", 6, "2", 1, &error));
    MUST(ls_transaction_commit(transaction, 10000, NULL, NULL, &error));
    MUST_FAIL(LS_EXISTS, ls_transaction_commit(transaction, 10000, NULL, NULL, &error));
    MUST(ls_transaction_close(transaction, &error));

    MUST(ls_store_list(client, ELECTION, "mark/", 5, true, 10000, &list, &error));
    while (ls_list_next(list, 10000, &entry, &error) == LS_OK) {
        printf("%s = %s\n", entry.key.data, entry.value.data);
    }
    MUST(ls_list_close(list, &error));

    other = open_client(argv[1], argv[2]);
    MUST(ls_contender_open(other, "worker", 6, NULL, NULL, &successor, &error));
    MUST(ls_contender_close(contender, &error));
    /* Until somebody else is granted, who led may still clean up. */
    next = wait_for_grant(other);

    /* A write of the first that was still on its way, say: */
    MUST_FAIL(LS_FENCED, count_step(client, leadership.epoch, &error));
    printf("refused: %s\n", error.text);
    MUST(count_step(other, next.epoch, &error));
    MUST(ls_store_delete_prefix(other, ELECTION, next.epoch, NULL, 0, 10000, &deleted, &error));
    if (deleted != 3) {
        fprintf(stderr, "%" PRIu64 " keys instead of 3\n", deleted);
        return 1;
    }
    MUST(ls_bytes_free(&entry.key));
    MUST(ls_bytes_free(&entry.value));
    MUST(ls_client_close(client, 5000, &error));
    MUST(ls_client_close(other, 5000, &error));
    printf("done\n");
    return 0;
}
