// What MicroPython's core wants of the chip: the esp32 port's mphalport.h without its assembler and registers.
#pragma once
#include "idf/idf.h"
#include "py/ringbuf.h"
#include "shared/runtime/interrupt_char.h"

#define MICROPY_PLATFORM_VERSION "IDF" IDF_VER
#define MP_TASK_COREID (0)

extern TaskHandle_t mp_main_task_handle;
extern ringbuf_t stdin_ringbuf;
extern portMUX_TYPE mp_atomic_mux;

#define check_esp_err(code) check_esp_err_(code)
void check_esp_err_(esp_err_t code);

#define MICROPY_BEGIN_ATOMIC_SECTION() (chip_lock(), 0)
#define MICROPY_END_ATOMIC_SECTION(state) ((void)(state), chip_unlock())

uint32_t mp_hal_ticks_us(void);
#define mp_hal_ticks_cpu() mp_hal_ticks_us()
void mp_hal_delay_us(uint32_t us);
#define mp_hal_delay_us_fast(us) esp_rom_delay_us(us)
void mp_hal_set_interrupt_char(int c);
void mp_hal_wake_main_task(void);
void mp_hal_wake_main_task_from_isr(void);

void chip_quiet_enter(void);
void chip_quiet_exit(void);
#define mp_hal_quiet_timing_enter() (chip_quiet_enter(), 0)
#define mp_hal_quiet_timing_exit(state) ((void)(state), chip_quiet_exit())

#include "py/obj.h"
#define MP_HAL_PIN_FMT "%u"
#define mp_hal_pin_obj_t gpio_num_t
gpio_num_t machine_pin_get_id(mp_obj_t pin);
#define mp_hal_get_pin_obj(pin) machine_pin_get_id(pin)
#define mp_hal_pin_name(pin) (pin)
#define mp_hal_pin_input(pin) gpio_set_direction(pin, GPIO_MODE_INPUT)
#define mp_hal_pin_output(pin) gpio_set_direction(pin, GPIO_MODE_INPUT_OUTPUT)
#define mp_hal_pin_open_drain(pin) gpio_set_direction(pin, GPIO_MODE_INPUT_OUTPUT_OD)
#define mp_hal_pin_od_low(pin) gpio_set_level(pin, 0)
#define mp_hal_pin_od_high(pin) gpio_set_level(pin, 1)
#define mp_hal_pin_read(pin) gpio_get_level(pin)
#define mp_hal_pin_read_output(pin) chip_output_level(pin)
#define mp_hal_pin_write(pin, level) gpio_set_level(pin, level)
