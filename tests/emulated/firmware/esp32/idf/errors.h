// esp_err_t, and the codes that MicroPython tells apart (esp_err.h, esp_wifi.h).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int esp_err_t;

enum {
    ESP_OK = 0,
    ESP_FAIL = -1,
    ESP_ERR_NO_MEM = 0x101,
    ESP_ERR_INVALID_ARG = 0x102,
    ESP_ERR_INVALID_STATE = 0x103,
    ESP_ERR_INVALID_SIZE = 0x104,
    ESP_ERR_NOT_FOUND = 0x105,
    ESP_ERR_NOT_SUPPORTED = 0x106,
    ESP_ERR_TIMEOUT = 0x107,
    ESP_ERR_NVS_NO_FREE_PAGES = 0x110d,
    ESP_ERR_NVS_NEW_VERSION_FOUND = 0x1110,
    ESP_ERR_WIFI_NOT_INIT = 0x3001,
    ESP_ERR_WIFI_NOT_STARTED,
    ESP_ERR_WIFI_NOT_STOPPED,
    ESP_ERR_WIFI_IF,
    ESP_ERR_WIFI_MODE,
    ESP_ERR_WIFI_STATE,
    ESP_ERR_WIFI_CONN,
    ESP_ERR_WIFI_NVS,
    ESP_ERR_WIFI_MAC,
    ESP_ERR_WIFI_SSID,
    ESP_ERR_WIFI_PASSWORD,
    ESP_ERR_WIFI_TIMEOUT,
    ESP_ERR_WIFI_WAKE_FAIL,
    ESP_ERR_WIFI_WOULD_BLOCK,
    ESP_ERR_WIFI_NOT_CONNECT,
    ESP_ERR_ESP_NETIF_DHCP_ALREADY_STOPPED = 0x5003,
};

const char *esp_err_to_name(esp_err_t code);

#define ESP_ERROR_CHECK(x) do { if ((x) != ESP_OK) { esp_restart(); } } while (0)
#define ESP_IDF_VERSION_VAL(major, minor, patch) ((major) << 16 | (minor) << 8 | (patch))
#define ESP_IDF_VERSION ESP_IDF_VERSION_VAL(5, 4, 2)
#define IDF_VER "v5.4.2"
