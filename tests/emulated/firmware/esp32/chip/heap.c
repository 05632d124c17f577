// The IDF's heap: as much as the chip has, in pieces, first fit. WiFi, lwIP, mbedtls and the growth of MicroPython's heap take from it.
#include <pthread.h>
#include <string.h>
#include "chip.h"
#include "idf/heap.h"
#include "sdkconfig.h"

#define ALIGN 8u

// A block, free or taken; the next one begins behind it.
typedef struct {
    uint32_t bytes; // of the whole block, this head included
    uint32_t taken;
} block_t;

struct chip_region {
    uint8_t *begin, *end;
    size_t fewest_free;
};

// Sizes in bytes, see ../README.md: what is free when MicroPython's task begins
static const size_t sizes[] = CHIP_HEAP_REGIONS;
#define REGIONS (sizeof(sizes) / sizeof(sizes[0]))
static uint8_t memory[CHIP_HEAP_BYTES] __attribute__((aligned(ALIGN)));
static struct chip_region regions[REGIONS];
static heap_t heaps[REGIONS];
heap_t *registered_heaps;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void init(void) {
    uint8_t *at = memory;
    for (size_t i = 0; i < REGIONS; i++) {
        regions[i] = (struct chip_region) {at, at + sizes[i], sizes[i]};
        *(block_t *)at = (block_t) {sizes[i], 0};
        heaps[i] = (heap_t) {registered_heaps, (size_t)at, (size_t)at + sizes[i], &regions[i]};
        registered_heaps = &heaps[i];
        at += sizes[i];
    }
}

static block_t *next(block_t *block) {
    return (block_t *)((uint8_t *)block + block->bytes);
}

// What is free behind a free block joins it.
static void join(block_t *block, const struct chip_region *region) {
    while ((uint8_t *)next(block) < region->end && !next(block)->taken) {
        block->bytes += next(block)->bytes;
    }
}

static void measure(struct chip_region *region, multi_heap_info_t *info) {
    *info = (multi_heap_info_t) {0, 0, region->fewest_free};
    for (block_t *block = (block_t *)region->begin; (uint8_t *)block < region->end; block = next(block)) {
        if (!block->taken) {
            join(block, region);
            info->total_free_bytes += block->bytes - sizeof(block_t);
            if (block->bytes - sizeof(block_t) > info->largest_free_block) {
                info->largest_free_block = block->bytes - sizeof(block_t);
            }
        }
    }
    if (info->total_free_bytes < region->fewest_free) {
        region->fewest_free = info->minimum_free_bytes = info->total_free_bytes;
    }
}

static void *take(struct chip_region *region, size_t bytes) {
    for (block_t *block = (block_t *)region->begin; (uint8_t *)block < region->end; block = next(block)) {
        if (block->taken) {
            continue;
        }
        join(block, region);
        if (block->bytes < bytes) {
            continue;
        }
        if (block->bytes - bytes >= sizeof(block_t) + ALIGN) {
            block_t *rest = (block_t *)((uint8_t *)block + bytes);
            *rest = (block_t) {block->bytes - bytes, 0};
            block->bytes = bytes;
        }
        block->taken = 1;
        return block + 1;
    }
    return NULL;
}

static void enter(void) {
    pthread_mutex_lock(&lock);
    if (!registered_heaps) {
        init();
    }
}

void *heap_caps_malloc(size_t bytes, uint32_t caps) {
    if (fault(__func__)) {
        return NULL;
    }
    enter();
    void *found = NULL;
    size_t whole = (bytes + sizeof(block_t) + ALIGN - 1) & ~(ALIGN - 1);
    for (size_t i = 0; i < REGIONS && !found; i++) {
        found = take(&regions[i], whole);
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void *heap_caps_calloc(size_t n, size_t bytes, uint32_t caps) {
    void *block = heap_caps_malloc(n * bytes, caps);
    return block ? memset(block, 0, n * bytes) : NULL;
}

void heap_caps_free(void *block) {
    if (block) {
        pthread_mutex_lock(&lock);
        ((block_t *)block - 1)->taken = 0;
        pthread_mutex_unlock(&lock);
    }
}

bool heap_take(size_t bytes) {
    // The driver takes its memory in many pieces, none of them large.
    for (size_t taken = 0; taken < bytes; taken += 1600) {
        if (!heap_caps_malloc(1600 - sizeof(block_t), 0)) {
            return false;
        }
    }
    return true;
}

size_t heap_caps_get_largest_free_block(uint32_t caps) {
    size_t largest = 0;
    enter();
    for (size_t i = 0; i < REGIONS; i++) {
        multi_heap_info_t info;
        measure(&regions[i], &info);
        if (info.largest_free_block > largest) {
            largest = info.largest_free_block;
        }
    }
    pthread_mutex_unlock(&lock);
    return largest;
}

void multi_heap_get_info(struct chip_region *region, multi_heap_info_t *info) {
    enter();
    measure(region, info);
    pthread_mutex_unlock(&lock);
}

bool heap_caps_match(const heap_t *heap, uint32_t caps) {
    return (caps & MALLOC_CAP_8BIT) != 0;
}
