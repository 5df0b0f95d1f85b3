/*
 * LeaderServer: a name service for leadership.
 *
 * Processes contend for the leadership of an election; the winner publishes, per component, the
 * address under which it can be reached; anybody may watch a component and is told of every change.
 * What the leader writes to the store is refused once somebody else was granted the election. The
 * name service is a server: another process, or started in this one with ls_server_start().
 *
 * What holds for all functions
 *
 * Status. Every function but a few that can't fail returns a status: LS_OK, or one of the other
 * numbers below, which never change their meaning and are never used again for another. New ones
 * may come: treat those you don't know as failures. The last argument, `error`, may be null; else a
 * failure is described there, for this call and this thread alone.
 *
 * Outputs are written only on success (LS_OK), and then all of them; `error` only on failure.
 *
 * Handles are numbers, not pointers. 0 is never one. A number that was closed, was never handed
 * out, or names something else gets LS_CLOSED or LS_INVALID_ARGUMENT, whatever it is. Closing
 * twice, or closing 0, is LS_OK. A handle may be closed while other threads use it: what they do
 * ends by itself with a status, and nothing is freed under them.
 *
 * Ownership. No call takes what it is given: handles, texts, structs and options remain the
 * caller's, and may go when the call has returned. What user data points at must live until its
 * finalizer is called. What the library hands out as ls_bytes is freed with ls_bytes_free(), or by
 * handing the same struct (ls_event, ls_entry, ls_log_record) to the same function again. Such a
 * struct is copied like any other, but its memory goes with the first copy that is freed or reused.
 *
 * Texts are a pointer and a length in bytes, UTF-8, without a zero byte at the end; names may be
 * 1024 bytes long. A null pointer is an empty text if the length is 0. Lengths are checked before
 * anything is read. Texts that are handed out have a zero byte behind them.
 *
 * Structs that may grow begin with their size: set it to sizeof, as the …_INIT macros do. A larger
 * size than the library knows is fine, a smaller one is LS_INVALID_ARGUMENT (and `error` is then
 * left alone).
 *
 * Threads. Every function may be called on any thread, at any time, also inside callbacks and
 * finalizers, but not in a signal handler. No lock of the library is held while a callback runs. A
 * thread must not be cancelled (pthread_cancel) while it is in one.
 *
 * Waiting. A function waits only where its comment says so, for the time-out that it is given (and
 * up to a second more where the answer comes then). 0 does not wait; LS_FOREVER is for
 * ls_next_event() and means 49 days elsewhere.
 *
 * Signals. The library installs no handler, and its threads have signals blocked; a lost connection
 * raises no SIGPIPE.
 *
 * fork(). A child of a process that has used the library must not go on using it: every function
 * answers LS_FORKED there and does nothing, and ls_has_leadership() is false. Call exec() in the
 * child, or use the library in the child only. While such a child lives without exec() it holds
 * connections of its parent open: should the parent be killed, its leadership ends only with the
 * session time-out.
 *
 * Failures inside. A fault of the library comes out as LS_INTERNAL with a text, and the handle says
 * so from then on: it gives up what it claims, and should be closed.
 *
 * The library stays loaded until the process ends, also after dlclose().
 */


#ifndef LEADERSERVER_H
#define LEADERSERVER_H

/* Made from src/ffi/c: do not edit. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the library is the one that a program was built for: if (!LS_IS_COMPATIBLE) … */
#define LS_IS_COMPATIBLE (ls_abi_version() == LS_ABI_VERSION)

/* For each struct that begins with its size, what to initialise it with. */
#define LS_ERROR_INIT { sizeof(ls_error), 0, 0, 0, 0, { 0 } }
#define LS_EVENT_INIT { sizeof(ls_event), 0, 0, 0, 0, { 0, 0 }, LS_BYTES_INIT }
#define LS_ENTRY_INIT { sizeof(ls_entry), 0, LS_BYTES_INIT, LS_BYTES_INIT }
#define LS_LOG_RECORD_INIT { sizeof(ls_log_record), 0, 0, LS_BYTES_INIT, LS_BYTES_INIT }
#define LS_BYTES_INIT { 0, 0, 0 }


/**
 * The version of this header's functions and structs. It grows whenever a program that was built
 * with an older header could misunderstand the library; compare it with ls_abi_version().
 */
#define LS_ABI_VERSION 1

/**
 * The release this header belongs to: its first number.
 */
#define LS_VERSION_MAJOR 0

/**
 * The release this header belongs to: its second number.
 */
#define LS_VERSION_MINOR 1

/**
 * The release this header belongs to: its third number.
 */
