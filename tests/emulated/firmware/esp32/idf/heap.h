// The IDF's heap, which WiFi, lwIP, mbedtls and MicroPython's own heap share (esp_heap_caps.h, heap_private.h, sys/queue.h).
#pragma once
#include "idf/errors.h"

#define MALLOC_CAP_EXEC (1 << 0)
#define MALLOC_CAP_8BIT (1 << 2)
#define MALLOC_CAP_DEFAULT (1 << 12)

void *heap_caps_malloc(size_t bytes, uint32_t caps);
void *heap_caps_calloc(size_t n, size_t bytes, uint32_t caps);
void heap_caps_free(void *block);
size_t heap_caps_get_largest_free_block(uint32_t caps);

typedef struct heap {
    struct heap *next;
    size_t start, end;
    struct chip_region *heap;
} heap_t;
typedef struct { size_t total_free_bytes, largest_free_block, minimum_free_bytes; } multi_heap_info_t;
extern heap_t *registered_heaps;
#define SLIST_FOREACH(item, head, field) for ((item) = *(head); (item); (item) = (item)->field)
void multi_heap_get_info(struct chip_region *heap, multi_heap_info_t *info);
bool heap_caps_match(const heap_t *heap, uint32_t caps);

#define esp_ptr_executable(pointer) true

static inline bool esp_psram_is_initialized(void) {
    return false;
}
