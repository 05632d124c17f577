// The flash chip: a file of its size, written through. An operation can be the last one: then the power is lost in its middle.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "chip.h"
#include "idf/partition.h"

#define FLASH_BYTES (4 << 20)
#define ERASED 0xff
#define PARTITIONS_MAX 8

static uint8_t *bytes;
static uint32_t operations_left; // until the power is lost; 0: it stays
static esp_flash_t chip = {FLASH_BYTES};
esp_flash_t *esp_flash_default_chip = &chip;

// MicroPython's partitions-4MiB.csv but for the file system, which the port's main.c adds in what is left
static esp_partition_t partitions[PARTITIONS_MAX] = {
    {ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, 0x9000, 0x6000, "nvs", false},
    {ESP_PARTITION_TYPE_DATA, 1, 0xf000, 0x1000, "phy_init", false},
    {ESP_PARTITION_TYPE_APP, 0, 0x10000, 0x1f0000, "factory", false},
};
static int partition_count = 3;

void flash_open(const char *path, bool fat) {
    int file = open(path, O_RDWR | O_CREAT, 0600);
    struct stat about;
    if (file < 0 || fstat(file, &about) || ftruncate(file, FLASH_BYTES)) {
        perror(path);
        exit(2);
    }
    bytes = mmap(NULL, FLASH_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (about.st_size < FLASH_BYTES) {
        memset(bytes + about.st_size, ERASED, FLASH_BYTES - about.st_size);
    }
    if (fat) {
        partitions[partition_count++] = (esp_partition_t) {ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_FAT, 0x200000, 0x200000, "ffat", false};
    }
}

void flash_cut_after(uint32_t operations) {
    operations_left = operations;
}

// How many bytes of an operation are done: all, or half of them when the power goes in it.
static uint32_t done(uint32_t length) {
    return operations_left == 1 ? length / 2 : length;
}

static void operated(char kind, uint32_t address, uint32_t length) {
    uint32_t message[2] = {address, length};
    door_send(kind, message, sizeof(message));
    if (operations_left && --operations_left == 0) {
        life_end(CAUSE_POWERON, 0);
    }
}

esp_err_t esp_flash_read(esp_flash_t *flash, void *to, uint32_t address, uint32_t length) {
    FAULT();
    if (address > FLASH_BYTES || length > FLASH_BYTES - address) {
        return ESP_ERR_INVALID_ARG;
    }
    memcpy(to, bytes + address, length);
    return ESP_OK;
}

esp_err_t esp_flash_write(esp_flash_t *flash, const void *from, uint32_t address, uint32_t length) {
    FAULT();
    if (address > FLASH_BYTES || length > FLASH_BYTES - address) {
        return ESP_ERR_INVALID_ARG;
    }
    uint32_t n = done(length);
    for (uint32_t i = 0; i < n; i++) {
        bytes[address + i] &= ((const uint8_t *)from)[i]; // programming can only clear bits
    }
    operated('p', address, length);
    return ESP_OK;
}

esp_err_t esp_flash_erase_region(esp_flash_t *flash, uint32_t address, uint32_t length) {
    FAULT();
    if (address > FLASH_BYTES || length > FLASH_BYTES - address) {
        return ESP_ERR_INVALID_ARG;
    }
    memset(bytes + address, ERASED, done(length));
    operated('e', address, length);
    return ESP_OK;
}

esp_err_t esp_flash_get_size(esp_flash_t *flash, uint32_t *size) {
    *size = FLASH_BYTES;
    return ESP_OK;
}

esp_err_t esp_flash_get_physical_size(esp_flash_t *flash, uint32_t *size) {
    return esp_flash_get_size(flash, size);
}

// Partitions

static bool matches(const esp_partition_t *p, esp_partition_type_t type, esp_partition_subtype_t subtype, const char *label) {
    return (type == ESP_PARTITION_TYPE_ANY || p->type == type) && (subtype == ESP_PARTITION_SUBTYPE_ANY || p->subtype == subtype) &&
           (!label || !strcmp(p->label, label));
}

esp_partition_iterator_t esp_partition_find(esp_partition_type_t type, esp_partition_subtype_t subtype, const char *label) {
    const esp_partition_t **found = calloc(PARTITIONS_MAX + 1, sizeof(*found));
    int n = 0;
    for (int i = 0; i < partition_count; i++) {
        if (matches(&partitions[i], type, subtype, label)) {
            found[n++] = &partitions[i];
        }
    }
    if (!n) {
        free(found);
        return NULL;
    }
    return found;
}

const esp_partition_t *esp_partition_get(esp_partition_iterator_t iterator) {
    return *iterator;
}

esp_partition_iterator_t esp_partition_next(esp_partition_iterator_t iterator) {
    return iterator[1] ? iterator + 1 : NULL;
}

void esp_partition_iterator_release(esp_partition_iterator_t iterator) {
    // A list is a few bytes, and an iterator that moved on does not tell where it began: it stays until the reset.
}

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype, const char *label) {
    esp_partition_iterator_t found = esp_partition_find(type, subtype, label);
    return found ? *found : NULL;
}

esp_err_t esp_partition_register_external(esp_flash_t *flash, size_t offset, size_t size, const char *label, esp_partition_type_t type,
    esp_partition_subtype_t subtype, const esp_partition_t **partition) {
    esp_partition_t *fresh = &partitions[partition_count++];
    *fresh = (esp_partition_t) {type, subtype, offset, size, "", false};
    strncpy(fresh->label, label, sizeof(fresh->label) - 1);
    return ESP_OK;
}

esp_err_t esp_partition_read(const esp_partition_t *p, size_t offset, void *to, size_t length) {
    FAULT();
    return offset > p->size || length > p->size - offset ? ESP_ERR_INVALID_SIZE : esp_flash_read(NULL, to, p->address + offset, length);
}

esp_err_t esp_partition_write(const esp_partition_t *p, size_t offset, const void *from, size_t length) {
    FAULT();
    return offset > p->size || length > p->size - offset ? ESP_ERR_INVALID_SIZE : esp_flash_write(NULL, from, p->address + offset, length);
}

esp_err_t esp_partition_erase_range(const esp_partition_t *p, size_t offset, size_t length) {
    FAULT();
    return offset > p->size || length > p->size - offset ? ESP_ERR_INVALID_SIZE : esp_flash_erase_region(NULL, p->address + offset, length);
}

const esp_partition_t *esp_ota_get_running_partition(void) {
    return esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_ANY, "factory");
}

const esp_partition_t *esp_ota_get_boot_partition(void) {
    return esp_ota_get_running_partition();
}

const esp_partition_t *esp_ota_get_next_update_partition(const esp_partition_t *start) {
    return NULL; // this image has one slot
}

esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition) {
    return ESP_ERR_INVALID_ARG;
}

esp_err_t esp_ota_mark_app_valid_cancel_rollback(void) {
    return ESP_OK;
}