#define LS_VERSION_PATCH 0

/**
 * As a time-out: wait without end.
 */
#define LS_FOREVER 4294967295

/**
 * Success.
 */
#define LS_OK 0

/**
 * An argument or option that can't be used: null, a handle of another kind, a text that is not
 * UTF-8, empty or too long, a struct that does not begin with its size.
 */
#define LS_INVALID_ARGUMENT 1

/**
 * A contender is registered for the component.
 */
#define LS_ALREADY_REGISTERED 2

/**
 * The handle was closed, or never was one.
 */
#define LS_CLOSED 3

/**
 * No answer in time from the name service.
 */
#define LS_UNREACHABLE 4

/**
 * The name service refused, for good.
 */
#define LS_REFUSED 5

/**
 * The server can't listen there.
 */
#define LS_ADDRESS_IN_USE 6

/**
 * The system refused something.
 */
#define LS_IO 7

/**
 * Keys, certificates or the handshake.
 */
#define LS_TLS 8

/**
 * Something in the library is broken. What the handle names has failed: close it.
 */
#define LS_INTERNAL 9

/**
 * Longer or more than the limit.
 */
#define LS_TOO_LARGE 10

/**
 * This build or this name service can't do that.
 */
#define LS_UNSUPPORTED 11

/**
 * A write was decided under an epoch that is over. It had no effect, and never will.
 */
#define LS_FENCED 12

/**
 * A key that was to be created is there; `version` of the error says at which version.
 */
#define LS_EXISTS 13

/**
 * A key is not there.
 */
#define LS_NOT_FOUND 14

/**
 * A key is at another version; `version` of the error says at which.
 */
#define LS_CHANGED 15

/**
 * A limit was reached, of one write or of the name service: the write had no effect.
 */
#define LS_LIMIT 16

/**
 * A write was never sent, or its name service takes no writes at present: it had no effect.
 */
#define LS_NOT_APPLIED 17

/**
 * A write was sent, and may have been applied or not: read before you decide anything.
 */
#define LS_UNKNOWN_OUTCOME 18

/**
 * The data directory can't be used: damaged, in use, or written by a later release.
 */
#define LS_STORAGE 19

/**
 * Nothing came in time. No error: ask again.
 */
#define LS_TIMEOUT 20

/**
 * The process was forked after the library was used: here, in the child, it can't be used.
 */
#define LS_FORKED 21

/**
 * The client's events go to a callback.
 */
#define LS_HAS_CALLBACK 22

/**
 * The contender does not lead, or not under that id.
 */
#define LS_NOT_LEADER 23

/**
 * The contender has confirmed this leadership.
 */
#define LS_ALREADY_CONFIRMED 24

/**
 * There are no more entries. No error.
 */
#define LS_END 25

/**
 * An event's kind: the contender leads, under `id`.
 */
#define LS_EVENT_GRANT 1

/**
 * An event's kind: the contender leads no more; `text` says why.
 */
#define LS_EVENT_REVOKE 2

/**
 * An event's kind: the contender can't take part; `status` and `text` say why. Usually its
 * configuration is wrong. It goes on trying.
 */
#define LS_EVENT_FAILED 3

/**
 * An event's kind: the watched component has a leader, under `id`, at the address in `text`.
 */
#define LS_EVENT_LEADER 4

/**
 * An event's kind: the watched component has no leader, or none that is known.
 */
#define LS_EVENT_NO_LEADER 5

/**
 * A log level: nothing.
 */
#define LS_LOG_OFF 0

/**
 * A log level: what an operator must act on.
 */
#define LS_LOG_ERROR 1

/**
 * A log level: what works nevertheless.
 */
#define LS_LOG_WARN 2

/**
 * A log level: changes of leadership.
 */
#define LS_LOG_INFO 3

/**
 * A log level: what helps to find out why.
 */
#define LS_LOG_DEBUG 4

/**
 * A log level: everything.
 */
#define LS_LOG_TRACE 5

/**
 * Bytes that the library hands out. They stay as they are until ls_bytes_free(), and are followed
 * by a zero byte that does not count, so that a text can be printed.
 */
typedef struct ls_bytes {
    /**
     * The bytes. Never null in what a call has written.
     */
    const char *data;
    /**
     * How many.
     */
    size_t length;
    /**
     * For ls_bytes_free().
     */
    uint64_t owner;
} ls_bytes;

/**
 * One option: a name and a value, both UTF-8.
 */
