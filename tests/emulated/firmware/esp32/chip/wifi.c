// Espressif's WiFi driver as network_wlan.c meets it: its states, its errors, its events. Who may join is the board's affair.
#include <pthread.h>
#include <stdlib.h>
#include "chip.h"
#include "idf/system.h"
#include "idf/wifi.h"
#include "sdkconfig.h"

#define RECORDS_MAX 16

esp_event_base_t WIFI_EVENT = "WIFI_EVENT", IP_EVENT = "IP_EVENT";

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_cond_t scanned = PTHREAD_COND_INITIALIZER;
static esp_event_handler_t on_wifi, on_ip;
static enum { OFF, READY, STARTED } power;
static enum { IDLE, CONNECTING, CONNECTED } station;
static bool scanning;
static wifi_mode_t mode;
static wifi_config_t station_config, ap_config;
static wifi_ps_type_t saving = WIFI_PS_MIN_MODEM;
static int8_t signal_dbm = -50, tx_power = 80;
static wifi_ap_record_t records[RECORDS_MAX];
static int record_count;

// One function at a time; a fault on command, and what the driver itself refuses, come first.
#define LOCKED(code) do { \
        FAULT(); \
        pthread_mutex_lock(&lock); \
        esp_err_t result = ESP_OK; \
        code; \
        pthread_mutex_unlock(&lock); \
        return result; \
} while (0)

static void tell_disconnected(uint8_t reason) {
    wifi_event_sta_disconnected_t event = {reason};
    station = IDLE;
    on_wifi(NULL, WIFI_EVENT, WIFI_EVENT_STA_DISCONNECTED, &event);
}

// From the board

void wifi_associated(void) {
    pthread_mutex_lock(&lock);
    bool wanted = station == CONNECTING;
    if (wanted) {
        station = CONNECTED;
        on_wifi(NULL, WIFI_EVENT, WIFI_EVENT_STA_CONNECTED, NULL);
    }
    pthread_mutex_unlock(&lock);
    if (wanted) {
        netif_link(true);
    }
}

void wifi_disassociated(uint8_t reason) {
    if (reason == WIFI_REASON_ASSOC_LEAVE) {
        return; // the answer to a L, after which the station is idle already
    }
    netif_link(false);
    pthread_mutex_lock(&lock);
    if (station != IDLE) {
        tell_disconnected(reason);
    }
    pthread_mutex_unlock(&lock);
}

void wifi_got_address(void) {
    pthread_mutex_lock(&lock);
    if (station == CONNECTED) {
        on_ip(NULL, IP_EVENT, IP_EVENT_STA_GOT_IP, NULL);
    }
    pthread_mutex_unlock(&lock);
}

void wifi_signal(int8_t dbm) {
    signal_dbm = dbm;
}

// bssid, channel, signal, authentication, length of the name, name
void wifi_scan_result(const uint8_t *p, size_t bytes) {
    pthread_mutex_lock(&lock);
    if (record_count < RECORDS_MAX && bytes >= 10) {
        wifi_ap_record_t *record = &records[record_count++];
        memset(record, 0, sizeof(*record));
        memcpy(record->bssid, p, 6);
        record->primary = p[6];
        record->rssi = (int8_t)p[7];
        record->authmode = p[8];
        memcpy(record->ssid, p + 10, p[9] <= 32 ? p[9] : 32);
    }
    pthread_mutex_unlock(&lock);
}

void wifi_scan_done(void) {
    pthread_mutex_lock(&lock);
    scanning = false;
    pthread_cond_broadcast(&scanned);
    pthread_mutex_unlock(&lock);
}

bool wifi_is_started(void) {
    return power == STARTED;
}

// The driver

esp_err_t esp_event_handler_instance_register(esp_event_base_t base, int32_t id, esp_event_handler_t handler, void *argument, void *instance) {
    FAULT();
    if (base == WIFI_EVENT) {
        on_wifi = handler;
    } else {
        on_ip = handler;
    }
    return ESP_OK;
}

