// The door to the board around the chip: messages over file descriptor 3, in both directions (../README.md lists them).
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "chip.h"

#define DOOR 3
#define PAYLOAD_MAX 65535
#define PATIENCE_MS 2000

typedef struct {
    uint8_t kind, nothing;
    uint16_t bytes;
} head_t;

static pthread_mutex_t sending = PTHREAD_MUTEX_INITIALIZER;
static volatile bool closing;

// The board is gone; or this life is ending, and whoever ends it has the last word.
static void door_lost(void) {
    if (!closing) {
        _exit(0);
    }
    for (;;) {
        pause();
    }
}

static void put(const void *data, size_t bytes) {
    while (bytes) {
        ssize_t n = write(DOOR, data, bytes);
        if (n <= 0) {
            door_lost();
        }
        data = (const char *)data + n;
        bytes -= n;
    }
}

void door_send(char kind, const void *payload, size_t bytes) {
    head_t head = {kind, 0, bytes};
    pthread_mutex_lock(&sending);
    put(&head, sizeof(head));
    put(payload, bytes);
    pthread_mutex_unlock(&sending);
}

// Our last message is read before the board finds the door shut: it closes its side then, or has had two seconds for it.
void door_close(void) {
    uint8_t unread[1024];
    struct pollfd door = {DOOR, POLLIN};
    closing = true;
    shutdown(DOOR, SHUT_WR);
    while (poll(&door, 1, PATIENCE_MS) > 0 && recv(DOOR, unread, sizeof(unread), 0) > 0) {
    }
}

static void get(void *data, size_t bytes) {
    while (bytes) {
        ssize_t n = read(DOOR, data, bytes);
        if (n <= 0) {
            door_lost();
        }
        data = (char *)data + n;
        bytes -= n;
    }
}

static uint32_t number(const uint8_t *p, int bytes) {
    uint32_t n = 0;
    memcpy(&n, p, bytes);
    return n;
}

// Serves one message; returns its kind.
static char serve(void) {
    static uint8_t payload[PAYLOAD_MAX];
    head_t head;
    get(&head, sizeof(head));
    get(payload, head.bytes);
    switch (head.kind) {
        case 'F':
            netif_receive(payload, head.bytes);
            break;
        case 'U':
            wifi_associated();
            break;
        case 'D':
            wifi_disassociated(payload[0]);
            break;
        case 'S':
            wifi_scan_result(payload, head.bytes);
            break;
        case 's':
            wifi_scan_done();
            break;
        case 'R':
            wifi_signal((int8_t)payload[0]);
            break;
        case 'A':
            adc_voltage(payload[0], number(payload + 1, 2));
            break;
        case 'G':
            pin_level(payload[0], payload[1]);
            break;
        case 'T':
            pin_part(payload, head.bytes);
            break;
        case 'C':
            flash_cut_after(number(payload, 4));
            break;
        case 'I':
            fault_plan(payload, head.bytes);
            break;
    }
    return head.kind;
}

void door_open(void) {
    while (serve() != 'B') {
    }
}

static void *serve_all(void *nothing) {
    for (;;) {
        serve();
    }
    return NULL;
}

void door_listen(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, serve_all, NULL);
}
