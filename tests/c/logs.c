/*
 * Log records, fetched and called back: none at first and none when switched off; too many leave
 * word of those that are lost; callbacks run one at a time on a thread of the library, which has
 * signals blocked, and may set another in their place; every finalizer runs once.
 */
#include "check.h"

#include <pthread.h>
#include <signal.h>

#define WAITING 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t host;

/* What a callback has seen. */
typedef struct sink {
    int records, inside, finalized;
    struct sink *next; /* is set in its place, from inside, by its first record */
    int ends;          /* ends the calling back, from inside, with its first record */
} sink;

static void on_record(void *user_data, const ls_log_record *record);

static void on_end(void *user_data) {
    sink *of = user_data;
    pthread_mutex_lock(&lock);
    CHECK(of->inside == 0);
    of->finalized++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_record(void *user_data, const ls_log_record *record) {
    sink *of = user_data;
    ls_error error = LS_ERROR_INIT;
    ls_log_record other = LS_LOG_RECORD_INIT;
    sigset_t mask;
    int first;
    CHECK(record->size == sizeof *record && !pthread_equal(pthread_self(), host));
    CHECK(record->level >= LS_LOG_ERROR && record->level <= LS_LOG_TRACE);
    CHECK(record->target.length == strlen(record->target.data) && record->message.length > 0);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGTERM));
    pthread_mutex_lock(&lock);
    CHECK(of->inside++ == 0 && of->finalized == 0);
    first = of->records++ == 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (first && of->next != NULL) {
        MUST_FAIL(LS_HAS_CALLBACK, ls_log_next(&other, &error));
        MUST(ls_log_on_record(on_record, of->next, on_end, &error));
    } else if (first && of->ends) {
        MUST(ls_log_on_record(NULL, NULL, on_end, &error));
    }
    pthread_mutex_lock(&lock);
    of->inside--;
    pthread_mutex_unlock(&lock);
}

static void wait_until(const int *number) {
    pthread_mutex_lock(&lock);
    while (*number == 0) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

/* Makes at least one record, if they are wanted. */
static void make_records(void) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_contender contender = 0;
    ls_client client = open_shared("embedded:");
    MUST(ls_contender_open(client, "a", 1, NULL, NULL, &contender, &error));
    wait_for(client, LS_EVENT_GRANT, &event);
    MUST(ls_bytes_free(&event.text));
    MUST(ls_client_close(client, 60000, &error));
}

/* Takes all records; answers how many there were. */
static int take_all(ls_log_record *record) {
    ls_error error = LS_ERROR_INIT;
    int count = 0;
    int32_t status;
    while ((status = ls_log_next(record, &error)) == LS_OK) {
        CHECK(record->message.length == strlen(record->message.data));
        count++;
    }
    CHECK(status == LS_TIMEOUT);
    return count;
}

static void fetched(void) {
    ls_error error = LS_ERROR_INIT;
    ls_log_record record = LS_LOG_RECORD_INIT, first = LS_LOG_RECORD_INIT;
    int rounds, each;

    make_records();
    CHECK(take_all(&record) == 0);
    MUST(ls_log_set_level(LS_LOG_TRACE, &error));
    make_records();
    each = take_all(&record);
    CHECK(each > 0 && record.level >= LS_LOG_ERROR);
    CHECK(strncmp(record.target.data, "leaderserver", 12) == 0);

    /* Nobody fetches: the oldest go, and the next says so. */
    for (rounds = 0; rounds < 2 * WAITING / each; rounds++) {
        make_records();
    }
    MUST(ls_log_next(&first, &error));
    CHECK(first.level == LS_LOG_WARN && strstr(first.message.data, "lost") != NULL);
    MUST(ls_log_set_level(LS_LOG_OFF, &error));
    CHECK(take_all(&record) <= WAITING + 1);
    make_records();
    CHECK(take_all(&record) == 0);
    MUST(ls_bytes_free(&first.target));
    MUST(ls_bytes_free(&first.message));
    MUST(ls_bytes_free(&record.target));
    MUST(ls_bytes_free(&record.message));
}

static void called_back(void) {
    static sink last, third, second, first;
    ls_error error = LS_ERROR_INIT;
    ls_log_record record = LS_LOG_RECORD_INIT;
    first.next = &second;
    second.ends = 1;
    MUST(ls_log_set_level(LS_LOG_TRACE, &error));
    MUST(ls_log_on_record(on_record, &first, on_end, &error));
    make_records();
    wait_until(&first.finalized);
    make_records();
    wait_until(&second.finalized);
    CHECK(first.records == 1 && second.records == 1);

    /* It is over: records are fetched again. */
    make_records();
    CHECK(take_all(&record) > 0);

    /* Replaced from outside, ended from outside, without a finalizer at last. */
    MUST(ls_log_on_record(on_record, &third, on_end, &error));
    make_records();
    wait_until(&third.records);
    MUST(ls_log_on_record(on_record, &last, NULL, &error));
    wait_until(&third.finalized);
    make_records();
    wait_until(&last.records);
    MUST(ls_log_on_record(NULL, NULL, NULL, &error));
    MUST(ls_log_set_level(LS_LOG_OFF, &error));
    CHECK(first.finalized == 1 && second.finalized == 1 && third.finalized == 1);
    CHECK(last.finalized == 0);
    MUST(ls_bytes_free(&record.target));
    MUST(ls_bytes_free(&record.message));
}

int main(void) {
    host = pthread_self();
    fetched();
    called_back();
    printf("done\n");
    return 0;
}
