/*
 * A candidate that does what it is told, and says what happens to it and when. The same, word for
 * word, is Agent.java.
 *
 *     agent ENDPOINT NAMESPACE NAME SESSION_MS GRACE_MS OPERATION_MS events|callbacks
 *
 * Commands, one a line; words have no spaces in them. REGISTRATION and ID are the caller's numbers.
 *
 *     contend REGISTRATION COMPONENT          confirm REGISTRATION EPOCH LOW ADDRESS
 *     close REGISTRATION                      resign ELECTION EPOCH
 *     watch COMPONENT                         get ID ELECTION KEY
 *     list ID ELECTION                        create ID ELECTION EPOCH KEY VALUE
 *     replace ID ELECTION EPOCH KEY VERSION VALUE
 *
 * It says, with times in nanoseconds of CLOCK_BOOTTIME, taken before and after what it did:
 *
 *     ready                                   grant REGISTRATION EPOCH LOW AFTER
 *     revoke REGISTRATION AFTER REASON        failed REGISTRATION AFTER REASON
 *     closed REGISTRATION BEFORE AFTER        confirmed REGISTRATION EPOCH STATUS AFTER
 *     leader COMPONENT EPOCH LOW ADDRESS AFTER      none COMPONENT AFTER
 *     leads|not REGISTRATION EPOCH BEFORE AFTER     what has-leadership said
 *     done ID BEFORE AFTER STATUS VERSION VALUE     what came of an operation
 *
 * Has-leadership is read every millisecond or so, on a thread of its own; the first and the last
 * answer of a kind are said, and one each 25 ms. Operations run side by side. It ends with its
 * input.
 */
#include <leaderserver.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_REGISTRATIONS 4096
#define WORDS 8
#define SAID_EVERY 25000000

typedef struct registration {
    ls_contender contender;
    ls_leader_session_id id;
    int number, closed;
} registration;

typedef struct watched {
    char component[64];
} watched;

typedef struct operation {
    char line[4096];
} operation;

