/*
 * A retriever in an event loop, beside another descriptor.
 *
 *     retriever ENDPOINT NAMESPACE COMPONENT
 *
 * Prints every leader of COMPONENT, and ends when its standard input ends.
 */
#include "common.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Takes all events there are: the descriptor stays readable until none is left. */
static void take_events(ls_client client, ls_event *event) {
    ls_error error = LS_ERROR_INIT;
    int32_t status;
    while ((status = ls_next_event(client, 0, event, &error)) == LS_OK) {
        if (event->kind == LS_EVENT_LEADER) {
            printf("leader %s\n", event->text.data);
        } else if (event->kind == LS_EVENT_NO_LEADER) {
            printf("no leader\n");
        }
        fflush(stdout);
    }
    if (status != LS_TIMEOUT) {
        fprintf(stderr, "%s: %s\n", ls_status_name(status), error.text);
        exit(1);
    }
}

int main(int argc, char **argv) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_watch watch = 0;
    ls_client client;
    int32_t descriptor = -1;
    int input_ended = 0;

    if (argc < 4) {
        fprintf(stderr, "usage: %s ENDPOINT NAMESPACE COMPONENT\n", argv[0]);
        return 2;
    }
    check_library();
    client = open_client(argv[1], argv[2]);
    MUST(ls_client_descriptor(client, &descriptor, &error));
    MUST(ls_watch_open(client, argv[3], strlen(argv[3]), NULL, NULL, &watch, &error));

    while (!input_ended) {
        struct pollfd waits[2];
        waits[0].fd = descriptor;
        waits[0].events = POLLIN;
        waits[1].fd = STDIN_FILENO;
        waits[1].events = POLLIN;
        if (poll(waits, 2, -1) < 0 && errno != EINTR) {
            perror("poll");
            return 1;
        }
        if (waits[0].revents != 0) {
            take_events(client, &event);
        }
        if (waits[1].revents != 0) {
            char line[256];
            input_ended = read(STDIN_FILENO, line, sizeof line) <= 0;
        }
    }
    MUST(ls_watch_close(watch, &error));
    MUST(ls_client_close(client, 5000, &error));
    MUST(ls_bytes_free(&event.text));
    close(descriptor);
    return 0;
}
