// The WiFi chip of the emulated Pico W, in place of the cyw43 driver: the emulator is the radio.
//
// As with the real chip, the radio raises WL_HOST_WAKE (GPIO 24) while it has something to say; MicroPython's own interrupt
// handler then has PendSV call cyw43_poll. Everything above (lwIP, socket, network.WLAN, tls) is MicroPython's own.
#include "lib/cyw43-driver/src/cyw43.h"

#include "emulator.h"
#include "hardware/gpio.h"
#include "interface.h"

#define DEFAULT_POWER_MANAGEMENT 0xa11142 // CYW43_DEFAULT_PM
#define SCAN_CHANNEL 6

cyw43_t cyw43_state;

static void joined(cyw43_t *self) {
    self->link = CYW43_LINK_JOIN; // with a link, cyw43_tcpip_link_status looks at the address
    netif_set_link_up(&self->netif[CYW43_ITF_STA]);
}

static void disconnected(cyw43_t *self, int status) {
    self->link = status;
    if (self->up[CYW43_ITF_STA]) {
        netif_set_link_down(&self->netif[CYW43_ITF_STA]);
    }
}

static void handle(cyw43_t *self, int event) {
    switch (event) {
        case EVENT_UP:
            joined(self);
            break;
        case EVENT_DOWN:
            disconnected(self, CYW43_LINK_DOWN);
            break;
        case EVENT_NO_NETWORK:
            disconnected(self, CYW43_LINK_NONET);
            break;
        case EVENT_BAD_KEY:
            disconnected(self, CYW43_LINK_BADAUTH);
            break;
        case EVENT_SCAN_RESULT:
            if (self->scanning) {
                self->scan_callback(self->scan_env, (const cyw43_ev_scan_result_t *)self->frame);
            }
            break;
        case EVENT_SCAN_DONE:
            self->scanning = false;
            break;
    }
}

static void poll(void) {
    cyw43_t *self = &cyw43_state;
    int next;
    while ((next = emulator(EMULATOR_NEXT, self->frame, 0, NULL)) != 0) {
        if (next > 0) {
            interface_receive(self, next);
        } else {
            handle(self, next);
        }
    }
    cyw43_post_poll_hook(); // lets WL_HOST_WAKE interrupt again
}

void (*cyw43_poll)(void) = poll;

void cyw43_init(cyw43_t *self) {
    memset(self, 0, sizeof(*self));
    self->power_management = DEFAULT_POWER_MANAGEMENT;
    gpio_init(CYW43_PIN_WL_HOST_WAKE);
    emulator(EMULATOR_MAC, self->mac, 0, NULL);
}

void cyw43_deinit(cyw43_t *self) {
    cyw43_wifi_leave(self, CYW43_ITF_STA);
    CYW43_THREAD_ENTER;
    if (self->up[CYW43_ITF_STA]) {
        self->up[CYW43_ITF_STA] = false;
        interface_remove(self);
    }
    CYW43_THREAD_EXIT;
}

// As in the real driver, WLAN.active(False) leaves the station's interface in place and active(True) makes it anew.
void cyw43_wifi_set_up(cyw43_t *self, int itf, bool up, uint32_t country) {
    if (itf != CYW43_ITF_STA || !up) {
        return;
    }
    CYW43_THREAD_ENTER;
    if (self->up[itf]) {
        interface_remove(self);
    }
    interface_add(self);
    self->up[itf] = true;
    CYW43_THREAD_EXIT;
}

int cyw43_wifi_join(cyw43_t *self, size_t ssid_len, const uint8_t *ssid, size_t key_len, const uint8_t *key,
    uint32_t auth, const uint8_t *bssid, uint32_t channel) {
    if (!self->up[CYW43_ITF_STA]) {
        return -CYW43_EPERM;
    }
    CYW43_THREAD_ENTER;
    disconnected(self, CYW43_LINK_JOIN); // a second join leaves the first network
    self->ssid_len = MIN(ssid_len, sizeof(self->ssid));
    memcpy(self->ssid, ssid, self->ssid_len);
    uint8_t lengths[2] = { self->ssid_len, key_len };
    emulator(EMULATOR_JOIN, self->ssid, (int)key, lengths);
    CYW43_THREAD_EXIT;
    return 0;
}

int cyw43_wifi_leave(cyw43_t *self, int itf) {
    if (itf != CYW43_ITF_STA) {
        return 0;
    }
    CYW43_THREAD_ENTER;
    emulator(EMULATOR_LEAVE, NULL, 0, NULL);
    disconnected(self, CYW43_LINK_DOWN);
    CYW43_THREAD_EXIT;
    return 0;
}

