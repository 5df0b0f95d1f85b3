/*
 * A server in this process, with two clients: one beside it, one over the network. Events come by
 * callback. The first leads; when it closes, the second does.
 */
#include "common.h"

#include <pthread.h>

/* What a client's callback tells the main thread. */
typedef struct {
    const char *name;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    ls_leader_session_id leadership;
    int finalized;
} member;

static void on_event(void *user_data, const ls_event *event) {
    member *of = user_data;
    pthread_mutex_lock(&of->lock);
    if (event->kind == LS_EVENT_GRANT) {
        printf("%s leads, epoch %" PRIu64 "\n", of->name, event->id.epoch);
        of->leadership = event->id;
    } else if (event->kind == LS_EVENT_REVOKE) {
        printf("%s leads no more: %s\n", of->name, event->text.data);
        of->leadership.epoch = 0;
    }
    pthread_cond_broadcast(&of->changed);
    pthread_mutex_unlock(&of->lock);
}

/* Nothing of the library uses the member any more. */
static void on_end(void *user_data) {
    member *of = user_data;
    pthread_mutex_lock(&of->lock);
    of->finalized = 1;
    pthread_cond_broadcast(&of->changed);
    pthread_mutex_unlock(&of->lock);
}

static ls_leader_session_id wait_for_grant(member *of) {
    ls_leader_session_id leadership;
    pthread_mutex_lock(&of->lock);
    while (of->leadership.epoch == 0) {
        pthread_cond_wait(&of->changed, &of->lock);
    }
    leadership = of->leadership;
    pthread_mutex_unlock(&of->lock);
    return leadership;
}

static void wait_for_end(member *of) {
    pthread_mutex_lock(&of->lock);
    while (!of->finalized) {
        pthread_cond_wait(&of->changed, &of->lock);
    }
    pthread_mutex_unlock(&of->lock);
}

int main(void) {
    static member first = {"first", PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {0, 0}, 0};
    static member second = {"second", PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {0, 0},
                            0};
    ls_error error = LS_ERROR_INIT;
    ls_server server = 0;
    ls_client beside = 0, remote;
    ls_contender contender = 0, other = 0;
    ls_leader_session_id leadership, next;
    uint16_t port = 0;
    char endpoint[64];
    ls_option options[2];

    check_library();
    options[0] = option("listen", "127.0.0.1:0");
    options[1] = option("cold", "true");
    MUST(ls_server_start(options, 2, NULL, &server, &error));
    MUST(ls_server_port(server, &port, &error));

    options[0] = option("namespace", "example");
    MUST(ls_client_open(options, 1, NULL, &beside, &error));
    MUST(ls_client_attach(beside, server, &error));
    MUST(ls_client_on_event(beside, on_event, &first, on_end, &error));
    MUST(ls_contender_open(beside, "printer", 7, NULL, NULL, &contender, &error));
    leadership = wait_for_grant(&first);
    MUST(ls_contender_confirm(contender, leadership, "room 1", 6, &error));

    snprintf(endpoint, sizeof endpoint, "leader://127.0.0.1:%u", (unsigned)port);
    remote = open_client(endpoint, "example");
    MUST(ls_client_on_event(remote, on_event, &second, on_end, &error));
    MUST(ls_contender_open(remote, "printer", 7, NULL, NULL, &other, &error));

    if (!ls_has_leadership(contender, leadership)) {
        fprintf(stderr, "the first should still lead\n");
        return 1;
    }
    MUST(ls_contender_close(contender, &error));
    next = wait_for_grant(&second);
    if (next.epoch <= leadership.epoch || ls_has_leadership(contender, leadership)) {
        fprintf(stderr, "epochs should grow, and the first should not lead\n");
        return 1;
    }
    MUST(ls_client_close(beside, 5000, &error));
    MUST(ls_client_close(remote, 5000, &error));
    wait_for_end(&first);
    wait_for_end(&second);
    MUST(ls_server_stop(server, &error));
    printf("done\n");
    return 0;
}
