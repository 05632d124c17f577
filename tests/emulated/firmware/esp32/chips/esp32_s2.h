// ESP32-S2 without PSRAM, with MicroPython's one image for it, which counts on PSRAM and begins with 64 KiB of Python's heap.
#pragma once
#define CONFIG_IDF_TARGET_ESP32S2 1
#define CONFIG_SPIRAM 1
#define SOC_ADC_PERIPH_NUM 2
#define SOC_ADC_RTC_MIN_BITWIDTH 13
#define SOC_ADC_RTC_MAX_BITWIDTH 13
#define ADC_CALI_SCHEME_CURVE_FITTING_SUPPORTED 0
#define SOC_TIMER_GROUP_TIMERS_PER_GROUP 2
#define SOC_TIMER_GROUP_TOTAL_TIMERS 4

// 72 KiB are free at the prompt; the radio does not start even then.
#define CHIP_HEAP_REGIONS { 65544 + 11264, 8192 }
#define CHIP_HEAP_BYTES (65544 + 11264 + 8192)
#define CHIP_RADIO_BYTES 51200
