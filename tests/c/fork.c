/*
 * A child of a process that uses the library: every call gets LS_FORKED there, and the parent is
 * not disturbed. Handlers of the host stay as they are, and run on threads of the host.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t children, alarms, elsewhere;
static pthread_t host;

static void on_signal(int signal) {
    if (!pthread_equal(pthread_self(), host)) {
        elsewhere = 1;
    }
    if (signal == SIGCHLD) {
        children++;
    } else {
        alarms++;
    }
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
    _exit(0);
}

/* Every thread but the host's has the host's signals blocked, and SIGPIPE. */
static void check_threads(void) {
    static const int blocked[] = {SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM, SIGTERM};
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int threads = 0;
    CHECK(tasks != NULL);
    while ((task = readdir(tasks)) != NULL) {
        char path[512], line[256];
        unsigned long long mask = 0;
        size_t index;
        FILE *file;
        if (task->d_name[0] == '.' || atol(task->d_name) == (long)getpid()) {
            continue;
        }
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        file = fopen(path, "r");
        if (file == NULL) {
            continue; /* it has ended meanwhile */
        }
        while (fgets(line, sizeof line, file) != NULL && sscanf(line, "SigBlk: %llx", &mask) != 1) {
        }
        fclose(file);
        for (index = 0; index < sizeof blocked / sizeof blocked[0]; index++) {
            CHECK(mask & (1ULL << (blocked[index] - 1)));
        }
        threads++;
    }
    closedir(tasks);
    CHECK(threads > 0);
}

int main(void) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_contender contender = 0;
    ls_client client;
    struct sigaction action, before[32], after;
    pid_t child;
    int status = 0, number;

    host = pthread_self();
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    CHECK(sigaction(SIGCHLD, &action, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);

    for (number = 1; number < 32; number++) {
        CHECK(sigaction(number, NULL, &before[number]) == 0);
    }

    client = open_shared("embedded:fork");
    MUST(ls_contender_open(client, "a", 1, NULL, NULL, &contender, &error));
    wait_for(client, LS_EVENT_GRANT, &event);

    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        in_child(client, contender, event.id);
    }
    while (waitpid(child, &status, 0) < 0) {
        CHECK(children > 0);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(ls_has_leadership(contender, event.id));

    for (number = 0; number < 100; number++) {
        CHECK(kill(getpid(), SIGUSR1) == 0);
    }
    CHECK(children == 1 && alarms > 0 && !elsewhere);
    check_threads();
    for (number = 1; number < 32; number++) {
        CHECK(sigaction(number, NULL, &after) == 0);
        CHECK(after.sa_handler == before[number].sa_handler);
    }
    MUST(ls_bytes_free(&event.text));
    MUST(ls_client_close(client, 1000, &error));
    printf("done\n");
    return 0;
}
