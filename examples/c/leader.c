/*
 * A leader with a work loop that stops on revoke.
 *
 *     leader ENDPOINT NAMESPACE COMPONENT ADDRESS [STEPS]
 *
 * Contends for COMPONENT; while it leads, publishes ADDRESS and works, a step at a time, each only
 * if it still leads. With STEPS it resigns after as many, waits until it has been told, and ends.
 */
#include "common.h"

/* The pause between two steps of the work. */
#define STEP_MS 100

/* One step of what only the leader may do. */
static void work(unsigned long step) {
    printf("step %lu\n", step);
    fflush(stdout);
}

int main(int argc, char **argv) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_leader_session_id leadership = {0, 0};
    ls_contender contender = 0;
    ls_client client;
    unsigned long steps = 0, done = 0;
    int leads = 0, resigning = 0, over = 0;

    if (argc < 5) {
        fprintf(stderr, "usage: %s ENDPOINT NAMESPACE COMPONENT ADDRESS [STEPS]\n", argv[0]);
        return 2;
    }
    if (argc > 5) {
        steps = strtoul(argv[5], NULL, 10);
    }
    check_library();
    client = open_client(argv[1], argv[2]);
    MUST(ls_contender_open(client, argv[3], strlen(argv[3]), NULL, NULL, &contender, &error));

    while (!over) {
        /* Between two steps of the work events are waited for as well: a revoke is heard at once. */
        uint32_t wait_ms = leads && !resigning ? STEP_MS : LS_FOREVER;
        int32_t status = ls_next_event(client, wait_ms, &event, &error);
        if (status == LS_OK) {
            switch (event.kind) {
            case LS_EVENT_GRANT:
                leadership = event.id;
                leads = 1;
                printf("leading, epoch %" PRIu64 "\n", leadership.epoch);
                MUST(ls_contender_confirm(contender, leadership, argv[4], strlen(argv[4]), &error));
                break;
            case LS_EVENT_REVOKE:
                leads = 0;
                over = resigning;
                printf("not leading any more: %s\n", event.text.data);
                break;
            case LS_EVENT_FAILED:
                fprintf(stderr, "%s: %s\n", ls_status_name(event.status), event.text.data);
                return 1;
            default:
                break;
            }
            fflush(stdout);
        } else if (status != LS_TIMEOUT) {
            fprintf(stderr, "%s: %s\n", ls_status_name(status), error.text);
            return 1;
        }
        if (leads && !resigning && ls_has_leadership(contender, leadership)) {
            work(++done);
            if (steps != 0 && done == steps) {
                /* Named by its epoch: asked twice, it would not end a later leadership. */
                MUST(ls_client_resign(client, "process", 7, leadership.epoch, NULL, 0, 10000,
                                      &error));
                resigning = 1;
            }
        }
    }
    MUST(ls_contender_close(contender, &error));
    MUST(ls_bytes_free(&event.text));
    MUST(ls_client_close(client, 5000, &error));
    return 0;
}
