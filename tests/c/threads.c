/*
 * A system that has no thread to give: what needs one says so, keeps nothing, and what is there
 * stays; an event that comes meanwhile is called back as soon as there is a thread again.
 *
 * This program has a pthread_create() of its own, which the library meets before the system's.
 */
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static atomic_int none, refused, grants, finalized;

typedef int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *),
                   void *argument) {
    create system;
    if (atomic_load(&none)) {
        atomic_fetch_add(&refused, 1);
        return EAGAIN;
    }
    *(void **)&system = dlsym(RTLD_NEXT, "pthread_create");
    CHECK(system != NULL);
    return system(thread, attributes, work, argument);
}

static void no_event(void *user_data, const ls_event *event) {
    (void)user_data;
    (void)event;
    CHECK(!"it was never set");
}

static void no_end(void *user_data) {
    (void)user_data;
    CHECK(!"a call that fails keeps nothing");
}

static void no_record(void *user_data, const ls_log_record *record) {
    (void)user_data;
    (void)record;
    CHECK(!"it was never set");
}

static void on_event(void *user_data, const ls_event *event) {
    CHECK(user_data == &grants);
    if (event->kind == LS_EVENT_GRANT) {
        atomic_fetch_add(&grants, 1);
    }
}

static void on_end(void *user_data) {
    (void)user_data;
    atomic_fetch_add(&finalized, 1);
}

int main(void) {
    ls_error error = LS_ERROR_INIT;
    ls_log_record record = LS_LOG_RECORD_INIT;
    ls_contender contender = 0;
    ls_client client = open_shared("embedded:");

    atomic_store(&none, 1);
    MUST_FAIL(LS_IO, ls_client_on_event(client, no_event, NULL, no_end, &error));
    CHECK(error.text_length > 0);
    MUST_FAIL(LS_IO, ls_log_on_record(no_record, NULL, no_end, &error));
    MUST_FAIL(LS_TIMEOUT, ls_log_next(&record, &error));
    CHECK(atomic_load(&refused) == 2);

    /* With a thread that fetches, but none that could call back. */
    atomic_store(&none, 0);
    MUST(ls_client_on_event(client, on_event, &grants, on_end, &error));
    atomic_store(&none, 1);
    MUST(ls_contender_open(client, "a", 1, NULL, on_end, &contender, &error));
    while (atomic_load(&refused) == 2) {
        sched_yield();
    }
    CHECK(atomic_load(&grants) == 0);
    atomic_store(&none, 0);
    while (atomic_load(&grants) == 0) {
        sched_yield();
    }
    MUST(ls_contender_close(contender, &error));
    MUST(ls_client_close(client, 1000, &error));
    while (atomic_load(&finalized) < 2) {
        sched_yield();
    }
    printf("done\n");
    return 0;
}