esp_err_t esp_wifi_init(const wifi_init_config_t *config) {
    LOCKED({
        if (power == OFF && !heap_take(CHIP_RADIO_BYTES)) {
            result = ESP_ERR_NO_MEM;
        } else if (power == OFF) {
            power = READY;
        }
    });
}

esp_err_t esp_wifi_set_storage(int storage) {
    LOCKED(result = power == OFF ? ESP_ERR_WIFI_NOT_INIT : ESP_OK);
}

esp_err_t esp_wifi_get_mode(wifi_mode_t *present) {
    LOCKED({
        *present = mode;
        result = power == OFF ? ESP_ERR_WIFI_NOT_INIT : ESP_OK;
    });
}

esp_err_t esp_wifi_set_mode(wifi_mode_t wanted) {
    LOCKED({
        mode = wanted;
        result = power == OFF ? ESP_ERR_WIFI_NOT_INIT : ESP_OK;
    });
}

esp_err_t esp_wifi_start(void) {
    LOCKED({
        if (power == OFF) {
            result = ESP_ERR_WIFI_NOT_INIT;
        } else if (power == READY) {
            power = STARTED;
            on_wifi(NULL, WIFI_EVENT, mode == WIFI_MODE_AP ? WIFI_EVENT_AP_START : WIFI_EVENT_STA_START, NULL);
        }
    });
}

// True when there was something to leave. The interface goes down without the driver's lock: lwIP's comes first everywhere.
static bool leave(void) {
    pthread_mutex_lock(&lock);
    bool leaves = station != IDLE;
    if (leaves) {
        door_send('L', NULL, 0);
        tell_disconnected(WIFI_REASON_ASSOC_LEAVE);
    }
    pthread_mutex_unlock(&lock);
    return leaves;
}

esp_err_t esp_wifi_stop(void) {
    FAULT();
    if (power == OFF) {
        return ESP_ERR_WIFI_NOT_INIT;
    }
    pthread_mutex_lock(&lock);
    bool stops = power == STARTED;
    power = READY;
    pthread_mutex_unlock(&lock);
    if (leave()) {
        netif_link(false);
    }
    if (stops) {
        on_wifi(NULL, WIFI_EVENT, mode == WIFI_MODE_AP ? WIFI_EVENT_AP_STOP : WIFI_EVENT_STA_STOP, NULL);
        mode = WIFI_MODE_NULL;
    }
    return ESP_OK;
}

static void ask_to_join(void) {
    uint8_t message[2 + sizeof(station_config.sta.ssid) + sizeof(station_config.sta.password)];
    size_t name = strnlen((char *)station_config.sta.ssid, sizeof(station_config.sta.ssid));
    size_t key = strnlen((char *)station_config.sta.password, sizeof(station_config.sta.password));
    message[0] = name;
    memcpy(message + 1, station_config.sta.ssid, name);
    message[1 + name] = key;
    memcpy(message + 2 + name, station_config.sta.password, key);
    door_send('J', message, 2 + name + key);
}

esp_err_t esp_wifi_connect(void) {
    LOCKED({
        if (power != STARTED) {
            result = power == OFF ? ESP_ERR_WIFI_NOT_INIT : ESP_ERR_WIFI_NOT_STARTED;
        } else if (!(mode & WIFI_MODE_STA)) {
            result = ESP_ERR_WIFI_MODE;
        } else if (station == CONNECTING) {
            result = ESP_ERR_WIFI_CONN;
        } else if (!station_config.sta.ssid[0]) {
            result = ESP_ERR_WIFI_SSID;
        } else if (station == IDLE) {
            station = CONNECTING;
            ask_to_join();
        }
    });
}

esp_err_t esp_wifi_disconnect(void) {
    FAULT();
    if (power != STARTED) {
        return power == OFF ? ESP_ERR_WIFI_NOT_INIT : ESP_ERR_WIFI_NOT_STARTED;
    }
    if (leave()) {
        netif_link(false);
    }
    return ESP_OK;
}

esp_err_t esp_wifi_get_config(wifi_interface_t interface, wifi_config_t *config) {
    LOCKED({
        *config = interface == WIFI_IF_STA ? station_config : ap_config;
        result = power == OFF ? ESP_ERR_WIFI_NOT_INIT : ESP_OK;
    });
}

esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *config) {
    LOCKED({
        size_t key = strnlen((char *)config->sta.password, sizeof(config->sta.password));
        if (interface != WIFI_IF_STA) {
            ap_config = *config;
        } else if (power == OFF) {
            result = ESP_ERR_WIFI_NOT_INIT;
        } else if (station == CONNECTING) {
            result = ESP_ERR_WIFI_STATE;
        } else if (key && key < 8) {
            result = ESP_ERR_WIFI_PASSWORD;
        } else {
            station_config = *config;
        }
    });
}

// What Espressif's library does on C3 and C6, read from its machine code: a type above 2 is an invalid argument.
esp_err_t esp_wifi_set_ps(wifi_ps_type_t type) {
    LOCKED({
        if (type > WIFI_PS_MAX_MODEM) {
            result = ESP_ERR_INVALID_ARG;
        } else {
            saving = type;
        }
    });
}

esp_err_t esp_wifi_get_ps(wifi_ps_type_t *type) {
    LOCKED(*type = saving);
}

esp_err_t esp_wifi_sta_get_ap_info(wifi_ap_record_t *record) {
    LOCKED({
        memset(record, 0, sizeof(*record));
        record->rssi = signal_dbm;
        result = station == CONNECTED ? ESP_OK : ESP_ERR_WIFI_NOT_CONNECT;
    });
}

esp_err_t esp_wifi_scan_start(const wifi_scan_config_t *config, bool block) {
    LOCKED({
        if (power != STARTED) {
            result = ESP_ERR_WIFI_NOT_STARTED;
        } else if (station == CONNECTING) {
            result = ESP_ERR_WIFI_STATE;
        } else {
            record_count = 0;
            scanning = true;
            door_send('S', NULL, 0);
            while (scanning) {
                pthread_cond_wait(&scanned, &lock);
            }
        }
    });
}

esp_err_t esp_wifi_scan_get_ap_num(uint16_t *number) {
    LOCKED(*number = record_count);
}

esp_err_t esp_wifi_scan_get_ap_records(uint16_t *number, wifi_ap_record_t *found) {
    LOCKED({
        *number = *number < record_count ? *number : record_count;
        memcpy(found, records, *number * sizeof(*found));
    });
}

esp_err_t esp_wifi_get_mac(wifi_interface_t interface, uint8_t *mac) {
    FAULT();
    return esp_efuse_mac_get_default(mac);
}

esp_err_t esp_wifi_set_mac(wifi_interface_t interface, const uint8_t *mac) {
    return ESP_ERR_NOT_SUPPORTED;
}

esp_err_t esp_wifi_get_channel(uint8_t *primary, wifi_second_chan_t *second) {
    FAULT();
    *primary = 6;
    *second = WIFI_SECOND_CHAN_NONE;
    return ESP_OK;
}

esp_err_t esp_wifi_set_channel(uint8_t primary, wifi_second_chan_t second) {
    FAULT();
    return ESP_OK;
}

esp_err_t esp_wifi_get_max_tx_power(int8_t *power_quarter_dbm) {
    FAULT();
    *power_quarter_dbm = tx_power;
    return ESP_OK;
}

esp_err_t esp_wifi_set_max_tx_power(int8_t power_quarter_dbm) {
    FAULT();
    tx_power = power_quarter_dbm;
    return ESP_OK;
}

esp_err_t esp_wifi_get_protocol(wifi_interface_t interface, uint8_t *protocols) {
    FAULT();
    *protocols = WIFI_PROTOCOL_11B | WIFI_PROTOCOL_11G | WIFI_PROTOCOL_11N;
    return ESP_OK;
}

esp_err_t esp_wifi_set_protocol(wifi_interface_t interface, uint8_t protocols) {
    FAULT();
    return ESP_OK;
}

esp_err_t esp_wifi_ap_get_sta_list(wifi_sta_list_t *stations) {
    FAULT();
    stations->num = 0;
    return ESP_OK;
}
