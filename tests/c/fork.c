/*
 * A child of a process that uses the library: every call gets LS_FORKED there, and the parent is
 * not disturbed, neither by the child's end. A child that is the first to use the library may.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t children, elsewhere;
static int expected;
static pthread_t host;

static void on_child(int signal) {
    (void)signal;
    if (!pthread_equal(pthread_self(), host)) {
        elsewhere = 1;
    }
    children++;
}

/* Waits for a child that must have ended well, and for its signal. */
static void reap(pid_t child) {
    int status = 0, before = expected++;
    CHECK(child >= 0);
    while (waitpid(child, &status, 0) < 0) {
        CHECK(children > 0);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    while (children == before) {
        sched_yield();
    }
}

/* Leads for a moment. */
static void lead(const char *endpoint) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_contender contender = 0;
    ls_client client = open_shared(endpoint);
    MUST(ls_contender_open(client, "a", 1, NULL, NULL, &contender, &error));
    wait_for(client, LS_EVENT_GRANT, &event);
    CHECK(ls_has_leadership(contender, event.id));
    MUST(ls_bytes_free(&event.text));
    MUST(ls_client_close(client, 1000, &error));
}

static void in_child(ls_client client, ls_contender contender, ls_leader_session_id id) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_server server = 7;
    CHECK(!ls_has_leadership(contender, id));
    MUST_FAIL(LS_FORKED, ls_next_event(client, LS_FOREVER, &event, &error));
    CHECK(strstr(error.text, "fork") != NULL);
    MUST_FAIL(LS_FORKED, ls_contender_close(contender, &error));
    MUST_FAIL(LS_FORKED, ls_client_close(client, 1000, &error));
    MUST_FAIL(LS_FORKED, ls_server_start(NULL, 0, NULL, &server, &error));
    MUST_FAIL(LS_FORKED, ls_log_set_level(LS_LOG_TRACE, &error));
    CHECK(server == 7 && ls_abi_version() == LS_ABI_VERSION);
    execlp("true", "true", (char *)NULL);
    _exit(127);
}

int main(void) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_contender contender = 0;
    ls_client client;
    struct sigaction action;
    pid_t child;

    host = pthread_self();
    memset(&action, 0, sizeof action);
    action.sa_handler = on_child;
    CHECK(sigaction(SIGCHLD, &action, NULL) == 0);

    /* Nothing of the library was used yet. */
    CHECK(ls_abi_version() == LS_ABI_VERSION);
    child = fork();
    if (child == 0) {
        lead("embedded:child");
        execlp("true", "true", (char *)NULL);
        _exit(127);
    }
    reap(child);

    client = open_shared("embedded:fork");
    MUST(ls_contender_open(client, "a", 1, NULL, NULL, &contender, &error));
    wait_for(client, LS_EVENT_GRANT, &event);
    child = fork();
    if (child == 0) {
        in_child(client, contender, event.id);
    }
    reap(child);
    CHECK(children == 2 && !elsewhere);
    CHECK(ls_has_leadership(contender, event.id));
    MUST(ls_bytes_free(&event.text));
    MUST(ls_client_close(client, 1000, &error));
    lead("embedded:fork");
    printf("done\n");
    return 0;
}
