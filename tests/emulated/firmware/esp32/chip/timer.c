// The general purpose timers: a thread each that calls the interrupt's handler at the alarm.
#include <pthread.h>
#include <unistd.h>
#include "chip.h"
#include "idf/timer.h"

#define HZ 80000000u // of the source clock; the port divides it by 8
#define TICKS_PER_US 10
#define TIMERS 4
#define LOOK_US 1000

struct chip_timer {
    pthread_mutex_t lock;
    bool there, counts, alarmed, reloads, listened;
    int64_t began_us;
    uint64_t alarm_ticks;
    intr_handler_t handler;
    void *argument;
};

static chip_timer_t timers[TIMERS];
const __typeof__(timer_group_periph_signals) timer_group_periph_signals = {{{0, {0, 1}}, {1, {2, 3}}}};

// True when the alarm is due; a timer that does not reload has no other.
static bool due(chip_timer_t *timer) {
    int64_t period_us = timer->alarm_ticks / TICKS_PER_US;
    if (!timer->counts || !timer->alarmed || !timer->listened || now_us() - timer->began_us < period_us) {
        return false;
    }
    timer->alarmed = timer->reloads;
    timer->began_us += period_us;
    return true;
}

static void *run(void *argument) {
    chip_timer_t *timer = argument;
    for (;;) {
        usleep(LOOK_US);
        pthread_mutex_lock(&timer->lock);
        bool rings = due(timer);
        intr_handler_t handler = timer->handler;
        void *owner = timer->argument;
        pthread_mutex_unlock(&timer->lock);
        if (rings) {
            handler(owner);
        }
    }
    return NULL;
}

esp_err_t esp_clk_tree_src_get_freq_hz(int source, int precision, uint32_t *hz) {
    *hz = HZ;
    return ESP_OK;
}

void timer_hal_init(timer_hal_context_t *hal, uint32_t group, uint32_t index) {
    chip_timer_t *timer = &timers[(group * 2 + index) % TIMERS];
    hal->dev = timer;
    if (!timer->there) {
        pthread_t thread;
        timer->there = true;
        pthread_mutex_init(&timer->lock, NULL);
        pthread_create(&thread, NULL, run, timer);
    }
}

#define LOCKED(timer, change) do { pthread_mutex_lock(&(timer)->lock); change; pthread_mutex_unlock(&(timer)->lock); } while (0)

void chip_timer_restart(chip_timer_t *timer) {
    LOCKED(timer, timer->began_us = now_us());
}

uint64_t timer_ll_get_counter_value(chip_timer_t *timer, uint32_t index) {
    return (now_us() - timer->began_us) * TICKS_PER_US;
}

void timer_ll_set_alarm_value(chip_timer_t *timer, uint32_t index, uint64_t ticks) {
    LOCKED(timer, timer->alarm_ticks = ticks);
}

void timer_ll_enable_alarm(chip_timer_t *timer, uint32_t index, bool enable) {
    LOCKED(timer, timer->alarmed = enable);
}

void timer_ll_enable_auto_reload(chip_timer_t *timer, uint32_t index, bool enable) {
    LOCKED(timer, timer->reloads = enable);
}

void timer_ll_enable_counter(chip_timer_t *timer, uint32_t index, bool enable) {
    LOCKED(timer, timer->counts = enable);
}

uint32_t timer_ll_get_intr_status(chip_timer_t *timer) {
    return TIMER_LL_EVENT_ALARM(0);
}

esp_err_t esp_intr_alloc(int source, int flags, intr_handler_t handler, void *argument, intr_handle_t *handle) {
    FAULT();
    chip_timer_t *timer = *handle = &timers[source % TIMERS];
    LOCKED(timer, (timer->handler = handler, timer->argument = argument, timer->listened = true));
    return ESP_OK;
}

esp_err_t esp_intr_free(intr_handle_t timer) {
    return esp_intr_disable(timer);
}

esp_err_t esp_intr_enable(intr_handle_t timer) {
    LOCKED(timer, timer->listened = true);
    return ESP_OK;
}

esp_err_t esp_intr_disable(intr_handle_t timer) {
    LOCKED(timer, timer->listened = false);
    return ESP_OK;
}