int cyw43_tcpip_link_status(cyw43_t *self, int itf) {
    struct netif *netif = &self->netif[itf];
    if (itf != CYW43_ITF_STA) {
        return CYW43_LINK_DOWN;
    }
    if (netif_is_up(netif) && netif_is_link_up(netif)) {
        return ip4_addr_isany_val(*netif_ip4_addr(netif)) ? CYW43_LINK_NOIP : CYW43_LINK_UP;
    }
    return self->link;
}

int cyw43_send_ethernet(cyw43_t *self, int itf, size_t len, const void *buf, bool is_pbuf) {
    if (itf != CYW43_ITF_STA || len > sizeof(self->frame)) {
        return -CYW43_EINVAL;
    }
    CYW43_THREAD_ENTER;
    if (is_pbuf) {
        pbuf_copy_partial(buf, self->frame, len, 0);
        buf = self->frame;
    }
    emulator(EMULATOR_SEND, (void *)buf, len, NULL);
    CYW43_THREAD_EXIT;
    return 0;
}

int cyw43_wifi_scan(cyw43_t *self, cyw43_wifi_scan_options_t *options, void *env, cyw43_scan_callback_t callback) {
    if (!self->up[CYW43_ITF_STA] || self->scanning) {
        return -CYW43_EPERM;
    }
    self->scan_env = env;
    self->scan_callback = callback;
    self->scanning = true;
    emulator(EMULATOR_SCAN, NULL, 0, NULL);
    return 0;
}

bool cyw43_wifi_scan_active(cyw43_t *self) {
    return self->scanning;
}

int cyw43_wifi_get_rssi(cyw43_t *self, int32_t *rssi) {
    *rssi = emulator(EMULATOR_RSSI, NULL, 0, NULL);
    return 0;
}

int cyw43_wifi_get_mac(cyw43_t *self, int itf, uint8_t mac[6]) {
    memcpy(mac, self->mac, sizeof(self->mac));
    mac[5] += itf;
    return 0;
}

int cyw43_wifi_pm(cyw43_t *self, uint32_t value) {
    self->power_management = value;
    return 0;
}

int cyw43_wifi_get_pm(cyw43_t *self, uint32_t *value) {
    *value = self->power_management;
    return 0;
}

// WLAN.config() reads the network's name and channel this way; all else reads as 0.
int cyw43_ioctl(cyw43_t *self, uint32_t command, size_t len, uint8_t *buf, uint32_t itf) {
    bool is_set = command & 1;
    if (is_set) {
        return 0;
    }
    memset(buf, 0, len);
    if (command == CYW43_IOCTL_GET_SSID) {
        buf[0] = self->ssid_len;
        memcpy(buf + 4, self->ssid, self->ssid_len);
    } else if (command == CYW43_IOCTL_GET_CHANNEL) {
        buf[0] = SCAN_CHANNEL;
    }
    return 0;
}

// The radio's own pins; the first is the board's LED.
int cyw43_gpio_set(cyw43_t *self, int gpio, bool value) {
    self->gpios = (self->gpios & ~(1 << gpio)) | value << gpio;
    return 0;
}

int cyw43_gpio_get(cyw43_t *self, int gpio, bool *value) {
    *value = self->gpios >> gpio & 1;
    return 0;
}

void cyw43_wifi_ap_get_stas(cyw43_t *self, int *count, uint8_t *macs) {
    *count = 0;
}

void cyw43_wifi_ap_get_ssid(cyw43_t *self, size_t *len, const uint8_t **ssid) {
    *len = self->ap_ssid_len;
    *ssid = self->ap_ssid;
}

void cyw43_wifi_ap_set_ssid(cyw43_t *self, size_t len, const uint8_t *ssid) {
    self->ap_ssid_len = MIN(len, sizeof(self->ap_ssid));
    memcpy(self->ap_ssid, ssid, self->ap_ssid_len);
}

uint32_t cyw43_wifi_ap_get_auth(cyw43_t *self) {
    return self->ap_auth;
}

void cyw43_wifi_ap_set_auth(cyw43_t *self, uint32_t auth) {
    self->ap_auth = auth;
}

void cyw43_wifi_ap_set_channel(cyw43_t *self, uint32_t channel) {
}

void cyw43_wifi_ap_set_password(cyw43_t *self, size_t len, const uint8_t *password) {
}
