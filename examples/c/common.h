/* What the examples share: options from strings, and giving up with a reason. */
#ifndef COMMON_H
#define COMMON_H

#include <leaderserver.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program, saying what went wrong, unless the call succeeded. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != LS_OK) {                                                                     \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, ls_status_name(error.status),   \
                    error.text);                                                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* The other way round: the call must fail with this status. */
#define MUST_FAIL(expected, call)                                                                  \
    do {                                                                                           \
        int32_t got_ = (call);                                                                     \
        if (got_ != (expected)) {                                                                  \
            fprintf(stderr, "%s:%d: %s instead of %s\n", __FILE__, __LINE__, ls_status_name(got_), \
                    ls_status_name(expected));                                                     \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static inline ls_option option(const char *name, const char *value) {
    ls_option made = {name, strlen(name), value, strlen(value)};
    return made;
}

/* A client of an endpoint, in a namespace. */
static inline ls_client open_client(const char *endpoint, const char *namespace_) {
    ls_error error = LS_ERROR_INIT;
    ls_client client = 0;
    ls_option options[3];
    options[0] = option("endpoint", endpoint);
    options[1] = option("namespace", namespace_);
    options[2] = option("session-timeout", "5000");
    MUST(ls_client_open(options, 3, NULL, &client, &error));
    return client;
}

/* A program that was built with another version of the header must not go on. */
static inline void check_library(void) {
    if (!LS_IS_COMPATIBLE) {
        fprintf(stderr, "the library is %s, which this program is not made for\n", ls_version());
        exit(1);
    }
}

#endif