typedef struct ls_option {
    /**
     * The name.
     */
    const char *name;
    /**
     * How many bytes the name has.
     */
    size_t name_length;
    /**
     * The value.
     */
    const char *value;
    /**
     * How many bytes the value has.
     */
    size_t value_length;
} ls_option;

/**
 * A certificate, DER.
 */
typedef struct ls_certificate {
    /**
     * The bytes.
     */
    const uint8_t *data;
    /**
     * How many.
     */
    size_t length;
} ls_certificate;

/**
 * Keys and certificates of one end. With them, a connection over the network is encrypted and both
 * ends must show a certificate.
 */
typedef struct ls_tls {
    /**
     * sizeof(ls_tls).
     */
    size_t size;
    /**
     * The private key, DER, PKCS#8.
     */
    const uint8_t *key;
    /**
     * How many bytes the key has.
     */
    size_t key_length;
    /**
     * The own certificate, then those that lead from it to a trusted one.
     */
    const struct ls_certificate *chain;
    /**
     * How many; at most 255.
     */
    size_t chain_length;
    /**
     * The certificates that are trusted.
     */
    const struct ls_certificate *trusted;
    /**
     * How many.
     */
    size_t trusted_length;
} ls_tls;

/**
 * A server of this process.
 */
typedef uint64_t ls_server;

/**
 * What went wrong. Set `size` (or begin with LS_ERROR_INIT); the rest is written when a call
 * fails, and left alone when it succeeds. It holds no memory, so there is nothing to free.
 */
typedef struct ls_error {
    /**
     * sizeof(ls_error).
     */
    size_t size;
    /**
     * What the call returned.
     */
    int32_t status;
    /**
     * Without meaning.
     */
    int32_t reserved;
    /**
     * With LS_EXISTS and LS_CHANGED: the present version of the key. Else 0.
     */
    uint64_t version;
    /**
     * How many bytes `text` has.
     */
    size_t text_length;
    /**
     * What went wrong and what to do, in English, UTF-8. It ends with a zero byte, and is cut
     * where it is longer than this.
     */
    char text[984];
} ls_error;

/**
 * A client of a name service.
 */
typedef uint64_t ls_client;

/**
 * Is called once, when nothing uses the user data any more and nothing will. May be null.
 */
typedef void (*ls_finalizer)(void *user_data);

/**
 * A contender: the registration of a component.
 */
typedef uint64_t ls_contender;

/**
 * The 128 bits that name one leadership. Both numbers are 0 where there is none.
 */
typedef struct ls_leader_session_id {
    /**
     * The epoch, which fences: it grows with every grant of an election and never comes again.
     */
    uint64_t epoch;
    /**
     * Random.
     */
    uint64_t low;
} ls_leader_session_id;

/**
 * A watch of a component.
 */
typedef uint64_t ls_watch;

/**
 * What has happened to a contender or a watch. Set `size` and make the rest zero (or begin with
 * LS_EVENT_INIT) before the first use; use the same one again and again.
 */
typedef struct ls_event {
    /**
     * sizeof(ls_event).
     */
    size_t size;
    /**
     * One of LS_EVENT_….
     */
    int32_t kind;
    /**
     * Of LS_EVENT_FAILED: why, as a status. Else LS_OK.
     */
    int32_t status;
    /**
     * The contender or watch.
     */
    uint64_t handle;
    /**
     * What it was opened with.
     */
    void *user_data;
    /**
     * Of LS_EVENT_GRANT and LS_EVENT_LEADER: the leadership.
     */
    struct ls_leader_session_id id;
    /**
     * A reason or an address, see the kinds. From ls_next_event(): the struct's own, until the
     * next call with the struct, or ls_bytes_free(). In a callback: until it returns.
     */
    struct ls_bytes text;
} ls_event;

/**
 * Takes an event. See ls_client_on_event().
 */
typedef void (*ls_event_callback)(void *user_data,
                                  const struct ls_event *event);

/**
 * The entries that were asked for, one after the other.
 */
typedef uint64_t ls_list;

/**
 * A key of the store. Set `size` and make the rest zero (or begin with LS_ENTRY_INIT).
 */
typedef struct ls_entry {
    /**
     * sizeof(ls_entry).
     */
    size_t size;
    /**
     * The version: the number of the write that set it. Never 0.
     */
    uint64_t version;
    /**
     * The key: the struct's own, until the next call with the struct, or ls_bytes_free().
     */
    struct ls_bytes key;
    /**
     * Its value, likewise. Empty in a list without values.
     */
    struct ls_bytes value;
} ls_entry;

/**
 * Changes that are applied all or none.
 */
typedef uint64_t ls_transaction;

