// Pins (driver/gpio.h, driver/rtc_io.h, hal/gpio_types.h).
#pragma once
#include "idf/errors.h"

#define P(n) GPIO_NUM_##n = n
typedef enum {
    P(0), P(1), P(2), P(3), P(4), P(5), P(6), P(7), P(8), P(9), P(10), P(11), P(12), P(13), P(14), P(15), P(16), P(17), P(18), P(19), P(20), P(21), P(22),
    P(23), P(24), P(25), P(26), P(27), P(28), P(29), P(30), P(31), P(32), P(33), P(34), P(35), P(36), P(37), P(38), P(39), P(40), P(41), P(42), P(43), P(44),
    P(45), P(46), P(47), P(48), GPIO_NUM_MAX,
} gpio_num_t;
#undef P
#define GPIO_PIN_COUNT GPIO_NUM_MAX

enum { GPIO_MODE_DISABLE, GPIO_MODE_INPUT, GPIO_MODE_OUTPUT, GPIO_MODE_INPUT_OUTPUT, GPIO_MODE_INPUT_OUTPUT_OD = 7 };
#define GPIO_MODE_DEF_OUTPUT 2
enum { GPIO_INTR_DISABLE, GPIO_INTR_POSEDGE, GPIO_INTR_NEGEDGE, GPIO_INTR_ANYEDGE, GPIO_INTR_LOW_LEVEL, GPIO_INTR_HIGH_LEVEL };
enum { GPIO_DRIVE_CAP_0, GPIO_DRIVE_CAP_1, GPIO_DRIVE_CAP_2, GPIO_DRIVE_CAP_3, GPIO_DRIVE_CAP_MAX };
#define GPIO_IS_VALID_OUTPUT_GPIO(pin) true

esp_err_t gpio_set_direction(gpio_num_t pin, int mode);
esp_err_t gpio_set_level(gpio_num_t pin, uint32_t level);
int gpio_get_level(gpio_num_t pin);
int chip_output_level(gpio_num_t pin);
extern struct { struct { int int_type; } pin[GPIO_NUM_MAX]; } GPIO; // the registers, as far as the port reads them
#define gpio_set_intr_type(number, type) (GPIO.pin[number].int_type = (type))
esp_err_t gpio_pullup_en(gpio_num_t pin);
esp_err_t gpio_pullup_dis(gpio_num_t pin);
esp_err_t gpio_pulldown_en(gpio_num_t pin);
esp_err_t gpio_pulldown_dis(gpio_num_t pin);

// Accepted, and without an effect here
#define esp_rom_gpio_pad_select_gpio(pin) ((void)(pin))
#define esp_rom_gpio_connect_in_signal(pin, signal, invert) ((void)0)
#define esp_rom_gpio_connect_out_signal(pin, signal, invert, disable) ((void)0)
#define gpio_set_drive_capability(pin, strength) ((void)(strength))
#define gpio_hold_en(pin) ((void)0)
#define gpio_hold_dis(pin) ((void)0)
#define gpio_deep_sleep_hold_en() ((void)0)
#define gpio_deep_sleep_hold_dis() ((void)0)
#define gpio_install_isr_service(flags) ((void)0)
#define gpio_isr_handler_add(pin, handler, argument) ((void)(handler))
#define gpio_isr_handler_remove(pin) ((void)0)
#define rtc_gpio_is_valid_gpio(pin) false
#define rtc_gpio_deinit(pin) ((void)0)
#define esp_sleep_enable_ext0_wakeup(pin, level) ESP_OK

typedef int spi_host_device_t;
