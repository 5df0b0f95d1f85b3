/*
 * Signals are the host's: whatever is done with the library, every handler, the mask and the
 * alternative stack of the host's thread stay as they were, handlers run on the host's threads, and
 * one that interrupts a call does not end it.
 */
#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#define SIGNALS 65

static volatile sig_atomic_t alarms, elsewhere;
static pthread_t host;

static void on_alarm(int signal) {
    (void)signal;
    if (!pthread_equal(pthread_self(), host)) {
        elsewhere = 1;
    }
    alarms++;
}

/* What a process has to do with signals. */
typedef struct {
    struct sigaction actions[SIGNALS];
    int known[SIGNALS];
    sigset_t mask;
    stack_t stack;
} disposition;

static void look(disposition *at) {
    int number;
    memset(at, 0, sizeof *at);
    for (number = 1; number < SIGNALS; number++) {
        at->known[number] = sigaction(number, NULL, &at->actions[number]) == 0;
    }
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &at->mask) == 0);
    CHECK(sigaltstack(NULL, &at->stack) == 0);
}

static void check_same(const disposition *before, const disposition *after) {
    int number, other;
    for (number = 1; number < SIGNALS; number++) {
        const struct sigaction *was = &before->actions[number], *is = &after->actions[number];
        CHECK(before->known[number] == after->known[number]);
        if (!before->known[number]) {
            continue;
        }
        CHECK(was->sa_sigaction == is->sa_sigaction && was->sa_flags == is->sa_flags);
        for (other = 1; other < SIGNALS; other++) {
            CHECK(sigismember(&was->sa_mask, other) == sigismember(&is->sa_mask, other));
        }
        CHECK(sigismember(&before->mask, number) == sigismember(&after->mask, number));
    }
    CHECK(before->stack.ss_sp == after->stack.ss_sp);
    CHECK(before->stack.ss_flags == after->stack.ss_flags);
}

/* Every thread but the host's has the host's signals blocked, and SIGPIPE. */
static void check_threads(void) {
    static const int blocked[] = {SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM, SIGTERM, SIGINT, SIGHUP};
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int threads = 0;
    CHECK(tasks != NULL);
    while ((task = readdir(tasks)) != NULL) {
        char path[512], line[256], name[64] = "";
        unsigned long long mask = 0;
        size_t index;
        FILE *file;
        if (task->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        file = fopen(path, "r");
        if (file == NULL) {
            continue; /* it has ended meanwhile */
        }
        while (fgets(line, sizeof line, file) != NULL && sscanf(line, "SigBlk: %llx", &mask) != 1) {
            sscanf(line, "Name: %63s", name);
        }
        fclose(file);
        if (strcmp(name, "leaderserver") != 0) {
            continue; /* the host's, or a checker's */
        }
        for (index = 0; index < sizeof blocked / sizeof blocked[0]; index++) {
            CHECK(mask & (1ULL << (blocked[index] - 1)));
        }
        threads++;
    }
    closedir(tasks);
    CHECK(threads > 1);
}

static void on_event(void *user_data, const ls_event *event) {
    (void)event;
    (void)user_data;
}

static void on_record(void *user_data, const ls_log_record *record) {
    (void)user_data;
    (void)record;
}

/* A bit of everything that starts threads or opens connections. */
static void use(ls_client client, ls_client remote) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_bytes text = LS_BYTES_INIT;
    ls_contender contender = 0;
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    int seen;

    MUST(ls_log_set_level(LS_LOG_TRACE, &error));
    MUST(ls_log_on_record(on_record, NULL, NULL, &error));
    MUST(ls_client_on_event(remote, on_event, NULL, NULL, &error));
    MUST(ls_contender_open(remote, "a", 1, NULL, NULL, &contender, &error));
    MUST(ls_client_status(remote, 60000, &text, &error));
    MUST(ls_bytes_free(&text));

    /* Interrupted every millisecond, it waits on. */
    seen = alarms;
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (alarms < seen + 10) {
        MUST_FAIL(LS_TIMEOUT, ls_next_event(client, 20, &event, &error));
    }
    MUST(ls_contender_open(client, "b", 1, NULL, NULL, &contender, &error));
    wait_for(client, LS_EVENT_GRANT, &event);
    MUST(ls_client_status(remote, 60000, &text, &error));
    MUST(ls_bytes_free(&text));
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    CHECK(!elsewhere);
    check_threads();
    MUST(ls_bytes_free(&event.text));
}

int main(void) {
    static disposition before, after;
    ls_error error = LS_ERROR_INIT;
    ls_option options[2];
    ls_server server = 0;
    ls_client client, remote;
    uint16_t port = 0;
    char endpoint[64];
    struct sigaction action;

    host = pthread_self();
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    sigaddset(&action.sa_mask, SIGUSR2);
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    look(&before);

    options[0] = option("listen", "127.0.0.1:0");
    options[1] = option("cold", "true");
    MUST(ls_server_start(options, 2, NULL, &server, &error));
    MUST(ls_server_port(server, &port, &error));
    snprintf(endpoint, sizeof endpoint, "leader://127.0.0.1:%u", (unsigned)port);
    client = open_shared("embedded:signals");
    remote = open_shared(endpoint);
    use(client, remote);
    look(&after);
    check_same(&before, &after);

    MUST(ls_client_close(client, 1000, &error));
    MUST(ls_client_close(remote, 1000, &error));
    MUST(ls_server_stop(server, &error));
    MUST(ls_log_on_record(NULL, NULL, NULL, &error));
    look(&after);
    check_same(&before, &after);
    printf("done\n");
    return 0;
}