static ls_client client;
static uint32_t operation_ms;
/* Of what was told last. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static registration *registrations[MOST_REGISTRATIONS];
static int registered;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* A line is one write, and whole. */
#define SAY(...)                                                                                   \
    do {                                                                                           \
        flockfile(stdout);                                                                         \
        printf(__VA_ARGS__);                                                                       \
        putchar('\n');                                                                             \
        fflush(stdout);                                                                            \
        funlockfile(stdout);                                                                       \
    } while (0)

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != LS_OK) {                                                                     \
            fprintf(stderr, "%d: %s: %s\n", __LINE__, ls_status_name(error.status), error.text);   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static registration *find(const char *number) {
    int i, wanted = atoi(number);
    registration *found = NULL;
    pthread_mutex_lock(&lock);
    for (i = 0; i < registered; i++) {
        if (registrations[i]->number == wanted) {
            found = registrations[i];
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

/* The last words are free text. */
static int split(char *line, char **words, int most) {
    int count = 0;
    char *rest = line;
    line[strcspn(line, "\n")] = 0;
    while (count < most && (words[count] = strsep(&rest, " ")) != NULL) {
        count++;
    }
    return count;
}

/* --- events ---------------------------------------------------------------------------------- */

static void on_event(void *unused, const ls_event *event) {
    registration *of = event->user_data;
    watched *watch = event->user_data;
    uint64_t after = now();
    (void)unused;
    switch (event->kind) {
    case LS_EVENT_GRANT:
        pthread_mutex_lock(&lock);
        of->id = event->id;
        pthread_mutex_unlock(&lock);
        SAY("grant %d %" PRIu64 " %" PRIu64 " %" PRIu64, of->number, event->id.epoch, event->id.low,
            after);
        break;
    case LS_EVENT_REVOKE:
        SAY("revoke %d %" PRIu64 " %s", of->number, after, event->text.data);
        break;
    case LS_EVENT_FAILED:
        SAY("failed %d %" PRIu64 " %s %s", of->number, after, ls_status_name(event->status),
            event->text.data);
        break;
    case LS_EVENT_LEADER:
        SAY("leader %s %" PRIu64 " %" PRIu64 " %s %" PRIu64, watch->component, event->id.epoch,
            event->id.low, event->text.data, after);
        break;
    case LS_EVENT_NO_LEADER:
        SAY("none %s %" PRIu64, watch->component, after);
        break;
    default:
        fprintf(stderr, "an event of kind %d\n", event->kind);
        exit(1);
    }
}

static void *fetch_events(void *unused) {
    ls_event event = LS_EVENT_INIT;
    ls_error error = LS_ERROR_INIT;
    (void)unused;
    for (;;) {
        int32_t status = ls_next_event(client, LS_FOREVER, &event, &error);
        if (status == LS_OK) {
            on_event(NULL, &event);
        } else if (status != LS_TIMEOUT) {
            return NULL;
        }
    }
}

/* --- has-leadership --------------------------------------------------------------------------- */

/* What was read, and not said yet. */
typedef struct reading {
    ls_leader_session_id id;
    int led, unsaid;
    uint64_t before, after, said;
} reading;

static void say_reading(int number, reading *last) {
    if (last->unsaid) {
        SAY("%s %d %" PRIu64 " %" PRIu64 " %" PRIu64, last->led ? "leads" : "not", number,
            last->id.epoch, last->before, last->after);
        last->said = last->after;
        last->unsaid = 0;
    }
}

static void read_once(ls_contender contender, ls_leader_session_id id, int number, reading *last) {
    uint64_t before = now();
    int led = ls_has_leadership(contender, id);
    uint64_t after = now();
    int other = led != last->led || id.epoch != last->id.epoch;
    if (other) {
        say_reading(number, last);
    }
    *last = (reading){id, led, 1, before, after, last->said};
    /* That it does not lead is said once. */
    if (other || (led && after - last->said > SAID_EVERY)) {
        say_reading(number, last);
    }
    last->unsaid &= led;
}

static void *read_leadership(void *unused) {
    static reading readings[MOST_REGISTRATIONS];
    struct timespec pause = {0, 1000000};
    int i, first = 0, count;
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        count = registered;
        pthread_mutex_unlock(&lock);
        for (i = first; i < count; i++) {
            ls_leader_session_id id;
            ls_contender contender;
            int closed;
            pthread_mutex_lock(&lock);
            id = registrations[i]->id;
            contender = registrations[i]->contender;
            closed = registrations[i]->closed;
            pthread_mutex_unlock(&lock);
            if (id.epoch != 0) {
                read_once(contender, id, registrations[i]->number, &readings[i]);
            }
            /* The long closed are looked at no more. */
            if (closed && i == first && i + 8 < count) {
                first++;
            }
        }
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* --- the store -------------------------------------------------------------------------------- */

#define TEXT(word) word, strlen(word)

static void run_list(char **word) {
    ls_error error = LS_ERROR_INIT;
    ls_entry entry = LS_ENTRY_INIT;
    ls_list list = 0;
    char found[4096] = "", one[512];
    uint64_t before = now();
    int32_t status = ls_store_list(client, TEXT(word[2]), "", 0, true, operation_ms, &list, &error);
    while (status == LS_OK &&
           (status = ls_list_next(list, operation_ms, &entry, &error)) == LS_OK) {
        snprintf(one, sizeof one, "%s%s=%" PRIu64 "=%s", found[0] ? "," : "", entry.key.data,
                 entry.version, entry.value.data);
        strncat(found, one, sizeof found - strlen(found) - 1);
    }
    SAY("done %s %" PRIu64 " %" PRIu64 " %s 0 %s", word[1], before, now(),
        ls_status_name(status == LS_END ? LS_OK : status), found);
    ls_list_close(list, NULL);
    ls_bytes_free(&entry.key);
    ls_bytes_free(&entry.value);
}

static void *run_operation(void *argument) {
    operation *asked = argument;
    ls_error error = LS_ERROR_INIT;
    ls_bytes value = LS_BYTES_INIT;
    uint64_t version = 0, before;
    int32_t status;
    char *word[WORDS] = {0};
    split(asked->line, word, WORDS);
    if (strcmp(word[0], "list") == 0) {
        run_list(word);
        free(asked);
        return NULL;
    }
    before = now();
    if (strcmp(word[0], "get") == 0) {
        status = ls_store_get(client, TEXT(word[2]), TEXT(word[3]), operation_ms, &value, &version,
                              &error);
    } else if (strcmp(word[0], "create") == 0) {
        status = ls_store_create(client, TEXT(word[2]), strtoull(word[3], NULL, 10), TEXT(word[4]),
                                 TEXT(word[5]), operation_ms, &version, &error);
    } else {
        status = ls_store_replace(client, TEXT(word[2]), strtoull(word[3], NULL, 10), TEXT(word[4]),
                                  strtoull(word[5], NULL, 10), TEXT(word[6]), operation_ms,
                                  &version, &error);
    }
    if (status == LS_EXISTS || status == LS_CHANGED) {
        version = error.version;
    }
    SAY("done %s %" PRIu64 " %" PRIu64 " %s %" PRIu64 " %s", word[1], before, now(),
        ls_status_name(status), version, value.data ? value.data : "");
    ls_bytes_free(&value);
    free(asked);
    return NULL;
}

/* --- commands --------------------------------------------------------------------------------- */

static void contend(const char *number, const char *component) {
    ls_error error = LS_ERROR_INIT;
    registration *new = calloc(1, sizeof *new);
    ls_contender contender = 0;
    if (new == NULL || registered == MOST_REGISTRATIONS) {
        exit(1);
    }
    new->number = atoi(number);
    MUST(ls_contender_open(client, TEXT(component), new, NULL, &contender, &error));
    pthread_mutex_lock(&lock);
    new->contender = contender;
    registrations[registered++] = new;
    pthread_mutex_unlock(&lock);
}

static void withdraw(registration *of) {
    ls_error error = LS_ERROR_INIT;
    uint64_t before = now();
    MUST(ls_contender_close(of->contender, &error));
    SAY("closed %d %" PRIu64 " %" PRIu64, of->number, before, now());
    pthread_mutex_lock(&lock);
    of->closed = 1;
    pthread_mutex_unlock(&lock);
}

static void confirm(char **word) {
    registration *of = find(word[1]);
    ls_leader_session_id id = {strtoull(word[2], NULL, 10), strtoull(word[3], NULL, 10)};
    int32_t status = ls_contender_confirm(of->contender, id, TEXT(word[4]), NULL);
    SAY("confirmed %s %s %s %" PRIu64, word[1], word[2], ls_status_name(status), now());
}

static void start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) != 0 || pthread_detach(thread) != 0) {
        exit(1);
    }
}

static void obey(char *line) {
    ls_error error = LS_ERROR_INIT;
    ls_watch watch = 0;
    operation *asked = calloc(1, sizeof *asked);
    char *word[WORDS] = {0};
    if (asked == NULL) {
        exit(1);
    }
    strncpy(asked->line, line, sizeof asked->line - 1);
    split(line, word, WORDS);
    if (strcmp(word[0], "contend") == 0) {
        contend(word[1], word[2]);
    } else if (strcmp(word[0], "close") == 0) {
        withdraw(find(word[1]));
    } else if (strcmp(word[0], "confirm") == 0) {
        confirm(word);
    } else if (strcmp(word[0], "resign") == 0) {
        /* Whether the request was taken is seen by what follows. */
        ls_client_resign(client, TEXT(word[1]), strtoull(word[2], NULL, 10), NULL, 0, 0, &error);
    } else if (strcmp(word[0], "watch") == 0) {
        watched *of = calloc(1, sizeof *of);
        strncpy(of->component, word[1], sizeof of->component - 1);
        MUST(ls_watch_open(client, TEXT(word[1]), of, NULL, &watch, &error));
    } else {
        start(run_operation, asked);
        return;
    }
    free(asked);
}

static ls_option option(const char *name, const char *value) {
    ls_option made = {name, strlen(name), value, strlen(value)};
    return made;
}

int main(int argc, char **argv) {
    ls_error error = LS_ERROR_INIT;
    ls_option options[6];
    char line[4096];
    if (argc < 8 || !LS_IS_COMPATIBLE) {
        fprintf(stderr, "see the comment at the top of agent.c\n");
        return 2;
    }
    options[0] = option("endpoint", argv[1]);
    options[1] = option("namespace", argv[2]);
    options[2] = option("name", argv[3]);
    options[3] = option("session-timeout", argv[4]);
    options[4] = option("disconnect-grace", argv[5]);
    options[5] = option("election", "per-component");
    operation_ms = (uint32_t)atoi(argv[6]);
    MUST(ls_client_open(options, 6, NULL, &client, &error));
    if (strcmp(argv[7], "callbacks") == 0) {
        MUST(ls_client_on_event(client, on_event, NULL, NULL, &error));
    } else {
        start(fetch_events, NULL);
    }
    start(read_leadership, NULL);
    SAY("ready");
    while (fgets(line, sizeof line, stdin) != NULL) {
        obey(line);
    }
    MUST(ls_client_close(client, 5000, &error));
    return 0;
}