/**
 * One log record. Set `size` and make the rest zero (or begin with LS_LOG_RECORD_INIT).
 */
typedef struct ls_log_record {
    /**
     * sizeof(ls_log_record).
     */
    size_t size;
    /**
     * LS_LOG_ERROR to LS_LOG_TRACE.
     */
    int32_t level;
    /**
     * Without meaning.
     */
    int32_t reserved;
    /**
     * Where it comes from, like `leaderserver::client`. From ls_log_next(): the struct's own,
     * until the next call with the struct, or ls_bytes_free(). In a callback: until it returns.
     */
    struct ls_bytes target;
    /**
     * What it says, likewise.
     */
    struct ls_bytes message;
} ls_log_record;

/**
 * Takes a log record. See ls_log_on_record().
 */
typedef void (*ls_log_callback)(void *user_data,
                                const struct ls_log_record *record);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The LS_ABI_VERSION of the library. A program should refuse to go on where it is not that of the
 * header it was built with. Callable at any time, on any thread.
 */
uint32_t ls_abi_version(void);

/**
 * The release of the library, like "0.1.0": a constant, never freed. Callable at any time, on any
 * thread.
 */
const char *ls_version(void);

/**
 * The name of a status number, like "LS_FENCED": a constant, never freed; "unknown" for a number
 * that this library does not know. Callable at any time, on any thread.
 */
const char *ls_status_name(int32_t status);

/**
 * Frees what the library handed out, and makes the struct empty. Does nothing to an empty one, to
 * a copy of one that was freed, or to garbage.
 *
 * LS_INVALID_ARGUMENT: `bytes` is null.
 */
int32_t ls_bytes_free(struct ls_bytes *bytes);

/**
 * Starts a server in this process. It runs on the library's thread.
 *
 * Options, of which none must be given (durations are whole milliseconds):
 *
 * - `listen`: host:port; port 0 takes a free one. Without it only clients of this process reach
 *   the server, by ls_client_attach().
 * - `data`: a directory in which its state outlives it. Without it the server forgets all.
 * - `namespace`: the only one served. Else any.
 * - `max-session-timeout`: the longest that is granted to a client. 30000.
 * - `cold`: "true" says that no clients of an earlier server live. Else one without `data`, or
 *   with a new directory, makes nobody but clients of this process a leader before
 *   `max-session-timeout` has passed.
 * - `max-connections` (50000), `max-unread` (bytes that wait for one slow client),
 *   `max-store-keys` and `max-store-bytes` (per namespace).
 * - `tls-fingerprint`: with `tls`, the SHA-1 or SHA-256 of the only certificate that is accepted.
 *
 * `tls` may be null. Waits for name resolution and, with `data`, for the disk.
 *
 * LS_INVALID_ARGUMENT: the text names the option. LS_ADDRESS_IN_USE, LS_STORAGE, LS_TLS.
 */
int32_t ls_server_start(const struct ls_option *options,
                        size_t option_count,
                        const struct ls_tls *tls,
                        ls_server *server,
                        struct ls_error *error);

/**
 * The port on which a server listens; 0 if it doesn't. Does not wait.
 *
 * LS_CLOSED.
 */
int32_t ls_server_port(ls_server server,
                       uint16_t *port,
                       struct ls_error *error);

/**
 * Stops a server: nobody is granted leadership any more, then connections end. Waits until its
 * port is free, a second or so for clients that don't read. Does nothing if it was stopped, and
 * nothing for 0.
 *
 * LS_INTERNAL: it is stopped all the same.
 */
int32_t ls_server_stop(ls_server server,
                       struct ls_error *error);

/**
 * Opens a client. Nothing is connected before it contends, watches or asks; connections that are
 * lost or can't be made are tried again for ever. Does not wait.
 *
 * Options (durations are whole milliseconds):
 *
 * - `endpoint`: the name service: `leader://host:port`, `jobmanager://host:port` (the server inside a
 *   JobManager of Flink), `embedded:` (in this process, for this client alone) or `embedded:NAME`
 *   (for all clients of this process that say NAME). Without it the client is unbound until
 *   ls_client_attach().
 * - `namespace`: nothing crosses namespaces. To be given, but for a client of `leader://…` that
 *   only asks for the status.
 * - `name`: a label for status and logs. "client".
 * - `session-timeout`: silence after which the name service takes the client for gone. 10000.
 * - `disconnect-grace`: how long a lost connection may be resumed before that; at most half of
 *   session-timeout. 1000.
 * - `stall-timeout`: how long events may go unfetched before leadership is given up; 0: for ever.
 *   60000.
 * - `stall-exempt`: "true" lifts that for a name service of this process alone. "false".
 * - `retrieval-timeout`: how long a watch without the name service keeps its value; -1: for ever.
 *   As session-timeout.
 * - `operation-timeout`: how long what needs an answer waits. 30000. The functions of this header
 *   have time-outs of their own.
 * - `election`: `per-process` (all contenders of a client lead together, in an election named
 *   "process") or `per-component` (each has an election of its own, of the same name). All clients
 *   of a namespace say the same. `per-process`.
 * - `tls-fingerprint`: with `tls`, the SHA-1 or SHA-256 of the only certificate that is accepted.
 *
 * `tls` may be null.
 *
 * LS_INVALID_ARGUMENT: the text names the option. LS_TLS.
 */
