// The serial port of the REPL: a UART, which drops what finds no room, or the chip's USB serial port, which keeps its host waiting.
#include <pthread.h>
#include <unistd.h>
#include "chip.h"
#include "py/mpconfig.h"
#include "py/mphal.h"
#include "py/ringbuf.h"
#include "py/runtime.h"
#include "shared/runtime/interrupt_char.h"

static bool is_usb;

static void receive(uint8_t byte) {
    if (byte == mp_interrupt_char) {
        mp_sched_keyboard_interrupt();
        return;
    }
    while (is_usb && !ringbuf_free(&stdin_ringbuf)) {
        usleep(1000);
    }
    ringbuf_put(&stdin_ringbuf, byte);
}

static void *listen(void *nothing) {
    uint8_t some[64];
    ssize_t n;
    while ((n = read(0, some, sizeof(some))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            receive(some[i]);
        }
        mp_hal_wake_main_task();
    }
    return NULL;
}

void console_start(bool usb) {
    pthread_t thread;
    is_usb = usb;
    pthread_create(&thread, NULL, listen, NULL);
}

void uart_stdout_init(void) {
}

int uart_stdout_tx_strn(const char *text, size_t bytes) {
    for (size_t sent = 0; sent < bytes;) {
        ssize_t n = write(1, text + sent, bytes - sent);
        if (n <= 0) {
            break;
        }
        sent += n;
    }
    return bytes;
}
