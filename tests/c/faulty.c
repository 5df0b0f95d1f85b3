/*
 * Faults that a checker of tools/sanitize must not let pass, each in memory that the library
 * allocated or writes to: so it is seen that the library is looked at, not this program alone.
 *
 *     faulty leak|overflow|freed|race
 */
#include "check.h"

#include <pthread.h>

static ls_client client;
static ls_event shared = LS_EVENT_INIT;

/* What a component's leader publishes, in memory of the library. */
static void fetch(ls_event *event) {
    ls_error error = LS_ERROR_INIT;
    ls_contender contender = 0;
    MUST(ls_contender_open(client, "a", 1, NULL, NULL, &contender, &error));
    wait_for(client, LS_EVENT_GRANT, event);
    MUST(ls_contender_close(contender, &error));
    MUST(ls_client_state(client, &event->text, &error));
    CHECK(event->text.length > 0);
}

/* One struct for two threads: the library writes to it on both. Once each, for with every further
   call they meet at locks of the library, which may happen to put them in order. */
static void *share(void *unused) {
    wait_for(client, LS_EVENT_NO_LEADER, &shared);
    return unused;
}

static void race(void) {
    ls_error error = LS_ERROR_INIT;
    pthread_t threads[2];
    ls_watch watch = 0;
    MUST(ls_watch_open(client, "a", 1, NULL, NULL, &watch, &error));
    MUST(ls_watch_open(client, "a", 1, NULL, NULL, &watch, &error));
    CHECK(pthread_create(&threads[0], NULL, share, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, share, NULL) == 0);
    CHECK(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);
}

int main(int argc, char **argv) {
    const char *fault = argc > 1 ? argv[1] : "";
    ls_event event = LS_EVENT_INIT;
    ls_error error = LS_ERROR_INIT;
    client = open_shared("embedded:");
    if (strcmp(fault, "leak") == 0) {
        void *volatile lost = malloc(7);
        lost = NULL;
        CHECK(lost == NULL);
    } else if (strcmp(fault, "overflow") == 0) {
        fetch(&event);
        CHECK(((volatile const char *)event.text.data)[event.text.length + 1] != 1);
    } else if (strcmp(fault, "freed") == 0) {
        const char *volatile data;
        fetch(&event);
        data = event.text.data;
        MUST(ls_bytes_free(&event.text));
        CHECK(data[0] != 1);
    } else if (strcmp(fault, "race") == 0) {
        race();
    }
    MUST(ls_bytes_free(&event.text));
    MUST(ls_bytes_free(&shared.text));
    MUST(ls_client_close(client, 1000, &error));
    printf("done\n");
    return 0;
}