int32_t ls_client_open(const struct ls_option *options,
                       size_t option_count,
                       const struct ls_tls *tls,
                       ls_client *client,
                       struct ls_error *error);

/**
 * Moves a client, with its contenders and watches, to a server of this process, which is then
 * reached without a network. Does not wait.
 *
 * LS_CLOSED: one of them is closed.
 */
int32_t ls_client_attach(ls_client client,
                         ls_server server,
                         struct ls_error *error);

/**
 * Undoes ls_client_attach(): back to the endpoint of the options, or to none. Waits until the
 * server has the farewell, a second at the most.
 *
 * LS_CLOSED.
 */
int32_t ls_client_detach(ls_client client,
                         struct ls_error *error);

/**
 * Writes where the client stands (connection, lease, counts), as JSON, to be freed with
 * ls_bytes_free(). Waits a second at the most.
 *
 * LS_CLOSED.
 */
int32_t ls_client_state(ls_client client,
                        struct ls_bytes *state,
                        struct ls_error *error);

/**
 * Writes the status of the name service (namespaces, elections, candidates, sessions, the store),
 * as JSON, to be freed with ls_bytes_free(). Waits for the answer at most `timeout_ms`.
 *
 * LS_UNREACHABLE, LS_REFUSED, LS_CLOSED.
 */
int32_t ls_client_status(ls_client client,
                         uint32_t timeout_ms,
                         struct ls_bytes *status,
                         struct ls_error *error);

/**
 * Asks the leader of an election, which may be this client, to step down; it goes to the end of
 * the line, and hears of it by LS_EVENT_REVOKE. `epoch` names the leadership that is to end, so
 * that the request may be sent again; 0: whatever there is. `target`, a candidate's name, is next;
 * with length 0 whoever is first in line. Waits for at most `timeout_ms` until the request is
 * taken, not until it is followed.
 *
 * LS_INVALID_ARGUMENT, LS_UNREACHABLE, LS_REFUSED, LS_CLOSED.
 */
int32_t ls_client_resign(ls_client client,
                         const char *election,
                         size_t election_length,
                         uint64_t epoch,
                         const char *target,
                         size_t target_length,
                         uint32_t timeout_ms,
                         struct ls_error *error);

/**
 * Closes a client, with its contenders and watches: from when this begins none of them leads.
 * There is no LS_EVENT_REVOKE for that. No callback is begun any more; those that are on their way
 * on other threads are not waited for, the finalizers say when they are over. The name service is
 * told, and that is waited for at most `timeout_ms`. Does nothing if it was closed, and nothing for
 * 0.
 *
 * LS_INTERNAL: it is closed all the same.
 */
int32_t ls_client_close(ls_client client,
                        uint32_t timeout_ms,
                        struct ls_error *error);

/**
 * Contends for the leadership of a component: registers it, and joins its election with the first.
 * From then on events come: LS_EVENT_GRANT and LS_EVENT_REVOKE in turn, each grant with a larger
 * epoch, and LS_EVENT_FAILED. Does not wait.
 *
 * `user_data` comes back with each event. `finalizer`, which may be null, is called with it once,
 * when no event of this contender is due or being called back any more: after it or its client was
 * closed, on the thread that ends last. An event that was fetched before still has the pointer.
 * Where this call fails it is not called.
 *
 * LS_ALREADY_REGISTERED: by this client; nothing has changed. LS_CLOSED, LS_INVALID_ARGUMENT.
 */
int32_t ls_contender_open(ls_client client,
                          const char *component,
                          size_t component_length,
                          void *user_data,
                          ls_finalizer finalizer,
                          ls_contender *contender,
                          struct ls_error *error);

