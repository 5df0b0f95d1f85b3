/*
 * Many threads do everything at once with two clients that contend for one election, one of which
 * takes events by callback, the other fetches them; then all of it is closed under them, by two
 * threads at a time and from inside callbacks. Made to be run under a checker.
 *
 * What must hold: grant and revoke in turn with growing epochs, never two that lead, whatever is
 * called gets a status, and what was opened is finalized once.
 */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define ROUNDS 3
#define STEPS 24
#define HERE "process", 7

static atomic_int opened, finalized, leaders;

/* A contender: what its events have told. */
typedef struct {
    atomic_int leads;
    atomic_ullong epoch;
} part;

/* One client and what is done with it. */
typedef struct {
    ls_client client;
    ls_contender contender;
    part part;
    /* The leadership that was granted last: epoch and the rest, changed by one thread at a time. */
    pthread_mutex_t lock;
    ls_leader_session_id id;
} side;

static side sides[2];
static ls_server server;
static atomic_int over;

static int is_of(int32_t status, const int32_t *expected, size_t count) {
    size_t index;
    for (index = 0; index < count; index++) {
        if (status == expected[index]) {
            return 1;
        }
    }
    fprintf(stderr, "%s is not expected here\n", ls_status_name(status));
    return 0;
}

/* A call answers one of these. */
#define ONE_OF(call, ...)                                                                          \
    do {                                                                                           \
        const int32_t expected_[] = {__VA_ARGS__};                                                 \
        CHECK(is_of((call), expected_, sizeof expected_ / sizeof expected_[0]));                   \
    } while (0)

/* Whatever a write may get here, where epochs come and go. */
#define WRITE(call)                                                                                \
    ONE_OF(call, LS_OK, LS_CLOSED, LS_FENCED, LS_EXISTS, LS_NOT_FOUND, LS_CHANGED, LS_NOT_APPLIED, \
           LS_UNKNOWN_OUTCOME, LS_INVALID_ARGUMENT)

static void on_end(void *user_data) {
    (void)user_data;
    atomic_fetch_add(&finalized, 1);
}

static ls_leader_session_id latest(side *of) {
    ls_leader_session_id id;
    pthread_mutex_lock(&of->lock);
    id = of->id;
    pthread_mutex_unlock(&of->lock);
    return id;
}

/* Of the contender that stays: grant, revoke, grant, with growing epochs. */
static void see(side *of, const ls_event *event) {
    if (event->kind == LS_EVENT_GRANT) {
        CHECK(atomic_exchange(&of->part.leads, 1) == 0);
        CHECK(event->id.epoch > atomic_exchange(&of->part.epoch, event->id.epoch));
        pthread_mutex_lock(&of->lock);
        of->id = event->id;
        pthread_mutex_unlock(&of->lock);
        atomic_fetch_add(&leaders, 1);
        ONE_OF(ls_contender_confirm(event->handle, event->id, "here", 4, NULL), LS_OK,
               LS_NOT_LEADER, LS_CLOSED);
    } else if (event->kind == LS_EVENT_REVOKE) {
        CHECK(atomic_exchange(&of->part.leads, 0) == 1);
    }
}

/* Contenders and watches that come and go have no user data of their own. */
static void on_event(void *user_data, const ls_event *event) {
    side *of = user_data;
    CHECK(of == &sides[0]);
    if (event->user_data == of) {
        see(of, event);
    } else if (event->kind == LS_EVENT_GRANT) {
        ONE_OF(ls_contender_close(event->handle, NULL), LS_OK);
    }
}

static void on_record(void *user_data, const ls_log_record *record) {
    CHECK(user_data == &sides && record->message.length > 0);
}

static void *take(void *argument) {
    side *of = argument;
    ls_event event = LS_EVENT_INIT;
    int32_t status;
    do {
        status = ls_next_event(of->client, 50, &event, NULL);
        if (status == LS_OK && event.user_data == of) {
            see(of, &event);
        }
    } while (status == LS_OK || status == LS_TIMEOUT);
    CHECK(status == LS_CLOSED);
    CHECK(ls_bytes_free(&event.text) == LS_OK);
    return NULL;
}

