// Faults on command: a call of the IDF, of lwIP or of mbedtls that fails, hangs or panics so many times.
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include "chip.h"

#define PLANS 16
#define NAME_MAX 63
#define ALWAYS 0xffff
#define HANG 0x7fff0000
#define PANIC 0x7fff0001

static struct {
    int32_t value;
    uint16_t times;
    char call[NAME_MAX + 1];
} plans[PLANS];
static pthread_mutex_t planning = PTHREAD_MUTEX_INITIALIZER;

void fault_plan(const uint8_t *payload, size_t bytes) {
    if (bytes < 6 || bytes - 6 > NAME_MAX) {
        return;
    }
    pthread_mutex_lock(&planning);
    for (int i = 0; i < PLANS; i++) {
        if (!plans[i].times) {
            memcpy(&plans[i].value, payload, 4);
            memcpy(&plans[i].times, payload + 4, 2);
            memcpy(plans[i].call, payload + 6, bytes - 6);
            plans[i].call[bytes - 6] = 0;
            break;
        }
    }
    pthread_mutex_unlock(&planning);
}

int fault(const char *call) {
    int32_t value = 0;
    pthread_mutex_lock(&planning);
    for (int i = 0; i < PLANS; i++) {
        if (plans[i].times && !strcmp(plans[i].call, call)) {
            value = plans[i].value;
            plans[i].times -= plans[i].times != ALWAYS;
            break;
        }
    }
    pthread_mutex_unlock(&planning);
    if (value == PANIC) {
        panic("LoadProhibited");
    }
    while (value == HANG) {
        pause();
    }
    return value;
}