/**
 * Publishes the address under which the component can be reached, under the leadership `id` that
 * LS_EVENT_GRANT brought. Any bytes, 256 KiB at the most. Does not wait: what is lost on the way
 * is said again.
 *
 * LS_NOT_LEADER: it does not lead, or not under that id any more; nothing has happened.
 * LS_ALREADY_CONFIRMED: nothing has changed. LS_TOO_LARGE, LS_CLOSED.
 */
int32_t ls_contender_confirm(ls_contender contender,
                             struct ls_leader_session_id id,
                             const char *address,
                             size_t address_length,
                             struct ls_error *error);

/**
 * Whether a contender leads under `id` at this moment: a look at memory and at the clock, so that
 * it may be called before every step of the work. False for anything that is not an open
 * contender, and in a forked child.
 */
bool ls_has_leadership(ls_contender contender,
                       struct ls_leader_session_id id);

/**
 * Writes the epoch of the grant that the contender was told last, and has not been told the end
 * of: what writes to the store are to carry that it decides from now on. `election`, which may be
 * null, gets the name of the election, to be freed with ls_bytes_free(). Does not wait.
 *
 * LS_NOT_LEADER: it was told of none, or of its end. LS_CLOSED.
 */
int32_t ls_contender_epoch(ls_contender contender,
                           uint64_t *epoch,
                           struct ls_bytes *election,
                           struct ls_error *error);

/**
 * Closes a contender: from when this begins it does not lead, and what it has published is
 * withdrawn. When the client's last contender in an election closes, the client leaves it.
 *
 * With ls_next_event() there is no LS_EVENT_REVOKE for that: stop what only the leader may do
 * first. With callbacks a contender that leads is told in this very call, on this thread; where
 * one of its callbacks is running on another, this does not wait, and the LS_EVENT_REVOKE follows
 * there.
 *
 * Does nothing if it was closed, and nothing for 0. LS_INTERNAL: it is closed all the same.
 */
int32_t ls_contender_close(ls_contender contender,
                           struct ls_error *error);

/**
 * Watches a component: its leader, or that it has none, comes at once as an event, and then every
 * change, or a later one. Never the same twice running, never an older after a newer. Does not
 * wait.
 *
 * `user_data` and `finalizer` as for ls_contender_open().
 *
 * LS_CLOSED, LS_INVALID_ARGUMENT.
 */
int32_t ls_watch_open(ls_client client,
                      const char *component,
                      size_t component_length,
                      void *user_data,
                      ls_finalizer finalizer,
                      ls_watch *watch,
                      struct ls_error *error);

/**
 * Ends a watch. A callback that is on its way is not waited for. Does nothing if it was closed, and
 * nothing for 0.
 *
 * LS_INTERNAL: it is closed all the same.
 */
int32_t ls_watch_close(ls_watch watch,
                       struct ls_error *error);

/**
 * Takes the next event of a client's contenders and watches; waits for it at most `timeout_ms`, or
 * without end with LS_FOREVER.
 *
 * A program whose contender does not call this for the client's `stall-timeout` is taken for
 * standing still, and gives up the leadership. Events of one contender or watch come in order; two
 * threads that take events of one client at a time must keep that order themselves.
 *
 * LS_TIMEOUT: none came. LS_CLOSED: the client was closed, also while this waited.
 * LS_HAS_CALLBACK: the events go to a callback.
 */
int32_t ls_next_event(ls_client client,
                      uint32_t timeout_ms,
                      struct ls_event *event,
                      struct ls_error *error);

/**
 * Writes a descriptor for poll(), select() or epoll that is readable while ls_next_event() has
 * something to answer: an event, or LS_CLOSED. It is readable, too, when it is time to call
 * ls_next_event() for the sake of `stall-timeout`; that may then answer LS_TIMEOUT. Only
 * ls_next_event() makes it unreadable: call that with a time-out of 0 until it answers LS_TIMEOUT,
 * and never read from the descriptor.
 *
 * The descriptor is the caller's, who closes it with close(); it may outlive the client. Each call
 * makes one. Does not wait.
 *
 * LS_CLOSED. LS_IO: there are too many descriptors.
 */
int32_t ls_client_descriptor(ls_client client,
                             int32_t *descriptor,
                             struct ls_error *error);

/**
 * Has events called back, on threads of the library, instead of fetched. Once per client, and for
 * as long as it is open.
 *
 * Callbacks of one contender or watch never overlap, and come in order; those of different ones
 * may run at the same time. One that blocks delays only its own contender or watch. Every function
 * may be called from inside. `event` and its text are the library's, and are gone when the
 * callback returns. A callback must return, and must not throw or longjmp out. Threads that run
 * callbacks have all signals blocked, and count as alive however long a callback takes.
 *
 * `finalizer`, which may be null, is called with `user_data` once, after the client was closed and
 * the last callback has returned, on any thread. Where this call fails it is not called.
 *
 * LS_CLOSED. LS_HAS_CALLBACK: there is one already. LS_IO: no thread.
 */
