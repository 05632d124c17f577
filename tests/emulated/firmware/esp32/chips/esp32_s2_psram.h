// ESP32-S2 with 2 MiB of PSRAM: the heap's last and largest piece.
#pragma once
#include "esp32_s2.h"
#undef CHIP_HEAP_REGIONS
#undef CHIP_HEAP_BYTES
#define CHIP_HEAP_REGIONS { 65544 + 11264, 8192, 2097152 }
#define CHIP_HEAP_BYTES (65544 + 11264 + 8192 + 2097152)
