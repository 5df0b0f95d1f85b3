/*
 * Keys and certificates from C: a client and a server that trust each other meet; what is handed in
 * may be freed at once; who is not trusted, names another fingerprint, or says nothing, does not.
 *
 *     tls FOLDER      with the files of tests/tls
 */
#include "check.h"

static const char *folder;

/* What a file has between its lines of dashes, as bytes. */
static uint8_t *read_pem(const char *name, size_t *length) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char path[1024], line[256];
    uint8_t *bytes = malloc(8192);
    uint32_t bits = 0;
    int count = 0;
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "r");
    CHECK(file != NULL && bytes != NULL);
    *length = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *at;
        for (at = line; line[0] != '-' && *at != '\0'; at++) {
            const char *digit = strchr(digits, *at);
            if (digit == NULL) {
                continue; /* the end of the line, or the filling at the end */
            }
            bits = bits << 6 | (uint32_t)(digit - digits);
            count += 6;
            if (count >= 8) {
                count -= 8;
                CHECK(*length < 8192);
                bytes[(*length)++] = (uint8_t)(bits >> count);
            }
        }
    }
    CHECK(fclose(file) == 0 && *length > 0);
    return bytes;
}

/* One end that shows the certificate `own` and trusts `other`. */
typedef struct {
    ls_certificate own, trusted;
    ls_tls tls;
} identity;

static void make(identity *to, const char *own, const char *other) {
    char name[64];
    memset(to, 0, sizeof *to);
    to->tls.size = sizeof to->tls;
    snprintf(name, sizeof name, "%s.key", own);
    to->tls.key = read_pem(name, &to->tls.key_length);
    snprintf(name, sizeof name, "%s.pem", own);
    to->own.data = read_pem(name, &to->own.length);
    snprintf(name, sizeof name, "%s.pem", other);
    to->trusted.data = read_pem(name, &to->trusted.length);
    to->tls.chain = &to->own;
    to->tls.trusted = &to->trusted;
    to->tls.chain_length = to->tls.trusted_length = 1;
}

/* All of it is written over, so that whoever still reads it fails. */
static void spoil(identity *it) {
    memset((uint8_t *)it->tls.key, 0x5a, it->tls.key_length);
    memset((uint8_t *)it->own.data, 0x5a, it->own.length);
    memset((uint8_t *)it->trusted.data, 0x5a, it->trusted.length);
    free((uint8_t *)it->tls.key);
    free((uint8_t *)it->own.data);
    free((uint8_t *)it->trusted.data);
    memset(it, 0x5a, sizeof *it);
}

static ls_server start(const char *own, const char *trusted, uint16_t *port) {
    ls_error error = LS_ERROR_INIT;
    ls_option options[2];
    ls_server server = 0;
    identity it;
    options[0] = option("listen", "127.0.0.1:0");
    options[1] = option("cold", "true");
    make(&it, own, trusted);
    MUST(ls_server_start(options, 2, &it.tls, &server, &error));
    spoil(&it);
    MUST(ls_server_port(server, port, &error));
    return server;
}

/* `own` is null: without any; `fingerprint` is null: whoever is trusted. */
static ls_client open_to(uint16_t port, const char *own, const char *trusted,
                         const char *fingerprint) {
    ls_error error = LS_ERROR_INIT;
    char endpoint[64];
    ls_option options[3];
    ls_client client = 0;
    identity it;
    snprintf(endpoint, sizeof endpoint, "leader://127.0.0.1:%u", (unsigned)port);
    options[0] = option("endpoint", endpoint);
    options[1] = option("namespace", "tls");
    options[2] = option("tls-fingerprint", fingerprint == NULL ? "" : fingerprint);
    if (own != NULL) {
        make(&it, own, trusted);
    }
    MUST(ls_client_open(options, fingerprint == NULL ? 2 : 3, own == NULL ? NULL : &it.tls, &client,
                        &error));
    if (own != NULL) {
        spoil(&it);
    }
    return client;
}

static void is_let_in(uint16_t port, const char *own, const char *trusted) {
    ls_error error = LS_ERROR_INIT;
    ls_event event = LS_EVENT_INIT;
    ls_contender contender = 0;
    ls_watch watch = 0;
    ls_client client = open_to(port, own, trusted, NULL);
    MUST(ls_contender_open(client, "a", 1, NULL, NULL, &contender, &error));
    wait_for(client, LS_EVENT_GRANT, &event);
    MUST(ls_contender_confirm(contender, event.id, "secret", 6, &error));
    MUST(ls_watch_open(client, "a", 1, NULL, NULL, &watch, &error));
    wait_for(client, LS_EVENT_LEADER, &event);
    CHECK(strcmp(event.text.data, "secret") == 0);
    MUST(ls_bytes_free(&event.text));
    MUST(ls_client_close(client, 5000, &error));
}

static void is_kept_out(ls_client client) {
    ls_error error = LS_ERROR_INIT;
    ls_bytes status = LS_BYTES_INIT;
    MUST_FAIL(LS_UNREACHABLE, ls_client_status(client, 500, &status, &error));
    CHECK(status.data == NULL);
    MUST(ls_client_close(client, 0, &error));
}

int main(int argc, char **argv) {
    ls_error error = LS_ERROR_INIT;
    ls_option options[3];
    ls_client client = 7;
    ls_server server;
    uint16_t port = 0;
    identity it;
    ls_tls other;

    CHECK(argc == 2);
    folder = argv[1];
    server = start("rsa", "ec", &port);
    is_let_in(port, "ec", "rsa");
    is_kept_out(open_to(port, NULL, NULL, NULL));
    is_kept_out(open_to(port, "ec", "ca", NULL));
    is_kept_out(open_to(port, "ec384", "rsa", NULL));
    is_kept_out(open_to(port, "ec", "rsa", "00112233445566778899aabbccddeeff00112233"));
    is_let_in(port, "ec", "rsa");
    MUST(ls_server_stop(server, &error));

    /* A key of somebody else, and a fingerprint that is none. */
    options[0] = option("endpoint", "leader://127.0.0.1:1");
    options[1] = option("namespace", "tls");
    options[2] = option("tls-fingerprint", "0011");
    make(&it, "rsa", "ec");
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_client_open(options, 3, &it.tls, &client, &error));
    MUST_FAIL(LS_INVALID_ARGUMENT, ls_client_open(options, 3, NULL, &client, &error));
    other = it.tls;
    other.key = it.own.data;
    other.key_length = it.own.length;
    MUST_FAIL(LS_TLS, ls_client_open(options, 2, &other, &client, &error));
    CHECK(client == 7 && error.text_length > 0);
    spoil(&it);
    printf("done\n");
    return 0;
}
