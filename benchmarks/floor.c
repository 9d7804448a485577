/* The floor under every client: sends at given instants, reads with epoll, notes the time of each read, looks for the
 * end of the answer, parses nothing. What it costs an event is what the kernel costs.
 *
 *     floor PORT REQUEST_FILE EVENT < SCHEDULE
 *
 * SCHEDULE: one instant a line, ns after the start. EVENT: bytes that every event holds once. Loopback, HTTP/1.1 with
 * chunked answers. Prints JSON: requests, events, user and system CPU us. Gives up 20 s after the last instant. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 16384, BATCH = 256, LIMIT = 1 << 20 };
static int64_t due[LIMIT], noted;
static int idle[LIMIT], idle_count, epoll_fd, timer_fd;
static char buffer[BUFFER], request[1 << 20];

static int64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int new_connection(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
    return fd;
}

static void arm(int64_t at) {
    struct itimerspec spec = {.it_value = {at / 1000000000, at % 1000000000}};
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int port = atoi(argv[1]), count = 0, sent = 0, done = 0;
    FILE *file = fopen(argv[2], "rb");
    if (!file) fail(argv[2]);
    size_t length = fread(request, 1, sizeof request, file), event_length = strlen(argv[3]);
    while (count < LIMIT && scanf("%ld", &due[count]) == 1) count++;
    epoll_fd = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = timer_fd}, ready[BATCH];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event);
    for (int i = 0; i < 64; i++) idle[idle_count++] = new_connection(port);
    struct rusage before, after;
    int64_t start = now_ns() + 50000000, events = 0, give_up = start + due[count - 1] + 20000000000LL;
    getrusage(RUSAGE_SELF, &before);
    arm(start + due[0]);
    while (done < count && now_ns() < give_up) {
        int found = epoll_wait(epoll_fd, ready, BATCH, 1000);
        for (int i = 0; i < found; i++) {
            int fd = ready[i].data.fd;
            if (fd == timer_fd) {
                uint64_t expired;
                if (read(timer_fd, &expired, sizeof expired) < 0) continue;
                for (; sent < count && start + due[sent] <= now_ns(); sent++) {
                    int free_fd = idle_count ? idle[--idle_count] : new_connection(port);
                    if (send(free_fd, request, length, 0) != (ssize_t)length) fail("send");
                }
                if (sent < count) arm(start + due[sent]);
                continue;
            }
            ssize_t got = recv(fd, buffer, BUFFER, 0);
            if (got <= 0) fail("recv");
            noted ^= now_ns();
            for (char *at = buffer; (at = memmem(at, buffer + got - at, argv[3], event_length)); at += event_length)
                events++;
            if (got >= 5 && !memcmp(buffer + got - 5, "0\r\n\r\n", 5)) {
                idle[idle_count++] = fd;
                done++;
            }
        }
    }
    getrusage(RUSAGE_SELF, &after);
    double user = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1e6 + after.ru_utime.tv_usec - before.ru_utime.tv_usec;
    double kernel = (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1e6 + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    printf("{\"requests\":%d,\"events\":%ld,\"user_us\":%.0f,\"system_us\":%.0f,\"noted\":%ld}\n", done, events, user, kernel, noted);
    return done == count ? 0 : 1;
}