/* Opens and closes contenders and watches. */
static void *join(void *argument) {
    side *of = argument;
    int step;
    for (step = 0; step < STEPS; step++) {
        char name[16];
        ls_contender contender = 0;
        ls_watch watch = 0;
        int32_t status;
        snprintf(name, sizeof name, "part %d", step % 5);
        status = ls_contender_open(of->client, name, strlen(name), NULL, on_end, &contender, NULL);
        ONE_OF(status, LS_OK, LS_CLOSED, LS_ALREADY_REGISTERED);
        opened += status == LS_OK;
        status = ls_watch_open(of->client, name, strlen(name), NULL, on_end, &watch, NULL);
        ONE_OF(status, LS_OK, LS_CLOSED);
        opened += status == LS_OK;
        CHECK(ls_contender_close(contender, NULL) == LS_OK);
        CHECK(ls_watch_close(watch, NULL) == LS_OK);
    }
    return NULL;
}

/* Writes, lists and puts transactions together, under whatever epoch was granted last. */
static void *store(void *argument) {
    side *of = argument;
    int step;
    for (step = 0; step < STEPS; step++) {
        uint64_t epoch = latest(of).epoch, version = 0, deleted = 0;
        ls_bytes value = LS_BYTES_INIT;
        ls_entry entry = LS_ENTRY_INIT;
        ls_list list = 0;
        ls_transaction transaction = 0;
        int32_t status;
        char key[16];
        snprintf(key, sizeof key, "key %d", step % 7);
        WRITE(ls_store_create(of->client, HERE, epoch, key, 5, "1", 1, 1000, &version, NULL));
        WRITE(ls_store_replace(of->client, HERE, epoch, key, 5, version + 1, "2", 1, 1000, NULL,
                               NULL));
        WRITE(ls_store_check(of->client, HERE, epoch, 1000, NULL));
        ONE_OF(ls_store_get(of->client, HERE, key, 5, 1000, &value, NULL, NULL), LS_OK,
               LS_NOT_FOUND, LS_CLOSED, LS_UNREACHABLE);
        CHECK(ls_bytes_free(&value) == LS_OK);
        WRITE(ls_store_delete(of->client, HERE, epoch, key, 5, 0, 1000, NULL));
        status = ls_store_list(of->client, HERE, NULL, 0, true, 1000, &list, NULL);
        ONE_OF(status, LS_OK, LS_CLOSED, LS_UNREACHABLE);
        while (status == LS_OK) {
            status = ls_list_next(list, 1000, &entry, NULL);
        }
        CHECK(ls_list_close(list, NULL) == LS_OK);
        CHECK(ls_bytes_free(&entry.key) == LS_OK && ls_bytes_free(&entry.value) == LS_OK);
        ONE_OF(ls_transaction_open(of->client, &transaction, NULL), LS_OK, LS_CLOSED);
        if (transaction != 0 && epoch != 0) {
            ONE_OF(ls_transaction_fence(transaction, HERE, epoch, NULL), LS_OK);
            ONE_OF(ls_transaction_create(transaction, HERE, key, 5, "3", 1, NULL), LS_OK);
            ONE_OF(ls_transaction_delete_prefix(transaction, HERE, "k", 1, NULL), LS_OK);
            WRITE(ls_transaction_commit(transaction, 1000, &version, &deleted, NULL));
        }
        CHECK(ls_transaction_close(transaction, NULL) == LS_OK);
    }
    return NULL;
}

/* Asks all the time who leads. If the first does before and after it was asked whether the second
   does, that one does not. */
static void *ask(void *argument) {
    while (!atomic_load(&over)) {
        ls_leader_session_id one = latest(&sides[0]), other = latest(&sides[1]);
        if (ls_has_leadership(sides[0].contender, one)) {
            int second = ls_has_leadership(sides[1].contender, other);
            CHECK(!(second && ls_has_leadership(sides[0].contender, one)));
        }
        if (ls_has_leadership(sides[1].contender, other)) {
            uint64_t epoch = 0;
            ONE_OF(ls_contender_epoch(sides[1].contender, &epoch, NULL, NULL), LS_OK,
                   LS_NOT_LEADER, LS_CLOSED);
        }
    }
    return argument;
}

