/*
 * Closing at the same time as everything else: joining, waiting, callbacks, another close; and from
 * inside callbacks. What is counted are finalizers: each is called once.
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define ROUNDS 100

static atomic_int opened, finalized;

static void on_end(void *user_data) {
    (void)user_data;
    atomic_fetch_add(&finalized, 1);
}

/* Closes its contender from inside, on every second event; the client on every seventh. */
static void on_event(void *user_data, const ls_event *event) {
    static atomic_int events;
    int number = atomic_fetch_add(&events, 1);
    ls_client client = *(ls_client *)user_data;
    if (event->kind == LS_EVENT_GRANT) {
        ls_contender_confirm(event->handle, event->id, "here", 4, NULL);
    }
    if (number % 2 == 0) {
        CHECK(ls_contender_close(event->handle, NULL) != LS_INTERNAL);
    }
    if (number % 7 == 0) {
        CHECK(ls_client_close(client, number % 2 ? 0 : 100, NULL) == LS_OK);
    }
}

static void *join(void *user_data) {
    ls_client client = *(ls_client *)user_data;
    char name[2] = {'a', 0};
    for (; name[0] <= 'h'; name[0]++) {
        ls_contender contender = 0;
        ls_watch watch = 0;
        int32_t status = ls_contender_open(client, name, 1, NULL, on_end, &contender, NULL);
        CHECK(status == LS_OK || status == LS_CLOSED || status == LS_ALREADY_REGISTERED);
        opened += status == LS_OK;
        status = ls_watch_open(client, name, 1, NULL, on_end, &watch, NULL);
        CHECK(status == LS_OK || status == LS_CLOSED);
        opened += status == LS_OK;
        if (name[0] % 2 == 0) {
            CHECK(ls_contender_close(contender, NULL) == LS_OK);
            CHECK(ls_watch_close(watch, NULL) == LS_OK);
        }
    }
    return NULL;
}

static void *take(void *user_data) {
    ls_client client = *(ls_client *)user_data;
    ls_event event = LS_EVENT_INIT;
    int32_t status;
    do {
        status = ls_next_event(client, LS_FOREVER, &event, NULL);
    } while (status == LS_OK);
    CHECK(status == LS_CLOSED || status == LS_HAS_CALLBACK);
    CHECK(ls_bytes_free(&event.text) == LS_OK);
    return NULL;
}

static void *end(void *user_data) {
    CHECK(ls_client_close(*(ls_client *)user_data, 100, NULL) == LS_OK);
    return NULL;
}

int main(void) {
    static void *(*const work[])(void *) = {join, take, join, take, end, end};
    enum { THREADS = sizeof work / sizeof work[0] };
    int round, index;
    for (round = 0; round < ROUNDS; round++) {
        pthread_t threads[THREADS];
        ls_error error = LS_ERROR_INIT;
        ls_client *client = malloc(sizeof *client);
        CHECK(client != NULL);
        *client = open_shared("embedded:races");
        if (round % 2 == 0) {
            MUST(ls_client_on_event(*client, on_event, client, on_end, &error));
            opened++;
        }
        for (index = 0; index < THREADS; index++) {
            CHECK(pthread_create(&threads[index], NULL, work[index], client) == 0);
        }
        for (index = 0; index < THREADS; index++) {
            CHECK(pthread_join(threads[index], NULL) == 0);
        }
        /* The callbacks use the client's number until the finalizers have run. */
        while (atomic_load(&finalized) != atomic_load(&opened)) {
            sched_yield();
        }
        free(client);
    }
    CHECK(opened == finalized && opened > ROUNDS);
    printf("done\n");
    return 0;
}
