// ESP32-C6.
#pragma once
#define CONFIG_IDF_TARGET_ESP32C6 1
#define SOC_ADC_PERIPH_NUM 1
#define SOC_ADC_RTC_MIN_BITWIDTH 12
#define SOC_ADC_RTC_MAX_BITWIDTH 12
#define ADC_CALI_SCHEME_CURVE_FITTING_SUPPORTED 1
#define SOC_TIMER_GROUP_TIMERS_PER_GROUP 1
#define SOC_TIMER_GROUP_TOTAL_TIMERS 2
#define SOC_USB_SERIAL_JTAG_SUPPORTED 0 // console.c is the port, whichever it is

// Not measured: 512 KiB of SRAM, less what the IDF and MicroPython have for themselves on a C3 (some 200 KiB).
#define CHIP_HEAP_REGIONS { 65544 + 204800, 20480 }
#define CHIP_HEAP_BYTES (65544 + 204800 + 20480)
#define CHIP_RADIO_BYTES 51200
