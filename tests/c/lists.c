/*
 * Lists in pages: keys in order, each once, over many pages; with and without values; by two threads
 * that take turns; while keys come and go; and after the list, or its client, was closed.
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define KEYS 40
/* Some five make a page. */
#define LARGE (64 * 1024)
#define HERE "process", 7

static char large[LARGE];
static ls_client client;
static uint64_t epoch;

static void key_of(char *key, int number) { snprintf(key, 16, "key %02d", number % 100); }

static void lead(void) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_contender contender = 0;
    MUST(ls_contender_open(client, "a", 1, NULL, NULL, &contender, &error));
    wait_for(client, LS_EVENT_GRANT, &event);
    epoch = event.id.epoch;
    MUST(ls_bytes_free(&event.text));
}

static void create_all(void) {
    ls_error error = LS_ERROR_INIT;
    char key[16];
    int number;
    for (number = 0; number < KEYS; number++) {
        key_of(key, number);
        memset(large, 'a' + number % 26, sizeof large);
        MUST(ls_store_create(client, HERE, epoch, key, 6, large, LARGE, 60000, NULL, &error));
    }
}

static ls_list open_list(const char *prefix, bool values) {
    ls_error error = LS_ERROR_INIT;
    ls_list list = 0;
    MUST(ls_store_list(client, HERE, prefix, strlen(prefix), values, 60000, &list, &error));
    return list;
}

static void check_entry(const ls_entry *entry, int number, bool values) {
    char key[16];
    key_of(key, number);
    CHECK(entry->key.length == 6 && strcmp(entry->key.data, key) == 0);
    CHECK(entry->version > 0 && entry->value.data != NULL);
    CHECK(entry->value.length == (values ? LARGE : 0));
    CHECK(!values || entry->value.data[LARGE - 1] == 'a' + number % 26);
    CHECK(entry->value.data[entry->value.length] == 0);
}

static void free_entry(ls_entry *entry) {
    ls_error error = LS_ERROR_INIT;
    MUST(ls_bytes_free(&entry->key));
    MUST(ls_bytes_free(&entry->value));
}

static void in_order(bool values) {
    ls_error error = LS_ERROR_INIT;
    ls_entry entry = LS_ENTRY_INIT;
    ls_list list = open_list("key", values);
    int number;
    for (number = 0; number < KEYS; number++) {
        MUST(ls_list_next(list, 60000, &entry, &error));
        check_entry(&entry, number, values);
    }
    /* At the end it stays there, and what was written last is left alone. */
    MUST_FAIL(LS_END, ls_list_next(list, 60000, &entry, &error));
    MUST_FAIL(LS_END, ls_list_next(list, 0, &entry, &error));
    check_entry(&entry, KEYS - 1, values);
    MUST(ls_list_close(list, &error));
    MUST_FAIL(LS_CLOSED, ls_list_next(list, 60000, &entry, &error));
    MUST(ls_list_close(list, &error));
    free_entry(&entry);

    list = open_list("no key", values);
    MUST_FAIL(LS_END, ls_list_next(list, 60000, &entry, &error));
    MUST(ls_list_close(list, &error));
}

/* One that two threads read: what it has found. */
static ls_list shared;

static void *read_some(void *argument) {
    int *found = argument;
    ls_error error = LS_ERROR_INIT;
    ls_entry entry = LS_ENTRY_INIT;
    int32_t status;
    int last = -1;
    while ((status = ls_list_next(shared, 60000, &entry, &error)) == LS_OK) {
        int number = atoi(entry.key.data + 4);
        CHECK(number > last && number < KEYS);
        check_entry(&entry, number, true);
        found[number]++;
        last = number;
    }
    CHECK(status == LS_END);
    free_entry(&entry);
    return NULL;
}

static void by_two_threads(void) {
    static int found[2][KEYS];
    ls_error error = LS_ERROR_INIT;
    pthread_t threads[2];
    int index;
    shared = open_list("key", true);
    for (index = 0; index < 2; index++) {
        CHECK(pthread_create(&threads[index], NULL, read_some, found[index]) == 0);
    }
    for (index = 0; index < 2; index++) {
        CHECK(pthread_join(threads[index], NULL) == 0);
    }
    for (index = 0; index < KEYS; index++) {
        CHECK(found[0][index] + found[1][index] == 1);
    }
    MUST(ls_list_close(shared, &error));
}

