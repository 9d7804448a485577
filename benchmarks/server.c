/* The truth server: streams one event a token at fixed times, and keeps when each request came and each event left.
 *
 *     server LOG TTFT_US ITL_US [CERT KEY]        prints "port N" and serves loopback until SIGTERM, then writes LOG
 *
 * One thread, epoll, one timerfd. HTTP/1.1, keep-alive, /v1/chat/completions and /v1/completions (streamed or whole),
 * /v1/models; anything else is an empty 200. With CERT and KEY (built with -DTLS) it speaks TLS. A request's arrival is
 * the kernel's receive stamp of its last bytes, an event's time is read just before its write.
 * LOG (native int64): magic, wall - boot clock ns, records; a record is arrival (CLOCK_BOOTTIME ns), number (the digits
 * that end its X-Request-ID, or -1), connection, asked tokens, whole (the answer was written to its end), count, and
 * that many event times in ns after the arrival. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/ssl.h>
#endif

enum { HELD = 1 << 18, BATCH = 256, MOST_FDS = 1 << 16, QUEUE = 1 << 18, MOST_TOKENS = 4096 };
static const int64_t MAGIC = 0x31757274;

typedef struct {
    int fd, number, length, tokens, written, chat, stream, usage, id;
    int64_t arrival;
    int64_t *times;
    char *held;
#ifdef TLS
    SSL *ssl;
    int shaken;
#endif
} Connection;
typedef struct { int64_t due; int fd, number; } Due;
typedef struct { Due at[QUEUE]; unsigned head, tail; } Queue;  /* ascending: every entry is a fixed time after its cause */

static Connection *of_fd[MOST_FDS];
static Queue firsts, nexts;
static int epoll_fd, timer_fd, connections;
static int64_t ttft_ns, itl_ns, wall_offset;
static int64_t *log_words;
static size_t log_used, log_room;
static volatile sig_atomic_t ended;
#ifdef TLS
static SSL_CTX *context;
#endif

static int64_t clock_ns(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}
static int64_t now_ns(void) { return clock_ns(CLOCK_BOOTTIME); }

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void on_signal(int number) { ended = number; }

static void keep(Connection *c, int whole) {
    size_t wanted = log_used + 6 + c->written;
    if (wanted > log_room) {
        log_room = wanted * 2 + (1 << 20);
        if (!(log_words = realloc(log_words, log_room * 8))) fail("realloc");
    }
    int64_t head[6] = {c->arrival, c->id, c->number, c->tokens, whole, c->written};
    memcpy(log_words + log_used, head, sizeof head);
    for (int i = 0; i < c->written; i++) log_words[log_used + 6 + i] = c->times[i] - c->arrival;
    log_used += 6 + c->written;
    c->tokens = 0;
}

static void leave(Connection *c) {
    if (c->tokens) keep(c, 0);
#ifdef TLS
    if (c->ssl) SSL_free(c->ssl);
#endif
    of_fd[c->fd] = NULL;
    close(c->fd);
    free(c->held);
    free(c->times);
    free(c);
}

static int put(Connection *c, const char *data, int length) {
#ifdef TLS
    if (c->ssl) return SSL_write(c->ssl, data, length) == length;
#endif
    return send(c->fd, data, length, MSG_NOSIGNAL) == length;
}

static void push(Queue *queue, int64_t due, Connection *c) {
    queue->at[queue->tail++ % QUEUE] = (Due){due, c->fd, c->number};
    if (queue->tail - queue->head >= QUEUE) fail("too many streams");
}

static int chunk(char *to, const char *data) {
    return sprintf(to, "%zx\r\n%s\r\n", strlen(data), data);
}

static int event(char *to, Connection *c, const char *delta, const char *text, const char *finish) {
    char data[512];
    if (c->chat)
        sprintf(data, "data: {\"id\":\"chatcmpl-%d\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\","
                "\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]}\n\n", c->number, delta, finish);
    else
        sprintf(data, "data: {\"id\":\"cmpl-%d\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"m\","
                "\"choices\":[{\"index\":0,\"text\":\"%s\",\"logprobs\":null,\"finish_reason\":%s}]}\n\n", c->number, text, finish);
    return chunk(to, data);
}

static int closing(char *to, Connection *c) {
    int used = event(to, c, "", "", "\"length\"");
    char data[512];
    if (c->usage) {
        sprintf(data, "data: {\"id\":\"chatcmpl-%d\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\"choices\":[],"
                "\"usage\":{\"prompt_tokens\":64,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n", c->number, c->tokens, c->tokens + 64);
        used += chunk(to + used, data);
    }
    used += chunk(to + used, "data: [DONE]\n\n");
    return used + sprintf(to + used, "0\r\n\r\n");
}

