/*
 * What C callers wait for: measure ENDPOINT [ROUNDS]
 *
 * - ls_has_leadership, of a leader beside a server in this process and of one over the network;
 * - beside it the clock, for over the network each call reads it;
 * - from ls_contender_confirm of one client, through the server, to the callback of another, and to
 *   a thread of it that waits in ls_next_event.
 *
 * Prints a table.
 */
#include "../../examples/c/common.h"

#include <pthread.h>
#include <time.h>

#define CALLS 20000000
#define BATCH 1000

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One address at a time is on its way: who publishes it waits until it was told. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char address[32];
    uint64_t told_ns;
    /* The number of the last watch that began. */
    unsigned watching;
} mailbox;

static mailbox box = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {0}, 0, 0};

static void tell(const ls_event *event) {
    uint64_t told_ns = now_ns();
    pthread_mutex_lock(&box.lock);
    if (event->kind == LS_EVENT_NO_LEADER) {
        /* Also told of a contender that has closed: its number is an earlier one. */
        unsigned number = (unsigned)(uintptr_t)event->user_data;
        box.watching = number > box.watching ? number : box.watching;
    } else if (event->kind == LS_EVENT_LEADER && strcmp(event->text.data, box.address) == 0) {
        box.told_ns = told_ns;
    }
    pthread_cond_signal(&box.changed);
    pthread_mutex_unlock(&box.lock);
}

static void on_event(void *user_data, const ls_event *event) {
    (void)user_data;
    tell(event);
}

static void *take_events(void *client) {
    ls_event event = LS_EVENT_INIT;
    while (ls_next_event(*(ls_client *)client, LS_FOREVER, &event, NULL) == LS_OK) {
        tell(&event);
    }
    ls_bytes_free(&event.text);
    return NULL;
}