/* Waits for a page that never comes: its server is gone. */
static atomic_int waiting, waited;

static void *wait_for_page(void *unused) {
    ls_entry entry = LS_ENTRY_INIT;
    int32_t status;
    atomic_store(&waiting, 1);
    do {
        status = ls_list_next(shared, 60000, &entry, NULL);
    } while (status == LS_OK);
    atomic_store(&waited, 1);
    CHECK(status == LS_CLOSED);
    free_entry(&entry);
    return unused;
}

/* Who does not want to wait does not wait for another thread either. */
static void without_waiting(void) {
    ls_error error = LS_ERROR_INIT;
    ls_entry entry = LS_ENTRY_INIT;
    ls_option namespace_ = option("namespace", "lists");
    ls_server server = 0;
    const ls_client other = client;
    const uint64_t its_epoch = epoch;
    pthread_t thread;
    int times;
    MUST(ls_server_start(NULL, 0, NULL, &server, &error));
    MUST(ls_client_open(&namespace_, 1, NULL, &client, &error));
    MUST(ls_client_attach(client, server, &error));
    lead();
    create_all();
    shared = open_list("key", true);
    MUST(ls_server_stop(server, &error));
    CHECK(pthread_create(&thread, NULL, wait_for_page, NULL) == 0);
    while (!atomic_load(&waiting)) {
        sched_yield();
    }
    for (times = 0; times < 1000; times++) {
        int32_t status = ls_list_next(shared, 0, &entry, &error);
        CHECK(status == LS_OK || status == LS_UNREACHABLE);
    }
    CHECK(!atomic_load(&waited));
    MUST(ls_client_close(client, 0, &error));
    CHECK(pthread_join(thread, NULL) == 0);
    MUST(ls_list_close(shared, &error));
    free_entry(&entry);
    client = other;
    epoch = its_epoch;
}

/* What is gone when its page is fetched is not listed, what has come behind the last one is. */
static void while_keys_come_and_go(void) {
    ls_error error = LS_ERROR_INIT;
    ls_entry entry = LS_ENTRY_INIT;
    ls_list list = open_list("", true);
    int number;
    MUST(ls_list_next(list, 60000, &entry, &error));
    check_entry(&entry, 0, true);
    MUST(ls_store_delete(client, HERE, epoch, "key 30", 6, 0, 60000, &error));
    MUST(ls_store_create(client, HERE, epoch, "key 30x", 7, "v", 1, 60000, NULL, &error));
    for (number = 1; number < KEYS; number++) {
        MUST(ls_list_next(list, 60000, &entry, &error));
        if (number == 30) {
            CHECK(strcmp(entry.key.data, "key 30x") == 0 && entry.value.length == 1);
        } else {
            check_entry(&entry, number, true);
        }
    }
    MUST_FAIL(LS_END, ls_list_next(list, 60000, &entry, &error));
    MUST(ls_list_close(list, &error));
    free_entry(&entry);
}

/* The page that is here may be read; for the next the client is needed. */
static void after_the_client(void) {
    ls_error error = LS_ERROR_INIT;
    ls_entry entry = LS_ENTRY_INIT;
    ls_list list = open_list("key", true);
    int32_t status;
    int number = 0;
    MUST(ls_client_close(client, 1000, &error));
    while ((status = ls_list_next(list, 60000, &entry, &error)) == LS_OK) {
        number++;
    }
    CHECK(status == LS_CLOSED && number > 0 && number < KEYS);
    MUST_FAIL(LS_CLOSED, ls_list_next(list, 60000, &entry, &error));
    MUST(ls_list_close(list, &error));
    free_entry(&entry);
}

int main(void) {
    client = open_shared("embedded:");
    lead();
    create_all();
    in_order(true);
    in_order(false);
    by_two_threads();
    without_waiting();
    while_keys_come_and_go();
    after_the_client();
    printf("done\n");
    return 0;
}