int32_t ls_client_on_event(ls_client client,
                           ls_event_callback callback,
                           void *user_data,
                           ls_finalizer finalizer,
                           struct ls_error *error);

/**
 * Reads one key of an election. `value` is to be freed with ls_bytes_free(); `version`, which may
 * be null, is what ls_store_replace() takes. Waits for the answer at most `timeout_ms`.
 *
 * LS_NOT_FOUND, LS_UNREACHABLE, LS_REFUSED, LS_CLOSED, LS_INVALID_ARGUMENT.
 */
int32_t ls_store_get(ls_client client,
                     const char *election,
                     size_t election_length,
                     const char *key,
                     size_t key_length,
                     uint32_t timeout_ms,
                     struct ls_bytes *value,
                     uint64_t *version,
                     struct ls_error *error);

/**
 * Begins to list the keys of an election that begin with `prefix` (length 0: all), in order, with
 * or without their values. They come in pages, each of one moment. Waits for the first page at
 * most `timeout_ms`. Ends with ls_list_close().
 *
 * LS_UNREACHABLE, LS_REFUSED, LS_CLOSED, LS_INVALID_ARGUMENT.
 */
int32_t ls_store_list(ls_client client,
                      const char *election,
                      size_t election_length,
                      const char *prefix,
                      size_t prefix_length,
                      bool values,
                      uint32_t timeout_ms,
                      ls_list *list,
                      struct ls_error *error);

/**
 * Writes the next entry of a list. Waits, where another page is to be fetched, at most
 * `timeout_ms`; after a failure the same call may be made again. Two threads take turns.
 *
 * LS_END: that was the last. LS_UNREACHABLE, LS_REFUSED; LS_CLOSED: list or client.
 */
int32_t ls_list_next(ls_list list,
                     uint32_t timeout_ms,
                     struct ls_entry *entry,
                     struct ls_error *error);

/**
 * Ends a list. What was written of it stays. Does nothing if it was closed, and nothing for 0.
 */
int32_t ls_list_close(ls_list list,
                      struct ls_error *error);

/**
 * Creates a key, decided under `epoch` of its election. Writes its version to `version`, which may
 * be null. Waits for the answer at most `timeout_ms`. A retry that the library makes on a new
 * connection is not applied twice.
 *
 * LS_FENCED: somebody was granted the election since. LS_EXISTS; LS_LIMIT, LS_NOT_APPLIED,
 * LS_REFUSED, LS_CLOSED, LS_INVALID_ARGUMENT: not applied. LS_UNKNOWN_OUTCOME: applied or not.
 */
int32_t ls_store_create(ls_client client,
                        const char *election,
                        size_t election_length,
                        uint64_t epoch,
                        const char *key,
                        size_t key_length,
                        const char *value,
                        size_t value_length,
                        uint32_t timeout_ms,
                        uint64_t *version,
                        struct ls_error *error);

/**
 * Replaces the value of a key that must be at version `at`. Else as ls_store_create().
 *
 * LS_NOT_FOUND; LS_CHANGED: the error has the present version.
 */
int32_t ls_store_replace(ls_client client,
                         const char *election,
                         size_t election_length,
                         uint64_t epoch,
                         const char *key,
                         size_t key_length,
                         uint64_t at,
                         const char *value,
                         size_t value_length,
                         uint32_t timeout_ms,
                         uint64_t *version,
                         struct ls_error *error);

/**
 * Deletes a key that must be there, at version `at` if that is not 0. Else as ls_store_create().
 *
 * LS_NOT_FOUND, LS_CHANGED.
 */
int32_t ls_store_delete(ls_client client,
                        const char *election,
                        size_t election_length,
                        uint64_t epoch,
                        const char *key,
                        size_t key_length,
                        uint64_t at,
                        uint32_t timeout_ms,
                        struct ls_error *error);

/**
 * Deletes all keys of an election that begin with `prefix` (length 0: all); writes how many there
 * were to `deleted`, which may be null. Else as ls_store_create().
 */
int32_t ls_store_delete_prefix(ls_client client,
                               const char *election,
                               size_t election_length,
                               uint64_t epoch,
                               const char *prefix,
                               size_t prefix_length,
                               uint32_t timeout_ms,
                               uint64_t *deleted,
                               struct ls_error *error);

