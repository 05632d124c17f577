// One life of the chip, from a reset to the next: its clock, its RTC memory, its watchdog, and how it ends.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "chip.h"
#include "idf/freertos.h"
#include "idf/system.h"

#define US 1000000LL
#define DETERMINISTIC_STEP_NS 250 // what a look at the clock or at a pin takes in quiet timing

__thread int chip_errno;

static const char *const names[CAUSES] = {"poweron", "ext", "sw", "panic", "int_wdt", "task_wdt", "deepsleep", "brownout"};
static const esp_reset_reason_t reasons[CAUSES] = {ESP_RST_POWERON, ESP_RST_EXT, ESP_RST_SW, ESP_RST_PANIC, ESP_RST_INT_WDT, ESP_RST_TASK_WDT,
    ESP_RST_DEEPSLEEP, ESP_RST_BROWNOUT};
static int cause = CAUSE_POWERON;
static const char *rtc_path;
static int64_t began_us;

// The RTC memory: what the port's files put into the section of that name, and the clock.
extern uint8_t __start_rtc_memory[], __stop_rtc_memory[];
static int64_t clock_offset_us RTC_NOINIT_ATTR;

int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * US + t.tv_nsec / 1000;
}

static void rtc_read(void) {
    FILE *file = fopen(rtc_path, "rb");
    size_t bytes = __stop_rtc_memory - __start_rtc_memory;
    if (!file || fread(__start_rtc_memory, 1, bytes, file) != bytes || cause == CAUSE_POWERON) {
        memset(__start_rtc_memory, 0, bytes);
        clock_offset_us = -now_us();
    }
    if (file) {
        fclose(file);
    }
}

static void rtc_write(void) {
    FILE *file = fopen(rtc_path, "wb");
    if (file) {
        fwrite(__start_rtc_memory, 1, __stop_rtc_memory - __start_rtc_memory, file);
        fclose(file);
    }
}

static void crashed(int number) {
    fprintf(stderr, "the emulated chip itself crashed: signal %d\n", number);
    panic("StoreProhibited");
}

static void complain(const char *what) {
    fprintf(stderr, "firmware: %s\n", what);
    exit(2);
}

void life_begin(int argc, char **argv) {
    const char *flash = NULL, *console = "uart", *files = "littlefs";
    began_us = now_us();
    srand(esp_random()); // lwIP's first local port: another one in each life
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--flash")) {
            flash = value;
        } else if (!strcmp(name, "--rtc")) {
            rtc_path = value;
        } else if (!strcmp(name, "--console")) {
            console = value;
        } else if (!strcmp(name, "--files")) {
            files = value;
        } else if (!strcmp(name, "--cause")) {
            for (cause = 0; cause < CAUSES && strcmp(value, names[cause]);) {
                cause++;
            }
        } else {
            complain("there is no such option");
        }
    }
    if (!flash || !rtc_path || cause == CAUSES) {
        complain("--flash FILE --rtc FILE --cause CAUSE [--console uart|usb] [--files littlefs|fat]");
    }
    rtc_read();
    signal(SIGSEGV, crashed);
    signal(SIGABRT, crashed);
    signal(SIGPIPE, SIG_IGN);
    door_open();
    flash_open(flash, !strcmp(files, "fat"));
    door_listen();
    console_start(!strcmp(console, "usb"));
}

void life_end(int why, uint64_t sleep_us) {
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&once); // for ever: nobody else ends this life, too
    uint8_t message[9] = {why};
    memcpy(message + 1, &sleep_us, 8);
    rtc_write();
    door_send('X', message, sizeof(message));
    door_close();
    _exit(0);
}

void panic(const char *why) {
    static const char format[] = "Guru Meditation Error: Core  0 panic'ed (%s). Exception was unhandled.\r\n\r\nRebooting...\r\n";
    dprintf(STDOUT_FILENO, format, why);
    life_end(CAUSE_PANIC, 0);
}

esp_reset_reason_t esp_reset_reason(void) {
    return reasons[cause];
}

void esp_restart(void) {
    life_end(CAUSE_SW, 0);
}

// Time

static __thread int64_t quiet_began_us, quiet_looks;
static __thread bool quiet;

void chip_quiet_enter(void) {
    quiet_began_us = esp_timer_get_time();
    quiet_looks = 0;
    quiet = true;
}

void chip_quiet_exit(void) {
    quiet = false;
}

int64_t esp_timer_get_time(void) {
    if (quiet) {
        return quiet_began_us + ++quiet_looks * DETERMINISTIC_STEP_NS / 1000;
    }
    return now_us() - began_us;
}

void esp_rom_delay_us(uint32_t us) {
    if (quiet) {
        quiet_looks += us * 1000LL / DETERMINISTIC_STEP_NS;
        return;
    }
    int64_t end = now_us() + us;
    while (now_us() < end) {
    }
}

int esp_rom_get_cpu_ticks_per_us(void) {
    return 160;
}

esp_err_t esp_pm_configure(const void *config) {
    FAULT();
    return ESP_OK;
}

int chip_gettimeofday(struct timeval *time, void *zone) {
    int64_t us = now_us() + clock_offset_us;
    time->tv_sec = us / US;
    time->tv_usec = us % US;
    return 0;
}

int chip_settimeofday(const struct timeval *time, const void *zone) {
    clock_offset_us = time->tv_sec * US + time->tv_usec - now_us();
    return 0;
}

// Sleep

static uint64_t wake_us;

esp_err_t esp_sleep_disable_wakeup_source(esp_sleep_source_t source) {
    wake_us = 0;
    return ESP_OK;
}

esp_err_t esp_sleep_enable_timer_wakeup(uint64_t us) {
    FAULT();
    wake_us = us;
    return ESP_OK;
}

