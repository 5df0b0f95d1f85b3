/*
 * Peers that go away while they are written to: the host has SIGPIPE as it is at first, which ends
 * a process, and lives.
 *
 * - clients write to a peer that takes connections and resets them at once, or a little later;
 * - a client writes large values while its server is stopped;
 * - a server writes large pages to a client that is killed.
 */
#include "check.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE (512 * 1024)
#define ROUNDS 5
#define MANY 100

static char large[LARGE];
static atomic_int resets, writes, over;

/* Takes connections, ends its half and resets them: after that a write raises SIGPIPE, unless it is
   told not to. Every fourth may say something first. */
static void *reset(void *argument) {
    const int listening = *(const int *)argument;
    const struct linger at_once = {1, 0};
    char some[64];
    for (;;) {
        int taken = accept(listening, NULL, NULL);
        if (taken < 0) {
            return NULL;
        }
        if (atomic_load(&resets) % 4 == 3) {
            CHECK(recv(taken, some, sizeof some, 0) >= 0);
        }
        CHECK(shutdown(taken, SHUT_WR) == 0);
        CHECK(setsockopt(taken, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
        CHECK(close(taken) == 0);
        atomic_fetch_add(&resets, 1);
    }
}

static void write_to_one_that_resets(void) {
    ls_error error = LS_ERROR_INIT;
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    ls_contender contender = 0;
    ls_client clients[MANY];
    pthread_t thread;
    char endpoint[64];
    int index;

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listening, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listening, MANY) == 0);
    CHECK(getsockname(listening, (struct sockaddr *)&address, &length) == 0);
    CHECK(pthread_create(&thread, NULL, reset, &listening) == 0);
    snprintf(endpoint, sizeof endpoint, "leader://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    /* Many at once, so that some are reset before they have written anything. */
    for (index = 0; index < MANY; index++) {
        clients[index] = open_shared(endpoint);
        MUST(ls_contender_open(clients[index], "a", 1, NULL, NULL, &contender, &error));
    }
    while (atomic_load(&resets) < 3 * MANY) {
        ls_bytes status = LS_BYTES_INIT;
        MUST_FAIL(LS_UNREACHABLE, ls_client_status(clients[0], 50, &status, &error));
    }
    for (index = 0; index < MANY; index++) {
        MUST(ls_client_close(clients[index], 0, &error));
    }
    CHECK(shutdown(listening, SHUT_RDWR) == 0);
    CHECK(pthread_join(thread, NULL) == 0 && close(listening) == 0);
}

static ls_server start(char *endpoint, size_t size) {
    ls_error error = LS_ERROR_INIT;
    ls_option options[2];
    ls_server server = 0;
    uint16_t port = 0;
    options[0] = option("listen", "127.0.0.1:0");
    options[1] = option("cold", "true");
    MUST(ls_server_start(options, 2, NULL, &server, &error));
    MUST(ls_server_port(server, &port, &error));
    snprintf(endpoint, size, "leader://127.0.0.1:%u", (unsigned)port);
    return server;
}

static ls_leader_session_id lead(ls_client client) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_contender contender = 0;
    MUST(ls_contender_open(client, "a", 1, NULL, NULL, &contender, &error));
    wait_for(client, LS_EVENT_GRANT, &event);
    MUST(ls_bytes_free(&event.text));
    return event.id;
}

typedef struct {
    ls_client client;
    ls_leader_session_id id;
} writer;

static void *write_large(void *argument) {
    const writer *of = argument;
    while (!atomic_load(&over)) {
        ls_store_create(of->client, "process", 7, of->id.epoch, "k", 1, large, LARGE, 100, NULL,
                        NULL);
        ls_store_delete(of->client, "process", 7, of->id.epoch, "k", 1, 0, 100, NULL);
        atomic_fetch_add(&writes, 1);
    }
    return NULL;
}