/* Has the leader step down, looks at the state, and waits at a descriptor. */
static void *manage(void *argument) {
    side *of = argument;
    int step;
    for (step = 0; step < STEPS; step++) {
        ls_bytes text = LS_BYTES_INIT;
        struct pollfd wait = {-1, POLLIN, 0};
        ONE_OF(ls_client_resign(of->client, HERE, 0, NULL, 0, 1000, NULL), LS_OK, LS_CLOSED,
               LS_UNREACHABLE);
        ONE_OF(ls_client_state(of->client, &text, NULL), LS_OK, LS_CLOSED);
        CHECK(ls_bytes_free(&text) == LS_OK);
        ONE_OF(ls_client_status(of->client, 1000, &text, NULL), LS_OK, LS_CLOSED, LS_UNREACHABLE);
        CHECK(ls_bytes_free(&text) == LS_OK);
        ONE_OF(ls_client_descriptor(of->client, &wait.fd, NULL), LS_OK, LS_CLOSED);
        if (wait.fd >= 0) {
            CHECK(poll(&wait, 1, 1) >= 0 && close(wait.fd) == 0);
        }
        ONE_OF(ls_log_set_level(LS_LOG_TRACE, NULL), LS_OK);
        ONE_OF(ls_log_on_record(step % 3 ? on_record : NULL, &sides, NULL, NULL), LS_OK);
        if (step % 8 == 0) {
            ONE_OF(ls_client_detach(of->client, NULL), LS_OK, LS_CLOSED);
            ONE_OF(ls_client_attach(of->client, server, NULL), LS_OK, LS_CLOSED);
        }
    }
    return NULL;
}

static void *end(void *argument) {
    side *of = argument;
    CHECK(ls_client_close(of->client, 1000, NULL) == LS_OK);
    return NULL;
}

static void open_side(side *of) {
    ls_error error = LS_ERROR_INIT;
    ls_option namespace_ = option("namespace", "stress");
    memset(&of->id, 0, sizeof of->id);
    of->part.leads = 0;
    of->part.epoch = 0;
    of->contender = 0;
    MUST(ls_client_open(&namespace_, 1, NULL, &of->client, &error));
    MUST(ls_client_attach(of->client, server, &error));
}

static void contend(side *of) {
    ls_error error = LS_ERROR_INIT;
    MUST(ls_contender_open(of->client, "stays", 5, of, on_end, &of->contender, &error));
    opened++;
}

static void run(void *(*const work[])(void *), size_t count, side *const of[]) {
    pthread_t threads[16];
    size_t index;
    for (index = 0; index < count; index++) {
        CHECK(pthread_create(&threads[index], NULL, work[index], of[index]) == 0);
    }
    for (index = 0; index < count; index++) {
        CHECK(pthread_join(threads[index], NULL) == 0);
    }
}

int main(void) {
    side *const a = &sides[0], *const b = &sides[1];
    void *(*const works[])(void *) = {join, join, store, store, manage, manage};
    side *const of_works[] = {a, b, a, b, a, b};
    void *(*const ends[])(void *) = {end, end, end, end, join, join, store};
    side *const of_ends[] = {a, a, b, b, a, b, b};
    ls_error error = LS_ERROR_INIT;
    int round;
    pthread_mutex_init(&a->lock, NULL);
    pthread_mutex_init(&b->lock, NULL);
    MUST(ls_server_start(NULL, 0, NULL, &server, &error));
    for (round = 0; round < ROUNDS; round++) {
        pthread_t taking, asking;
        open_side(a);
        open_side(b);
        MUST(ls_client_on_event(a->client, on_event, a, on_end, &error));
        opened++;
        contend(a);
        contend(b);
        atomic_store(&over, 0);
        CHECK(pthread_create(&taking, NULL, take, b) == 0);
        CHECK(pthread_create(&asking, NULL, ask, NULL) == 0);
        run(works, sizeof works / sizeof works[0], of_works);
        run(ends, sizeof ends / sizeof ends[0], of_ends);
        atomic_store(&over, 1);
        CHECK(pthread_join(taking, NULL) == 0 && pthread_join(asking, NULL) == 0);
        while (atomic_load(&finalized) != atomic_load(&opened)) {
            sched_yield();
        }
        CHECK(!ls_has_leadership(a->contender, latest(a)));
        CHECK(!ls_has_leadership(b->contender, latest(b)));
    }
    MUST(ls_log_on_record(NULL, NULL, NULL, &error));
    MUST(ls_server_stop(server, &error));
    CHECK(leaders > ROUNDS);
    printf("done\n");
    return 0;
}
