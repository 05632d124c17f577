// mbedtls as on the chip: TLS 1.2, 16 KiB in and 4 KiB out a connection, from the IDF's heap; the clock is the chip's.
#pragma once
#include "extmod/mbedtls/mbedtls_config_common.h"
#include <time.h>
#include "idf/heap.h"

#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_STD_CALLOC chip_calloc
#define MBEDTLS_PLATFORM_STD_FREE heap_caps_free
#define MBEDTLS_PLATFORM_TIME_ALT
static inline void *chip_calloc(size_t n, size_t bytes) {
    return heap_caps_calloc(n, bytes, 0);
}
