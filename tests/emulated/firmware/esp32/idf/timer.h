// The general purpose timers as machine_timer.c drives them (hal/timer_ll.h): a counter, an alarm, an interrupt.
#pragma once
#include "idf/errors.h"

typedef struct chip_timer chip_timer_t;
typedef struct { chip_timer_t *dev; } timer_hal_context_t;
typedef void (*intr_handler_t)(void *);
typedef chip_timer_t *intr_handle_t;

#define GPTIMER_CLK_SRC_DEFAULT 0
#define GPTIMER_COUNT_UP 0
#define ESP_CLK_TREE_SRC_FREQ_PRECISION_CACHED 0
#define TIMER_LL_EVENT_ALARM(index) 1u
#define PERIPH_RCC_ACQUIRE_ATOMIC(module, count) for (int count = 0, once = 1; once; once = 0)

extern const struct { struct { int module, timer_irq_id[2]; } groups[2]; } timer_group_periph_signals;

esp_err_t esp_clk_tree_src_get_freq_hz(int source, int precision, uint32_t *hz);
#define esp_clk_tree_enable_src(source, enable) ((void)0)
void timer_hal_init(timer_hal_context_t *hal, uint32_t group, uint32_t index);
#define timer_hal_set_counter_value(hal, value) chip_timer_restart((hal)->dev)
void chip_timer_restart(chip_timer_t *timer);
uint64_t timer_ll_get_counter_value(chip_timer_t *timer, uint32_t index);
void timer_ll_set_alarm_value(chip_timer_t *timer, uint32_t index, uint64_t ticks);
void timer_ll_enable_alarm(chip_timer_t *timer, uint32_t index, bool enable);
void timer_ll_enable_auto_reload(chip_timer_t *timer, uint32_t index, bool enable);
void timer_ll_enable_counter(chip_timer_t *timer, uint32_t index, bool enable);
uint32_t timer_ll_get_intr_status(chip_timer_t *timer);
#define timer_ll_clear_intr_status(timer, mask) ((void)0)
#define timer_ll_enable_intr(timer, mask, enable) ((void)0)
#define timer_ll_enable_bus_clock(group, enable) ((void)0)
#define timer_ll_reset_register(group) ((void)0)
#define timer_ll_set_clock_source(timer, index, source) ((void)0)
#define timer_ll_enable_clock(timer, index, enable) ((void)0)
#define timer_ll_set_clock_prescale(timer, index, divider) ((void)0)
#define timer_ll_set_count_direction(timer, index, direction) ((void)0)
#define timer_ll_set_reload_value(timer, index, value) ((void)0)

esp_err_t esp_intr_alloc(int source, int flags, intr_handler_t handler, void *argument, intr_handle_t *handle);
esp_err_t esp_intr_free(intr_handle_t handle);
esp_err_t esp_intr_enable(intr_handle_t handle);
esp_err_t esp_intr_disable(intr_handle_t handle);
