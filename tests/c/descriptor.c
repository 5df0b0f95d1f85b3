/*
 * The descriptor is readable while ls_next_event() has something, when it is time to call it for the
 * sake of the stall time-out, and for ever once the client is closed, which it outlives.
 */
#include "check.h"

#include <poll.h>
#include <unistd.h>

static int readable(int descriptor, int timeout_ms) {
    struct pollfd wait;
    wait.fd = descriptor;
    wait.events = POLLIN;
    wait.revents = 0;
    CHECK(poll(&wait, 1, timeout_ms) >= 0);
    return wait.revents != 0;
}

/* Of a client whose events are not to be fetched for so long. */
static ls_client open_stalling(const char *stall_timeout) {
    ls_error error = LS_ERROR_INIT;
    ls_option options[3];
    ls_client client = 0;
    options[0] = option("endpoint", "embedded:");
    options[1] = option("namespace", "descriptor");
    options[2] = option("stall-timeout", stall_timeout);
    MUST(ls_client_open(options, 3, NULL, &client, &error));
    return client;
}

int main(void) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_contender contender = 0;
    ls_watch watch = 0;
    ls_client client = open_stalling("0"), stalling = open_stalling("200");
    int32_t descriptor = -1, second = -1;

    MUST(ls_client_descriptor(client, &descriptor, &error));
    MUST(ls_client_descriptor(client, &second, &error));
    CHECK(descriptor != second && !readable(descriptor, 0));
    MUST(ls_contender_open(client, "a", 1, &second, NULL, &contender, &error));
    CHECK(readable(descriptor, -1) && readable(second, -1));
    MUST(ls_next_event(client, 0, &event, &error));
    CHECK(event.kind == LS_EVENT_GRANT && event.handle == contender && event.user_data == &second);
    MUST_FAIL(LS_TIMEOUT, ls_next_event(client, 0, &event, &error));
    CHECK(event.kind == LS_EVENT_GRANT && !readable(descriptor, 0) && !readable(second, 0));

    MUST(ls_contender_confirm(contender, event.id, "x\0y", 3, &error));
    MUST_FAIL(LS_ALREADY_CONFIRMED, ls_contender_confirm(contender, event.id, "z", 1, &error));
    MUST(ls_watch_open(client, "a", 1, NULL, NULL, &watch, &error));
    do {
        CHECK(readable(descriptor, -1));
        MUST(ls_next_event(client, 0, &event, &error));
    } while (event.kind != LS_EVENT_LEADER);
    CHECK(event.handle == watch && ls_has_leadership(contender, event.id));
    CHECK(event.text.length == 3 && memcmp(event.text.data, "x\0y", 4) == 0);

    CHECK(close(second) == 0);
    /* Nobody contends there; it is only time to ask. */
    MUST(ls_client_descriptor(stalling, &second, &error));
    CHECK(readable(second, -1));
    MUST_FAIL(LS_TIMEOUT, ls_next_event(stalling, 0, &event, &error));

    MUST(ls_client_close(client, 1000, &error));
    CHECK(readable(descriptor, -1) && readable(descriptor, -1));
    MUST_FAIL(LS_CLOSED, ls_next_event(client, LS_FOREVER, &event, &error));
    MUST(ls_client_close(stalling, 1000, &error));
    CHECK(close(descriptor) == 0 && close(second) == 0);
    MUST(ls_bytes_free(&event.text));
    printf("done\n");
    return 0;
}
