// Espressif's WiFi driver (esp_wifi.h, esp_wifi_types.h, esp_event.h, mdns.h).
#pragma once
#include <string.h>
#include "idf/errors.h"

typedef enum { WIFI_MODE_NULL, WIFI_MODE_STA, WIFI_MODE_AP, WIFI_MODE_APSTA } wifi_mode_t;

typedef enum { WIFI_IF_STA, WIFI_IF_AP } wifi_interface_t;
typedef wifi_interface_t esp_interface_t;
#define ESP_IF_WIFI_STA WIFI_IF_STA
#define ESP_IF_WIFI_AP WIFI_IF_AP
#define ESP_IF_ETH 3

typedef enum {
    WIFI_AUTH_OPEN, WIFI_AUTH_WEP, WIFI_AUTH_WPA_PSK, WIFI_AUTH_WPA2_PSK, WIFI_AUTH_WPA_WPA2_PSK, WIFI_AUTH_ENTERPRISE, WIFI_AUTH_WPA3_PSK,
    WIFI_AUTH_WPA2_WPA3_PSK, WIFI_AUTH_WAPI_PSK, WIFI_AUTH_OWE, WIFI_AUTH_WPA3_ENT_192, WIFI_AUTH_WPA3_EXT_PSK, WIFI_AUTH_WPA3_EXT_PSK_MIXED_MODE,
    WIFI_AUTH_DPP, WIFI_AUTH_WPA3_ENTERPRISE, WIFI_AUTH_WPA2_WPA3_ENTERPRISE, WIFI_AUTH_MAX,
} wifi_auth_mode_t;
#define WIFI_AUTH_WPA2_ENTERPRISE WIFI_AUTH_ENTERPRISE

enum {
    WIFI_REASON_UNSPECIFIED = 1, WIFI_REASON_AUTH_EXPIRE = 2, WIFI_REASON_ASSOC_LEAVE = 8, WIFI_REASON_4WAY_HANDSHAKE_TIMEOUT = 15, WIFI_REASON_BEACON_TIMEOUT = 200,
    WIFI_REASON_NO_AP_FOUND, WIFI_REASON_AUTH_FAIL, WIFI_REASON_ASSOC_FAIL, WIFI_REASON_HANDSHAKE_TIMEOUT, WIFI_REASON_CONNECTION_FAIL,
    WIFI_REASON_NO_AP_FOUND_W_COMPATIBLE_SECURITY = 210, WIFI_REASON_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD, WIFI_REASON_NO_AP_FOUND_IN_RSSI_THRESHOLD,
};

typedef enum { WIFI_PS_NONE, WIFI_PS_MIN_MODEM, WIFI_PS_MAX_MODEM } wifi_ps_type_t;
typedef enum { WIFI_SECOND_CHAN_NONE, WIFI_SECOND_CHAN_ABOVE, WIFI_SECOND_CHAN_BELOW } wifi_second_chan_t;
enum { WIFI_PROTOCOL_11B = 1, WIFI_PROTOCOL_11G = 2, WIFI_PROTOCOL_11N = 4, WIFI_PROTOCOL_LR = 8 };
#define WIFI_STORAGE_RAM 1

typedef struct { int unused; } wifi_init_config_t;
#define WIFI_INIT_CONFIG_DEFAULT() { 0 }
typedef struct { uint8_t ssid[32], password[64]; bool bssid_set; uint8_t bssid[6], channel; } wifi_sta_config_t;
typedef struct { uint8_t ssid[32], password[64], ssid_len, channel, ssid_hidden, max_connection; wifi_auth_mode_t authmode; } wifi_ap_config_t;
typedef union { wifi_sta_config_t sta; wifi_ap_config_t ap; } wifi_config_t;
typedef struct { uint8_t bssid[6], ssid[33], primary; int8_t rssi; wifi_auth_mode_t authmode; } wifi_ap_record_t;
typedef struct { uint8_t mac[6]; } wifi_sta_info_t;
typedef struct { wifi_sta_info_t sta[10]; int num; } wifi_sta_list_t;
typedef struct { bool show_hidden; } wifi_scan_config_t;
typedef struct { uint8_t reason; } wifi_event_sta_disconnected_t;

typedef const char *esp_event_base_t;
typedef void (*esp_event_handler_t)(void *argument, esp_event_base_t base, int32_t id, void *data);
extern esp_event_base_t WIFI_EVENT, IP_EVENT;
#define ESP_EVENT_ANY_ID (-1)
enum { WIFI_EVENT_STA_START = 2, WIFI_EVENT_STA_STOP, WIFI_EVENT_STA_CONNECTED, WIFI_EVENT_STA_DISCONNECTED, WIFI_EVENT_AP_START = 12, WIFI_EVENT_AP_STOP };
enum { IP_EVENT_STA_GOT_IP };
esp_err_t esp_event_handler_instance_register(esp_event_base_t base, int32_t id, esp_event_handler_t handler, void *argument, void *instance);

esp_err_t esp_wifi_init(const wifi_init_config_t *config);
esp_err_t esp_wifi_set_storage(int storage);
esp_err_t esp_wifi_get_mode(wifi_mode_t *mode);
esp_err_t esp_wifi_set_mode(wifi_mode_t mode);
esp_err_t esp_wifi_start(void);
esp_err_t esp_wifi_stop(void);
esp_err_t esp_wifi_connect(void);
esp_err_t esp_wifi_disconnect(void);
esp_err_t esp_wifi_get_config(wifi_interface_t interface, wifi_config_t *config);
esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *config);
esp_err_t esp_wifi_get_ps(wifi_ps_type_t *type);
esp_err_t esp_wifi_set_ps(wifi_ps_type_t type);
esp_err_t esp_wifi_sta_get_ap_info(wifi_ap_record_t *record);
esp_err_t esp_wifi_scan_start(const wifi_scan_config_t *config, bool block);
esp_err_t esp_wifi_scan_get_ap_num(uint16_t *number);
esp_err_t esp_wifi_scan_get_ap_records(uint16_t *number, wifi_ap_record_t *records);
esp_err_t esp_wifi_get_mac(wifi_interface_t interface, uint8_t *mac);
esp_err_t esp_wifi_set_mac(wifi_interface_t interface, const uint8_t *mac);
esp_err_t esp_wifi_get_channel(uint8_t *primary, wifi_second_chan_t *second);
esp_err_t esp_wifi_set_channel(uint8_t primary, wifi_second_chan_t second);
esp_err_t esp_wifi_get_max_tx_power(int8_t *power);
esp_err_t esp_wifi_set_max_tx_power(int8_t power);
esp_err_t esp_wifi_get_protocol(wifi_interface_t interface, uint8_t *protocols);
esp_err_t esp_wifi_set_protocol(wifi_interface_t interface, uint8_t protocols);
esp_err_t esp_wifi_ap_get_sta_list(wifi_sta_list_t *stations);

typedef struct { uint32_t addr; } esp_ip4_addr_t;
esp_err_t mdns_init(void);
esp_err_t mdns_hostname_set(const char *name);
esp_err_t mdns_instance_name_set(const char *name);
esp_err_t mdns_query_a(const char *name, uint32_t timeout_ms, esp_ip4_addr_t *address);
