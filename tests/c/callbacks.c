/*
 * Callbacks: one that blocks delays only its own contender; a close elsewhere does not wait for it,
 * and the revoke follows on its thread; a close from inside revokes inside; finalizers come last.
 * Log records come by callback, too.
 */
#include "check.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* What has become of a contender. */
typedef struct {
    int grants, revokes, finalized;
    int blocks; /* its grant waits until this is 0 */
    int closes; /* its grant closes it */
    pthread_t revoked_by;
    ls_leader_session_id id;
} part;

/* What has become of a watch. */
typedef struct {
    int inside, events, leaders;
    int blocks; /* its first event waits until this is 0 */
} view;

static int client_ended, records;

static void wait_until(const int *number, int value) {
    pthread_mutex_lock(&lock);
    while (*number != value) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static void set(int *number, int value) {
    pthread_mutex_lock(&lock);
    *number = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_value(view *of, int32_t kind) {
    pthread_mutex_lock(&lock);
    CHECK(of->inside == 0);
    of->inside = 1;
    of->events++;
    of->leaders += kind == LS_EVENT_LEADER;
    pthread_cond_broadcast(&changed);
    while (of->blocks) {
        pthread_cond_wait(&changed, &lock);
    }
    of->inside = 0;
    pthread_mutex_unlock(&lock);
}

static void on_event(void *user_data, const ls_event *event) {
    part *of = event->user_data;
    if (event->kind == LS_EVENT_LEADER || event->kind == LS_EVENT_NO_LEADER) {
        on_value(event->user_data, event->kind);
        return;
    }
    CHECK(user_data == &client_ended && event->size == sizeof *event);
    pthread_mutex_lock(&lock);
    CHECK(!of->finalized && of->grants - of->revokes == (event->kind == LS_EVENT_REVOKE));
    if (event->kind == LS_EVENT_GRANT) {
        of->grants++;
        of->id = event->id;
        pthread_cond_broadcast(&changed);
        while (of->blocks) {
            pthread_cond_wait(&changed, &lock);
        }
    } else {
        of->revokes++;
        of->revoked_by = pthread_self();
        CHECK(event->text.length == strlen(event->text.data) && event->text.length > 0);
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (of->closes && event->kind == LS_EVENT_GRANT) {
        /* From inside, the revoke comes inside. */
        CHECK(ls_contender_close(event->handle, NULL) == LS_OK);
        CHECK(of->revokes == 1 && pthread_equal(of->revoked_by, pthread_self()));
        CHECK(ls_contender_close(event->handle, NULL) == LS_OK);
    }
}

static void on_part_end(void *user_data) {
    part *of = user_data;
    CHECK(of->grants == of->revokes);
    set(&of->finalized, of->finalized + 1);
}

static void on_client_end(void *user_data) { set(user_data, 1); }

static void on_record(void *user_data, const ls_log_record *record) {
    CHECK(record->level >= LS_LOG_ERROR && record->message.length > 0);
    CHECK(strstr(record->target.data, "leaderserver") != NULL);
    set(user_data, 1);
}

static void on_log_end(void *user_data) { set(user_data, 2); }

int main(void) {
    static part blocked = {0, 0, 0, 1, 0, 0, {0, 0}}, other;
    static part closing = {0, 0, 0, 0, 1, 0, {0, 0}};
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_log_record record = LS_LOG_RECORD_INIT;
    static part seen;
    static view slow = {0, 0, 0, 1}, quick;
    ls_contender first = 0, second = 0;
    ls_watch watch = 0;
    ls_client client = open_shared("embedded:");

    MUST(ls_log_set_level(LS_LOG_TRACE, &error));
    MUST(ls_log_on_record(on_record, &records, on_log_end, &error));
    MUST_FAIL(LS_HAS_CALLBACK, ls_log_next(&record, &error));

    MUST(ls_client_on_event(client, on_event, &client_ended, on_client_end, &error));
    MUST_FAIL(LS_HAS_CALLBACK, ls_client_on_event(client, on_event, &other, on_part_end, &error));
    MUST_FAIL(LS_HAS_CALLBACK, ls_next_event(client, LS_FOREVER, &event, &error));
    MUST(ls_contender_open(client, "blocked", 7, &blocked, on_part_end, &first, &error));
    wait_until(&blocked.grants, 1);
    MUST(ls_contender_open(client, "other", 5, &other, on_part_end, &second, &error));
    wait_until(&other.grants, 1);

    /* It leads, and is told in this call that it does not any more, unless its grant's callback has
       yet to return: then on that thread. */
    CHECK(ls_has_leadership(second, other.id));
    MUST(ls_contender_close(second, &error));
    CHECK(!ls_has_leadership(second, other.id));
    wait_until(&other.finalized, 1);
    CHECK(other.revokes == 1);

    /* Its grant is still being called back: not waited for, and told there. */
    MUST(ls_contender_close(first, &error));
    CHECK(!ls_has_leadership(first, blocked.id));
    MUST(ls_contender_close(first, &error));
    CHECK(blocked.revokes == 0 && !blocked.finalized);
    set(&blocked.blocks, 0);
    wait_until(&blocked.revokes, 1);
    CHECK(!pthread_equal(blocked.revoked_by, pthread_self()));
    wait_until(&blocked.finalized, 1);

    MUST(ls_contender_open(client, "closing", 7, &closing, on_part_end, &first, &error));
    wait_until(&closing.finalized, 1);
    CHECK(closing.grants == 1 && closing.revokes == 1);

    /* One callback of a watch at a time, and what came meanwhile afterwards. */
    MUST(ls_watch_open(client, "seen", 4, &slow, NULL, &watch, &error));
    wait_until(&slow.events, 1);
    MUST(ls_watch_open(client, "seen", 4, &quick, NULL, &watch, &error));
    MUST(ls_contender_open(client, "seen", 4, &seen, on_part_end, &first, &error));
    wait_until(&seen.grants, 1);
    MUST(ls_contender_confirm(first, seen.id, "here", 4, &error));
    wait_until(&quick.leaders, 1);
    CHECK(slow.events == 1);
    set(&slow.blocks, 0);
    wait_until(&slow.leaders, 1);
    MUST(ls_contender_close(first, &error));
    wait_until(&seen.finalized, 1);

    MUST(ls_client_close(client, 1000, &error));
    wait_until(&client_ended, 1);
    wait_until(&records, 1);
    MUST(ls_log_set_level(LS_LOG_OFF, &error));
    MUST(ls_log_on_record(NULL, NULL, NULL, &error));
    wait_until(&records, 2);
    printf("done\n");
    return 0;
}