static void write_to_a_server_that_stops(void) {
    ls_error error = LS_ERROR_INIT;
    char endpoint[64];
    ls_server server = start(endpoint, sizeof endpoint);
    pthread_t thread;
    writer of;
    of.client = open_shared(endpoint);
    of.id = lead(of.client);
    atomic_store(&over, 0);
    atomic_store(&writes, 0);
    CHECK(pthread_create(&thread, NULL, write_large, &of) == 0);
    while (atomic_load(&writes) < 2) {
        sched_yield();
    }
    MUST(ls_server_stop(server, &error));
    atomic_store(&over, 1);
    CHECK(pthread_join(thread, NULL) == 0);
    MUST(ls_client_close(of.client, 0, &error));
}

/* Lists without end, in a process of its own: says by a pipe where it has begun. */
static void list_until_killed(int orders, int begun) {
    char endpoint[64] = "";
    ls_client client;
    CHECK(read(orders, endpoint, sizeof endpoint - 1) > 0);
    client = open_shared(endpoint);
    for (;;) {
        ls_entry entry = LS_ENTRY_INIT;
        ls_list list = 0;
        ls_error error = LS_ERROR_INIT;
        MUST(ls_store_list(client, "process", 7, NULL, 0, true, 60000, &list, &error));
        while (ls_list_next(list, 60000, &entry, &error) == LS_OK) {
            CHECK(write(begun, "x", 1) == 1);
        }
    }
}

/* The child is forked before this process uses the library. */
typedef struct {
    pid_t child;
    int orders, begun;
} reader;

static reader fork_reader(void) {
    int orders[2], begun[2];
    reader made;
    CHECK(pipe(orders) == 0 && pipe(begun) == 0);
    made.child = fork();
    CHECK(made.child >= 0);
    if (made.child == 0) {
        /* Else it would not be told that this process has ended. */
        CHECK(close(orders[1]) == 0 && close(begun[0]) == 0);
        list_until_killed(orders[0], begun[1]);
    }
    CHECK(close(orders[0]) == 0 && close(begun[1]) == 0);
    made.orders = orders[1];
    made.begun = begun[0];
    return made;
}

static void write_to_clients_that_are_killed(const reader *readers) {
    ls_error error = LS_ERROR_INIT;
    char endpoint[64], text[16];
    ls_server server = start(endpoint, sizeof endpoint);
    ls_client client = open_shared(endpoint);
    ls_bytes status = LS_BYTES_INIT;
    ls_leader_session_id id = lead(client);
    int key, round;
    for (key = 0; key < 8; key++) {
        snprintf(text, sizeof text, "%d", key);
        MUST(ls_store_create(client, "process", 7, id.epoch, text, 1, large, LARGE, 60000, NULL,
                             &error));
    }
    for (round = 0; round < ROUNDS; round++) {
        char entries[12];
        ssize_t got, all = 0;
        CHECK(write(readers[round].orders, endpoint, strlen(endpoint)) > 0);
        while (all < (ssize_t)sizeof entries) {
            got = read(readers[round].begun, entries, sizeof entries - (size_t)all);
            CHECK(got > 0);
            all += got;
        }
        CHECK(kill(readers[round].child, SIGKILL) == 0);
        CHECK(waitpid(readers[round].child, NULL, 0) == readers[round].child);
        MUST(ls_client_status(client, 60000, &status, &error));
        MUST(ls_bytes_free(&status));
    }
    MUST(ls_client_close(client, 1000, &error));
    MUST(ls_server_stop(server, &error));
}

int main(void) {
    reader readers[ROUNDS];
    struct sigaction action;
    sigset_t waiting;
    int round;
    memset(large, 'x', sizeof large);
    for (round = 0; round < ROUNDS; round++) {
        readers[round] = fork_reader();
    }
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    write_to_one_that_resets();
    for (round = 0; round < ROUNDS; round++) {
        write_to_a_server_that_stops();
    }
    write_to_clients_that_are_killed(readers);
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    CHECK(sigpending(&waiting) == 0 && !sigismember(&waiting, SIGPIPE));
    printf("done\n");
    return 0;
}
