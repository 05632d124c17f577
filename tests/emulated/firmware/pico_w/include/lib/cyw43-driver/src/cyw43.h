// The part of the cyw43 driver's interface that MicroPython's rp2 port uses (extmod/network_cyw43.c, mpnetworkport.c,
// machine_pin_cyw43.c). Names and numbers are the driver's, because MicroPython passes them on to Python code.
#ifndef PLOTPOST_EMULATED_CYW43_H
#define PLOTPOST_EMULATED_CYW43_H

#include <string.h>

#include "ports/rp2/cyw43_configport.h"
#include "lwip/dhcp.h"
#include "lwip/netif.h"
#include "shared/netutils/dhcpserver.h"

// WLAN.status()
#define CYW43_LINK_DOWN     0
#define CYW43_LINK_JOIN     1
#define CYW43_LINK_NOIP     2
#define CYW43_LINK_UP       3
#define CYW43_LINK_FAIL     (-1)
#define CYW43_LINK_NONET    (-2)
#define CYW43_LINK_BADAUTH  (-3)

// WLAN.SEC_*
#define CYW43_AUTH_OPEN                 0
#define CYW43_AUTH_WPA2_AES_PSK         0x00400004
#define CYW43_AUTH_WPA2_MIXED_PSK       0x00400006
#define CYW43_AUTH_WPA3_SAE_AES_PSK     0x01000004
#define CYW43_AUTH_WPA3_WPA2_AES_PSK    0x01400004

// WLAN.PM_*
#define CYW43_NO_POWERSAVE_MODE     0
#define CYW43_PM1_POWERSAVE_MODE    1
#define CYW43_PM2_POWERSAVE_MODE    2

// WLAN.config(); a set command has its lowest bit set
#define CYW43_IOCTL_GET_SSID        0x32
#define CYW43_IOCTL_GET_CHANNEL     0x3a
#define CYW43_IOCTL_GET_ANTDIV      0x7e
#define CYW43_IOCTL_SET_ANTDIV      0x81
#define CYW43_IOCTL_SET_MONITOR     0xd9
#define CYW43_IOCTL_GET_VAR         0x20c
#define CYW43_IOCTL_SET_VAR         0x20f

#define CYW43_TRACE_MAC     0x10
#define CYW43_CHANNEL_NONE  0xffffffff

enum { CYW43_ITF_STA, CYW43_ITF_AP };

typedef struct {
    uint8_t bssid[6];
    uint8_t ssid_len;
    uint8_t ssid[32];
    uint8_t auth_mode;
    uint16_t channel;
    int16_t rssi;
} cyw43_ev_scan_result_t;

typedef struct {
    uint32_t ssid_len;
    uint8_t ssid[32];
    uint8_t bssid[6];
    int8_t scan_type;
} cyw43_wifi_scan_options_t;

typedef int (*cyw43_scan_callback_t)(void *env, const cyw43_ev_scan_result_t *result);

typedef struct _cyw43_t {
    // One Ethernet frame on its way in or out; as large as the real driver's low-level state, so that RAM use is the same.
    uint32_t frame[541];
    int link;
    uint8_t mac[6];
    uint8_t ssid_len;
    uint8_t ssid[32];
    uint8_t gpios;
    bool up[2];
    uint32_t trace_flags;
    uint32_t power_management;

    volatile bool scanning;
    void *scan_env;
    cyw43_scan_callback_t scan_callback;

    // The access point is not emulated; its settings can be written and read.
    uint32_t ap_auth;
    uint8_t ap_ssid_len;
    uint8_t ap_ssid[32];

    struct netif netif[2];
    struct dhcp dhcp_client;
    dhcp_server_t dhcp_server; // unused: the real driver's size
} cyw43_t;

extern cyw43_t cyw43_state;
extern void (*cyw43_poll)(void); // what the interrupt of WL_HOST_WAKE dispatches to

void cyw43_init(cyw43_t *self);
void cyw43_deinit(cyw43_t *self);
int cyw43_ioctl(cyw43_t *self, uint32_t command, size_t len, uint8_t *buf, uint32_t itf);
int cyw43_send_ethernet(cyw43_t *self, int itf, size_t len, const void *buf, bool is_pbuf);
void cyw43_wifi_set_up(cyw43_t *self, int itf, bool up, uint32_t country);
int cyw43_wifi_scan(cyw43_t *self, cyw43_wifi_scan_options_t *options, void *env, cyw43_scan_callback_t callback);
int cyw43_wifi_join(cyw43_t *self, size_t ssid_len, const uint8_t *ssid, size_t key_len, const uint8_t *key,
    uint32_t auth, const uint8_t *bssid, uint32_t channel);
int cyw43_wifi_leave(cyw43_t *self, int itf);
int cyw43_wifi_get_rssi(cyw43_t *self, int32_t *rssi);
int cyw43_wifi_get_mac(cyw43_t *self, int itf, uint8_t mac[6]);
int cyw43_tcpip_link_status(cyw43_t *self, int itf);
int cyw43_gpio_set(cyw43_t *self, int gpio, bool value);
int cyw43_gpio_get(cyw43_t *self, int gpio, bool *value);
bool cyw43_wifi_scan_active(cyw43_t *self);
int cyw43_wifi_pm(cyw43_t *self, uint32_t value);
int cyw43_wifi_get_pm(cyw43_t *self, uint32_t *value);

void cyw43_wifi_ap_get_stas(cyw43_t *self, int *count, uint8_t *macs);
void cyw43_wifi_ap_get_ssid(cyw43_t *self, size_t *len, const uint8_t **ssid);
void cyw43_wifi_ap_set_ssid(cyw43_t *self, size_t len, const uint8_t *ssid);
uint32_t cyw43_wifi_ap_get_auth(cyw43_t *self);
void cyw43_wifi_ap_set_auth(cyw43_t *self, uint32_t auth);
void cyw43_wifi_ap_set_channel(cyw43_t *self, uint32_t channel);
void cyw43_wifi_ap_set_password(cyw43_t *self, size_t len, const uint8_t *password);

#endif