static int compare(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

typedef struct {
    double p50_us, p99_us;
} spread;

typedef struct {
    ls_contender contender;
    ls_leader_session_id leadership;
} leading;

/* A contender under the name of its number; it is granted, for its process leads already. */
static leading contend(ls_client client, unsigned number) {
    ls_event event = LS_EVENT_INIT;
    ls_error error = LS_ERROR_INIT;
    leading made;
    char name[16];
    snprintf(name, sizeof name, "%u", number);
    MUST(ls_contender_open(client, name, strlen(name), NULL, NULL, &made.contender, &error));
    do {
        MUST(ls_next_event(client, LS_FOREVER, &event, &error));
    } while (event.kind != LS_EVENT_GRANT);
    ls_bytes_free(&event.text);
    made.leadership = event.id;
    return made;
}

static void watch(ls_client client, unsigned number) {
    ls_error error = LS_ERROR_INIT;
    ls_watch opened;
    char name[16];
    snprintf(name, sizeof name, "%u", number);
    MUST(ls_watch_open(client, name, strlen(name), (void *)(uintptr_t)number, NULL, &opened,
                       &error));
}

/*
 * Publishes for one contender after the other, each when its watch has begun and the one before was
 * told. The first tenth is not counted.
 */
static spread publish(ls_client from, ls_client watcher, unsigned rounds) {
    static unsigned number;
    ls_error error = LS_ERROR_INIT;
    unsigned warm = rounds / 10 + 1, round;
    uint64_t *took = calloc(rounds, sizeof *took);
    spread result;
    if (took == NULL) {
        exit(1);
    }
    for (round = 0; round < warm + rounds; round++) {
        leading of = contend(from, ++number);
        uint64_t from_ns;
        watch(watcher, number);
        pthread_mutex_lock(&box.lock);
        while (box.watching != number) {
            pthread_cond_wait(&box.changed, &box.lock);
        }
        snprintf(box.address, sizeof box.address, "room %u", number);
        box.told_ns = 0;
        pthread_mutex_unlock(&box.lock);
        from_ns = now_ns();
        MUST(ls_contender_confirm(of.contender, of.leadership, box.address, strlen(box.address),
                                  &error));
        pthread_mutex_lock(&box.lock);
        while (box.told_ns == 0) {
            pthread_cond_wait(&box.changed, &box.lock);
        }
        if (round >= warm) {
            took[round - warm] = box.told_ns - from_ns;
        }
        pthread_mutex_unlock(&box.lock);
        MUST(ls_contender_close(of.contender, &error));
    }
    qsort(took, rounds, sizeof *took, compare);
    result.p50_us = (double)took[rounds / 2] / 1000;
    result.p99_us = (double)took[rounds * 99 / 100] / 1000;
    free(took);
    return result;
}

/* The median over batches, in nanoseconds a call: one that was interrupted does not count. */
static double clock_ns(void) {
    static uint64_t took[CALLS / BATCH];
    struct timespec now;
    size_t batch, call;
    for (batch = 0; batch < CALLS / BATCH; batch++) {
        uint64_t from = now_ns();
        for (call = 0; call < BATCH; call++) {
            clock_gettime(CLOCK_BOOTTIME, &now);
        }
        took[batch] = now_ns() - from;
    }
    qsort(took, CALLS / BATCH, sizeof *took, compare);
    return (double)took[CALLS / BATCH / 2] / BATCH;
}

static double has_leadership_ns(ls_contender contender, ls_leader_session_id leadership) {
    static uint64_t took[CALLS / BATCH];
    size_t batch, call;
    for (batch = 0; batch < CALLS / BATCH; batch++) {
        uint64_t from = now_ns();
        for (call = 0; call < BATCH; call++) {
            if (!ls_has_leadership(contender, leadership)) {
                fprintf(stderr, "the leadership was lost meanwhile\n");
                exit(1);
            }
        }
        took[batch] = now_ns() - from;
    }
    qsort(took, CALLS / BATCH, sizeof *took, compare);
    return (double)took[CALLS / BATCH / 2] / BATCH;
}

static spread to_a_callback(ls_client leader, const char *endpoint, unsigned rounds) {
    ls_error error = LS_ERROR_INIT;
    ls_client watcher = open_client(endpoint, "/measure-c");
    spread result;
    MUST(ls_client_on_event(watcher, on_event, NULL, NULL, &error));
    result = publish(leader, watcher, rounds);
    MUST(ls_client_close(watcher, 5000, &error));
    return result;
}

static spread to_next_event(ls_client leader, const char *endpoint, unsigned rounds) {
    ls_error error = LS_ERROR_INIT;
    ls_client watcher = open_client(endpoint, "/measure-c");
    pthread_t thread;
    spread result;
    if (pthread_create(&thread, NULL, take_events, &watcher) != 0) {
        exit(1);
    }
    result = publish(leader, watcher, rounds);
    MUST(ls_client_close(watcher, 5000, &error));
    pthread_join(thread, NULL);
    return result;
}

/* Of a leader beside a server in its process, whose leadership has no deadline. */
static double has_leadership_within_ns(void) {
    ls_error error = LS_ERROR_INIT;
    ls_option option_of;
    ls_server server;
    ls_client client;
    leading of;
    double took;
    option_of = option("listen", "127.0.0.1:0");
    MUST(ls_server_start(&option_of, 1, NULL, &server, &error));
    option_of = option("namespace", "/measure-c");
    MUST(ls_client_open(&option_of, 1, NULL, &client, &error));
    MUST(ls_client_attach(client, server, &error));
    of = contend(client, 0);
    took = has_leadership_ns(of.contender, of.leadership);
    MUST(ls_client_close(client, 5000, &error));
    MUST(ls_server_stop(server, &error));
    return took;
}

int main(int argc, char **argv) {
    ls_error error = LS_ERROR_INIT;
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 10000;
    ls_client leader;
    leading first;
    spread callback, next_event;
    double remote_ns, within_ns;

    if (argc < 2 || rounds == 0) {
        fprintf(stderr, "usage: %s ENDPOINT [ROUNDS]\n", argv[0]);
        return 2;
    }
    check_library();
    within_ns = has_leadership_within_ns();
    leader = open_client(argv[1], "/measure-c");
    first = contend(leader, 0);
    remote_ns = has_leadership_ns(first.contender, first.leadership);
    callback = to_a_callback(leader, argv[1], rounds);
    next_event = to_next_event(leader, argv[1], rounds);
    MUST(ls_client_close(leader, 5000, &error));

    printf("clock_gettime(CLOCK_BOOTTIME), the floor %9.1f ns\n", clock_ns());
    printf("ls_has_leadership, server in the process %9.1f ns\n", within_ns);
    printf("ls_has_leadership, over the network      %9.1f ns\n", remote_ns);
    printf("confirm to a callback, p50 / p99         %9.1f / %.1f us\n", callback.p50_us,
           callback.p99_us);
    printf("confirm to ls_next_event, p50 / p99      %9.1f / %.1f us\n", next_event.p50_us,
           next_event.p99_us);
    return 0;
}