/**
 * Checks that nobody was granted an election since `epoch`, and changes nothing. What is done
 * after it may be too late all the same: only what is written to the store is fenced. Else as
 * ls_store_create().
 */
int32_t ls_store_check(ls_client client,
                       const char *election,
                       size_t election_length,
                       uint64_t epoch,
                       uint32_t timeout_ms,
                       struct ls_error *error);

/**
 * Begins a transaction: changes that are applied all or none, in the order in which they are put
 * in. Sends nothing. Ends with ls_transaction_close().
 *
 * LS_CLOSED.
 */
int32_t ls_transaction_open(ls_client client,
                            ls_transaction *transaction,
                            struct ls_error *error);

/**
 * Adds an epoch under which the changes are decided: all of them must be the last granted. Each
 * election whose keys are changed needs one. Without any change the transaction only checks them.
 *
 * LS_LIMIT: 64 at the most. LS_CLOSED, LS_INVALID_ARGUMENT.
 */
int32_t ls_transaction_fence(ls_transaction transaction,
                             const char *election,
                             size_t election_length,
                             uint64_t epoch,
                             struct ls_error *error);

/**
 * Puts in what ls_store_create() does.
 *
 * LS_LIMIT: 4096 changes, values of 1 MiB together. LS_CLOSED, LS_INVALID_ARGUMENT.
 */
int32_t ls_transaction_create(ls_transaction transaction,
                              const char *election,
                              size_t election_length,
                              const char *key,
                              size_t key_length,
                              const char *value,
                              size_t value_length,
                              struct ls_error *error);

/**
 * Puts in what ls_store_replace() does. Failures as of ls_transaction_create().
 */
int32_t ls_transaction_replace(ls_transaction transaction,
                               const char *election,
                               size_t election_length,
                               const char *key,
                               size_t key_length,
                               uint64_t at,
                               const char *value,
                               size_t value_length,
                               struct ls_error *error);

/**
 * Puts in what ls_store_delete() does. Failures as of ls_transaction_create().
 */
int32_t ls_transaction_delete(ls_transaction transaction,
                              const char *election,
                              size_t election_length,
                              const char *key,
                              size_t key_length,
                              uint64_t at,
                              struct ls_error *error);

/**
 * Puts in what ls_store_delete_prefix() does. Failures as of ls_transaction_create().
 */
int32_t ls_transaction_delete_prefix(ls_transaction transaction,
                                     const char *election,
                                     size_t election_length,
                                     const char *prefix,
                                     size_t prefix_length,
                                     struct ls_error *error);

/**
 * Applies a transaction, all of it or nothing. Writes the version of all that it set to `version`,
 * and how many keys its prefixes deleted to `deleted`; either may be null. Waits for the answer at
 * most `timeout_ms`. The transaction stays as it is: committed again, it is another write.
 *
 * As ls_store_create(), with LS_EXISTS, LS_NOT_FOUND and LS_CHANGED for the first change that
 * can't be.
 */
int32_t ls_transaction_commit(ls_transaction transaction,
                              uint32_t timeout_ms,
                              uint64_t *version,
                              uint64_t *deleted,
                              struct ls_error *error);

/**
 * Throws a transaction away; what was committed stays. Does nothing if it was closed, and nothing
 * for 0.
 */
int32_t ls_transaction_close(ls_transaction transaction,
                             struct ls_error *error);

/**
 * Sets what is logged: LS_LOG_OFF (as at first) to LS_LOG_TRACE; what lies outside counts as the
 * nearest. Records wait in the library until they are fetched or called back: the last 4096. One
 * setting for all that use this copy of the library. Does not wait.
 */
int32_t ls_log_set_level(int32_t level,
                         struct ls_error *error);

/**
 * Takes the oldest log record. Does not wait.
 *
 * LS_TIMEOUT: there is none. LS_HAS_CALLBACK: they go to a callback.
 */
int32_t ls_log_next(struct ls_log_record *record,
                    struct ls_error *error);

/**
 * Has log records called back on a thread of the library, within a tenth of a second, one at a
 * time; in place of the callback set before, if any, whose last call may still be running. A null
 * `callback` ends it. Every function may be called from inside. The record is the library's, and is
 * gone when the callback returns.
 *
 * `finalizer`, which may be null, is called with `user_data` once, after another call has ended
 * this and the last callback has returned. Where this call fails it is not called, nor with a null
 * `callback`.
 *
 * LS_IO: no thread; the callback set before stays.
 */
int32_t ls_log_on_record(ls_log_callback callback,
                         void *user_data,
                         ls_finalizer finalizer,
                         struct ls_error *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LEADERSERVER_H */
