// The chip itself: resets and their causes, sleep, the task watchdog, time since the reset, chance, the MAC, log, flash size.
#pragma once
#include <stdarg.h>
#include <stdint.h>
#include "idf/errors.h"

#define IRAM_ATTR
#define DRAM_ATTR
#define RTC_DATA_ATTR __attribute__((section("rtc_memory")))
#define RTC_NOINIT_ATTR __attribute__((section("rtc_memory")))
#define ESP_TASK_PRIO_MIN 0

typedef enum {
    ESP_RST_UNKNOWN, ESP_RST_POWERON, ESP_RST_EXT, ESP_RST_SW, ESP_RST_PANIC, ESP_RST_INT_WDT, ESP_RST_TASK_WDT, ESP_RST_WDT, ESP_RST_DEEPSLEEP,
    ESP_RST_BROWNOUT, ESP_RST_SDIO,
} esp_reset_reason_t;

esp_reset_reason_t esp_reset_reason(void);
void esp_restart(void) __attribute__((noreturn));
uint32_t esp_random(void);
esp_err_t esp_efuse_mac_get_default(uint8_t *mac);
int64_t esp_timer_get_time(void);
#define esp_cpu_get_sp() __builtin_frame_address(0)
int esp_rom_get_cpu_ticks_per_us(void);
void esp_rom_delay_us(uint32_t us);

// Sleep
typedef enum { ESP_SLEEP_WAKEUP_UNDEFINED, ESP_SLEEP_WAKEUP_ALL, ESP_SLEEP_WAKEUP_EXT0, ESP_SLEEP_WAKEUP_EXT1, ESP_SLEEP_WAKEUP_TIMER,
               ESP_SLEEP_WAKEUP_TOUCHPAD, ESP_SLEEP_WAKEUP_ULP } esp_sleep_source_t;
esp_err_t esp_sleep_disable_wakeup_source(esp_sleep_source_t source);
esp_err_t esp_sleep_enable_timer_wakeup(uint64_t us);
esp_sleep_source_t esp_sleep_get_wakeup_cause(void);
esp_err_t esp_light_sleep_start(void);
void esp_deep_sleep_start(void);
typedef struct { int max_freq_mhz, min_freq_mhz; bool light_sleep_enable; } esp_pm_config_t;
esp_err_t esp_pm_configure(const void *config);

// The task watchdog
typedef struct { uint32_t timeout_ms, idle_core_mask; bool trigger_panic; } esp_task_wdt_config_t;
typedef void *esp_task_wdt_user_handle_t;
esp_err_t esp_task_wdt_reconfigure(const esp_task_wdt_config_t *config);
esp_err_t esp_task_wdt_add_user(const char *name, esp_task_wdt_user_handle_t *user);
esp_err_t esp_task_wdt_reset_user(esp_task_wdt_user_handle_t user);

// Log: nothing is printed, as at the level that MicroPython sets
typedef int (*vprintf_like_t)(const char *, va_list);
typedef enum { ESP_LOG_NONE, ESP_LOG_ERROR, ESP_LOG_WARN, ESP_LOG_INFO, ESP_LOG_DEBUG, ESP_LOG_VERBOSE } esp_log_level_t;
#define LOG_LOCAL_LEVEL 1
#define ESP_LOGE(tag, ...) ((void)(tag))
#define ESP_LOGI(tag, ...) ((void)(tag))
#define ESP_LOGD(tag, ...) ((void)(tag))
vprintf_like_t esp_log_set_vprintf(vprintf_like_t print);
void esp_log_level_set(const char *tag, esp_log_level_t level);

// Registers that the port writes where the IDF has no function; nothing of it is needed here
#define SET_PERI_REG_BITS(reg, bits, value, shift) ((void)0)
#define SET_PERI_REG_MASK(reg, mask) ((void)0)
#define CLEAR_PERI_REG_MASK(reg, mask) ((void)0)
#define GET_PERI_REG_BITS2(reg, mask, shift) 128
#define REG_WRITE(reg, value) ((void)0)

// The temperature of the chip (driver/temperature_sensor.h)
typedef void *temperature_sensor_handle_t;
typedef struct { int low, high; } temperature_sensor_config_t;
#define TEMPERATURE_SENSOR_CONFIG_DEFAULT(low, high) { low, high }
esp_err_t temperature_sensor_install(const temperature_sensor_config_t *config, temperature_sensor_handle_t *sensor);
esp_err_t temperature_sensor_enable(temperature_sensor_handle_t sensor);
esp_err_t temperature_sensor_disable(temperature_sensor_handle_t sensor);
esp_err_t temperature_sensor_get_celsius(temperature_sensor_handle_t sensor, float *celsius);

esp_err_t nvs_flash_init(void);
esp_err_t nvs_flash_erase(void);
esp_err_t esp_event_loop_create_default(void);