esp_sleep_source_t esp_sleep_get_wakeup_cause(void) {
    return cause == CAUSE_DEEPSLEEP ? ESP_SLEEP_WAKEUP_TIMER : ESP_SLEEP_WAKEUP_UNDEFINED;
}

esp_err_t esp_light_sleep_start(void) {
    FAULT();
    usleep(wake_us);
    return ESP_OK;
}

void esp_deep_sleep_start(void) {
    fault(__func__);
    life_end(CAUSE_DEEPSLEEP, wake_us);
}

// The task watchdog: one user, MicroPython's

static pthread_mutex_t dog = PTHREAD_MUTEX_INITIALIZER;
static int64_t dog_ms, fed_us;
static bool watched;

static void *watch(void *nothing) {
    for (;;) {
        usleep(10000);
        pthread_mutex_lock(&dog);
        bool bites = watched && now_us() - fed_us > dog_ms * 1000;
        pthread_mutex_unlock(&dog);
        if (bites) {
            static const char text[] = "E task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog in time:\r\n"
                "E task_wdt:  - mpy_machine_wdt (CPU 0/1)\r\nE task_wdt: Aborting.\r\n\r\nRebooting...\r\n";
            (void)!write(1, text, sizeof(text) - 1);
            life_end(CAUSE_TASK_WDT, 0);
        }
    }
    return NULL;
}

static void dog_feed(void) {
    pthread_mutex_lock(&dog);
    fed_us = now_us();
    pthread_mutex_unlock(&dog);
}

esp_err_t esp_task_wdt_reconfigure(const esp_task_wdt_config_t *config) {
    FAULT();
    pthread_mutex_lock(&dog);
    dog_ms = config->timeout_ms;
    fed_us = now_us(); // the IDF restarts the timer, too
    pthread_mutex_unlock(&dog);
    return ESP_OK;
}

esp_err_t esp_task_wdt_add_user(const char *name, esp_task_wdt_user_handle_t *user) {
    FAULT();
    pthread_t thread;
    *user = &dog;
    dog_feed();
    watched = true;
    return pthread_create(&thread, NULL, watch, NULL) ? ESP_ERR_NO_MEM : ESP_OK;
}

esp_err_t esp_task_wdt_reset_user(esp_task_wdt_user_handle_t user) {
    FAULT();
    dog_feed();
    return ESP_OK;
}

// FreeRTOS

static pthread_mutex_t critical = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_mutex_t notifying = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t notified = PTHREAD_COND_INITIALIZER;
static uint32_t notifications;

void chip_lock(void) {
    pthread_mutex_lock(&critical);
}

void chip_unlock(void) {
    pthread_mutex_unlock(&critical);
}

void taskYIELD(void) {
    usleep(100);
}

void vTaskDelay(TickType_t ticks) {
    usleep(ticks * portTICK_PERIOD_MS * 1000);
}

uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += ticks * portTICK_PERIOD_MS * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&notifying);
    while (!notifications && pthread_cond_timedwait(&notified, &notifying, &end) == 0) {
    }
    uint32_t count = notifications;
    notifications = clear || !count ? 0 : count - 1;
    pthread_mutex_unlock(&notifying);
    return count;
}

void xTaskNotifyGive(TaskHandle_t task) {
    pthread_mutex_lock(&notifying);
    notifications++;
    pthread_cond_signal(&notified);
    pthread_mutex_unlock(&notifying);
}

void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woken) {
    xTaskNotifyGive(task);
    *woken = pdFALSE;
}

void xTaskCreatePinnedToCore(void (*work)(void *), const char *name, uint32_t stack, void *argument, int priority, TaskHandle_t *task, int core) {
    *task = &critical;
    work(argument); // MicroPython's is the only one, and does not end
}

// Small things

uint32_t esp_random(void) {
    uint32_t number;
    (void)!getrandom(&number, sizeof(number), 0);
    return number;
}

esp_err_t esp_efuse_mac_get_default(uint8_t *mac) {
    memcpy(mac, (uint8_t[]) {0x24, 0x0a, 0xc4, 0x00, 0x01, 0x02}, 6); // Espressif's prefix
    return ESP_OK;
}

vprintf_like_t esp_log_set_vprintf(vprintf_like_t print) {
    return print;
}

void esp_log_level_set(const char *tag, esp_log_level_t level) {
}

esp_err_t temperature_sensor_install(const temperature_sensor_config_t *config, temperature_sensor_handle_t *sensor) {
    *sensor = &critical;
    return ESP_OK;
}

esp_err_t temperature_sensor_enable(temperature_sensor_handle_t sensor) {
    return ESP_OK;
}

esp_err_t temperature_sensor_disable(temperature_sensor_handle_t sensor) {
    return ESP_OK;
}

esp_err_t temperature_sensor_get_celsius(temperature_sensor_handle_t sensor, float *celsius) {
    *celsius = 41;
    return ESP_OK;
}

esp_err_t nvs_flash_init(void) {
    return ESP_OK;
}

esp_err_t nvs_flash_erase(void) {
    return ESP_OK;
}

esp_err_t esp_event_loop_create_default(void) {
    return ESP_OK;
}

#define NAME(code) case code: return #code
const char *esp_err_to_name(esp_err_t code) {
    switch (code) {
        NAME(ESP_OK);
        NAME(ESP_ERR_NO_MEM);
        NAME(ESP_ERR_INVALID_ARG);
        NAME(ESP_ERR_INVALID_STATE);
        NAME(ESP_ERR_INVALID_SIZE);
        NAME(ESP_ERR_NOT_FOUND);
        NAME(ESP_ERR_NOT_SUPPORTED);
        NAME(ESP_ERR_TIMEOUT);
        default: return "UNKNOWN ERROR";
    }
}