static int whole(char *to, Connection *c) {
    static char body[MOST_TOKENS * 5 + 512], text[MOST_TOKENS * 5 + 1];
    for (int i = 0; i < c->tokens; i++) memcpy(text + i * 5, " word", 5);
    text[c->tokens * 5] = 0;
    int length = sprintf(body, c->chat
        ? "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
          "\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"length\"}],"
        : "{\"id\":\"c\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"%s\",\"finish_reason\":\"length\"}],", text);
    length += sprintf(body + length, "\"usage\":{\"prompt_tokens\":64,\"completion_tokens\":%d,\"total_tokens\":%d}}", c->tokens, c->tokens + 64);
    return sprintf(to, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, body);
}

static void step(Connection *c, int64_t due) {
    static char out[MOST_TOKENS * 5 + 4096];
    int used = 0;
    if (!c->stream) {
        used = whole(out, c);
        c->times[c->written++] = now_ns();
    } else {
        if (c->written == 0)
            used = sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        used += event(out + used, c, "\"content\":\" word\"", " word", "null");
        if (c->written + 1 == c->tokens) used += closing(out + used, c);
        c->times[c->written++] = now_ns();
    }
    int over = !c->stream || c->written == c->tokens;
    if (over) keep(c, 1);
    if (!put(c, out, used)) { leave(c); return; }
    if (!over) push(&nexts, due + itl_ns, c);
}

static int64_t run_due(void) {
    for (;;) {
        Queue *queue = NULL;
        int64_t due = INT64_MAX;
        if (firsts.head != firsts.tail) queue = &firsts, due = firsts.at[firsts.head % QUEUE].due;
        if (nexts.head != nexts.tail && nexts.at[nexts.head % QUEUE].due < due) queue = &nexts, due = nexts.at[nexts.head % QUEUE].due;
        if (!queue || due > now_ns()) return due;
        Due one = queue->at[queue->head++ % QUEUE];
        Connection *c = of_fd[one.fd];
        if (c && c->number == one.number && c->tokens) step(c, one.due);
    }
}

static int number_after(const char *text, const char *key, int fallback) {
    const char *at = strcasestr(text, key);
    if (!at) return fallback;
    for (at += strlen(key); *at == ' ' || *at == ':' || *at == '"'; at++);
    return isdigit((unsigned char)*at) ? atoi(at) : fallback;
}

static int id_of(const char *head) {
    const char *at = strcasestr(head, "\r\nx-request-id:"), *end;
    if (!at || !(end = strstr(at + 2, "\r\n"))) return -1;
    const char *digits = end;
    while (isdigit((unsigned char)digits[-1]) && end - digits < 9) digits--;
    return digits < end ? atoi(digits) : -1;
}

static void answer_simple(Connection *c) {
    static char out[1024];
    const char *body = strncmp(c->held, "GET /v1/models", 14) ? "" : "{\"object\":\"list\",\"data\":[{\"id\":\"m\",\"object\":\"model\",\"created\":1,\"owned_by\":\"bench\"}]}";
    int used = sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    if (!put(c, out, used)) leave(c);
}

/* What is held, if it is a whole request: answers or schedules it. */
static void take(Connection *c, int64_t stamp) {
    c->held[c->length] = 0;
    char *body = memmem(c->held, c->length, "\r\n\r\n", 4);
    if (!body) return;
    body += 4;
    *(body - 1) = 0;
    int size = number_after(c->held, "\r\ncontent-length:", 0);
    *(body - 1) = '\n';
    if (c->length < body - c->held + size) return;
    c->length = 0;
    if (strncmp(c->held, "POST /v1/c", 10)) { answer_simple(c); return; }
    int asked = number_after(body, "\"max_completion_tokens\"", number_after(body, "\"max_tokens\"", 128));
    c->chat = !strncmp(c->held, "POST /v1/chat/", 14);
    c->tokens = asked < 1 ? 1 : asked > MOST_TOKENS ? MOST_TOKENS : asked;
    c->stream = strstr(body, "\"stream\":true") || strstr(body, "\"stream\": true");
    c->usage = strstr(body, "\"include_usage\"") != NULL;
    c->id = id_of(c->held);
    c->written = 0;
    c->arrival = stamp;
    if (!(c->times = realloc(c->times, c->tokens * sizeof *c->times))) fail("realloc");
    push(&firsts, stamp + ttft_ns, c);  /* a whole answer too comes after the first token's time */
}

