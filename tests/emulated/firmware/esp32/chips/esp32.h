// ESP32, the classic.
#pragma once
#define CONFIG_IDF_TARGET_ESP32 1
#define SOC_ADC_PERIPH_NUM 2
#define SOC_ADC_RTC_MIN_BITWIDTH 9
#define SOC_ADC_RTC_MAX_BITWIDTH 12
#define ADC_CALI_SCHEME_CURVE_FITTING_SUPPORTED 0
#define SOC_TIMER_GROUP_TIMERS_PER_GROUP 2
#define SOC_TIMER_GROUP_TOTAL_TIMERS 4

// MicroPython 1.27's own image has 163,120 B at its prompt: 56 KiB of Python's heap, and 110,592 B in one piece to grow into. The other pieces
// are as Espressif's memory map has them (15,072 B beside the ROM's, what .data and .bss leave of the first 176 KiB).
#define CHIP_HEAP_REGIONS { 57352 + 67584, 110600, 15072 }
#define CHIP_HEAP_BYTES (57352 + 67584 + 110600 + 15072)
#define CHIP_RADIO_BYTES 51200
