// The flash and its partitions (esp_flash.h, esp_partition.h, esp_ota_ops.h).
#pragma once
#include "idf/errors.h"

typedef enum { ESP_PARTITION_TYPE_APP, ESP_PARTITION_TYPE_DATA, ESP_PARTITION_TYPE_ANY = 0xff } esp_partition_type_t;
typedef enum { ESP_PARTITION_SUBTYPE_DATA_NVS = 2, ESP_PARTITION_SUBTYPE_DATA_FAT = 0x81, ESP_PARTITION_SUBTYPE_ANY = 0xff } esp_partition_subtype_t;
typedef struct { esp_partition_type_t type; esp_partition_subtype_t subtype; uint32_t address, size; char label[17]; bool encrypted; } esp_partition_t;
typedef const esp_partition_t **esp_partition_iterator_t;

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype, const char *label);
esp_partition_iterator_t esp_partition_find(esp_partition_type_t type, esp_partition_subtype_t subtype, const char *label);
const esp_partition_t *esp_partition_get(esp_partition_iterator_t iterator);
esp_partition_iterator_t esp_partition_next(esp_partition_iterator_t iterator);
void esp_partition_iterator_release(esp_partition_iterator_t iterator);
esp_err_t esp_partition_read(const esp_partition_t *partition, size_t offset, void *to, size_t bytes);
esp_err_t esp_partition_write(const esp_partition_t *partition, size_t offset, const void *from, size_t bytes);
esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset, size_t bytes);

typedef struct { uint32_t size; } esp_flash_t;
extern esp_flash_t *esp_flash_default_chip;
esp_err_t esp_flash_get_physical_size(esp_flash_t *flash, uint32_t *bytes);
esp_err_t esp_flash_get_size(esp_flash_t *flash, uint32_t *bytes);
esp_err_t esp_flash_read(esp_flash_t *flash, void *to, uint32_t address, uint32_t bytes);
esp_err_t esp_flash_write(esp_flash_t *flash, const void *from, uint32_t address, uint32_t bytes);
esp_err_t esp_flash_erase_region(esp_flash_t *flash, uint32_t address, uint32_t bytes);
esp_err_t esp_partition_register_external(esp_flash_t *flash, size_t offset, size_t bytes, const char *label, esp_partition_type_t type,
    esp_partition_subtype_t subtype, const esp_partition_t **partition);

const esp_partition_t *esp_ota_get_boot_partition(void);
const esp_partition_t *esp_ota_get_running_partition(void);
const esp_partition_t *esp_ota_get_next_update_partition(const esp_partition_t *start);
esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition);
esp_err_t esp_ota_mark_app_valid_cancel_rollback(void);
