/* Checks for the programs beside this file: what fails says where, and ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include "../../examples/c/common.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* A client of the name service that all programs share which say the same name. */
static inline ls_client open_shared(const char *endpoint) {
    return open_client(endpoint, "test");
}

/* Waits for an event of a kind; others are skipped. */
static inline void wait_for(ls_client client, int32_t kind, ls_event *event) {
    ls_error error = LS_ERROR_INIT;
    do {
        MUST(ls_next_event(client, LS_FOREVER, event, &error));
    } while (event->kind != kind);
}

#endif