static int64_t stamp_of(struct msghdr *message) {
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    if (!head || head->cmsg_type != SO_TIMESTAMPNS) return now_ns();
    struct timespec at;
    memcpy(&at, CMSG_DATA(head), sizeof at);
    return at.tv_sec * 1000000000LL + at.tv_nsec - wall_offset;
}

static void receive(Connection *c) {
    char room[256];
    struct iovec into = {c->held + c->length, HELD - 1 - c->length};
    struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    ssize_t got;
    int64_t stamp;
#ifdef TLS
    if (c->ssl) {
        char byte;
        struct iovec look = {&byte, 1};
        message.msg_iov = &look;
        got = recvmsg(c->fd, &message, MSG_PEEK);
        stamp = stamp_of(&message);
        if (!c->shaken) {
            int said = SSL_accept(c->ssl);
            if (said == 1) c->shaken = 1;
            else if (SSL_get_error(c->ssl, said) != SSL_ERROR_WANT_READ) { leave(c); return; }
            if (!c->shaken) return;
        }
        do {
            got = SSL_read(c->ssl, c->held + c->length, HELD - 1 - c->length);
            if (got <= 0) {
                if (SSL_get_error(c->ssl, got) != SSL_ERROR_WANT_READ) leave(c);
                return;
            }
            c->length += got;
        } while (SSL_pending(c->ssl));
        take(c, stamp);
        return;
    }
#endif
    got = recvmsg(c->fd, &message, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) leave(c);
        return;
    }
    stamp = stamp_of(&message);
    c->length += got;
    take(c, stamp);
}

static void welcome(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), one = 1;
        if (fd < 0) return;
        if (fd >= MOST_FDS) { close(fd); continue; }
        Connection *c = calloc(1, sizeof *c);
        if (!c || !(c->held = malloc(HELD))) fail("malloc");
        c->fd = fd, c->number = connections++;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
#ifdef TLS
        if (context) {
            c->ssl = SSL_new(context);
            SSL_set_fd(c->ssl, fd);
            SSL_set_accept_state(c->ssl);
        }
#endif
        of_fd[fd] = c;
        struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &wanted)) fail("epoll_ctl");
    }
}

static int listening(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) || listen(fd, 4096)) fail("listen");
    getsockname(fd, (struct sockaddr *)&at, &size);
    printf("port %d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void prepare(int argc, char **argv) {
    if (argc != 4 && argc != 6) exit(2);
    ttft_ns = atoll(argv[2]) * 1000, itl_ns = atoll(argv[3]) * 1000;
    if (argc == 6) {
#ifdef TLS
        context = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_chain_file(context, argv[4]) != 1 || SSL_CTX_use_PrivateKey_file(context, argv[5], SSL_FILETYPE_PEM) != 1) fail("certificate");
#else
        fprintf(stderr, "built without TLS\n");
        exit(2);
#endif
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    struct sigaction on = {.sa_handler = on_signal};
    sigaction(SIGTERM, &on, NULL);
    sigaction(SIGINT, &on, NULL);
    epoll_fd = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK);
}

static void write_log(const char *path) {
    FILE *file = fopen(path, "wb");
    int64_t head[2] = {MAGIC, wall_offset};
    if (!file || fwrite(head, 8, 2, file) != 2 || fwrite(log_words, 8, log_used, file) != log_used || fclose(file)) fail(path);
}

int main(int argc, char **argv) {
    prepare(argc, argv);
    int listener = listening();
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener}, ready[BATCH];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &wanted);
    wanted.data.fd = timer_fd;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &wanted);
    while (!ended) {
        int64_t due = run_due();
        struct itimerspec spec = {.it_value = {due / 1000000000, due % 1000000000}};
        if (due != INT64_MAX) timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
        int found = epoll_wait(epoll_fd, ready, BATCH, 1000);
        int64_t before = now_ns();
        wall_offset = clock_ns(CLOCK_REALTIME) - (before + now_ns()) / 2;
        for (int i = 0; i < found; i++) {
            int fd = ready[i].data.fd;
            uint64_t expired;
            if (fd == timer_fd) { if (read(timer_fd, &expired, sizeof expired) < 0) continue; }
            else if (fd == listener) welcome(listener);
            else if (of_fd[fd]) receive(of_fd[fd]);
        }
    }
    write_log(argv[1]);
    return 0;
}
