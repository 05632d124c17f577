// The station's network interface: lwIP's Ethernet over the door, with its own DHCP client, as the IDF's esp_netif sets it up.
#include <string.h>
#include "chip.h"
#include "idf/netif.h"
#include "idf/system.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/netif.h"
#include "lwip/tcpip.h"

#define FRAME_MAX 1518

struct chip_netif {
    struct netif lwip;
    bool dhcp;
};

static struct chip_netif station = {.dhcp = true}, ap;
static bool initialised;

static err_t transmit(struct netif *netif, struct pbuf *p) {
    uint8_t frame[FRAME_MAX];
    door_send('F', frame, pbuf_copy_partial(p, frame, sizeof(frame), 0));
    return ERR_OK;
}

static void changed(struct netif *netif) {
    if (netif_is_link_up(netif) && !ip4_addr_isany_val(*netif_ip4_addr(netif))) {
        wifi_got_address();
    }
}

static err_t set_up(struct netif *netif) {
    netif->name[0] = 's';
    netif->name[1] = 't';
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP;
    esp_efuse_mac_get_default(netif->hwaddr);
    netif->output = etharp_output;
    netif->linkoutput = transmit;
    return ERR_OK;
}

void netif_receive(const void *frame, size_t bytes) {
    struct pbuf *p = initialised ? pbuf_alloc(PBUF_RAW, bytes, PBUF_RAM) : NULL;
    if (p && (pbuf_take(p, frame, bytes) != ERR_OK || station.lwip.input(p, &station.lwip) != ERR_OK)) {
        pbuf_free(p);
    }
}

void netif_link(bool up) {
    if (!initialised) {
        return;
    }
    LOCK_TCPIP_CORE();
    if (up) {
        netif_set_link_up(&station.lwip);
        netif_set_up(&station.lwip);
        if (station.dhcp) {
            dhcp_start(&station.lwip);
        }
    } else {
        if (station.dhcp) {
            dhcp_release_and_stop(&station.lwip);
        }
        netif_set_down(&station.lwip);
        netif_set_link_down(&station.lwip);
    }
    UNLOCK_TCPIP_CORE();
}

esp_err_t esp_netif_init(void) {
    FAULT();
    static bool begun;
    if (!begun) {
        begun = true;
        tcpip_init(NULL, NULL);
    }
    return ESP_OK;
}

esp_netif_t *esp_netif_create_default_wifi_sta(void) {
    esp_netif_init();
    LOCK_TCPIP_CORE();
    netif_add(&station.lwip, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, set_up, tcpip_input);
    netif_set_default(&station.lwip);
    netif_set_status_callback(&station.lwip, changed);
    UNLOCK_TCPIP_CORE();
    initialised = true;
    return &station;
}

esp_netif_t *esp_netif_create_default_wifi_ap(void) {
    return &ap;
}

esp_err_t esp_netif_set_hostname(esp_netif_t *netif, const char *name) {
    FAULT();
    netif->lwip.hostname = name;
    return ESP_OK;
}

esp_err_t esp_netif_get_ip_info(esp_netif_t *netif, esp_netif_ip_info_t *info) {
    FAULT();
    info->ip.addr = netif_ip4_addr(&netif->lwip)->addr;
    info->netmask.addr = netif_ip4_netmask(&netif->lwip)->addr;
    info->gw.addr = netif_ip4_gw(&netif->lwip)->addr;
    return ESP_OK;
}

esp_err_t esp_netif_set_ip_info(esp_netif_t *netif, const esp_netif_ip_info_t *info) {
    FAULT();
    LOCK_TCPIP_CORE();
    netif_set_addr(&netif->lwip, (const ip4_addr_t *)&info->ip, (const ip4_addr_t *)&info->netmask, (const ip4_addr_t *)&info->gw);
    UNLOCK_TCPIP_CORE();
    return ESP_OK;
}

esp_err_t esp_netif_get_dns_info(esp_netif_t *netif, int type, esp_netif_dns_info_t *info) {
    FAULT();
    info->ip.addr = ip_2_ip4(dns_getserver(0))->addr;
    return ESP_OK;
}

esp_err_t esp_netif_set_dns_info(esp_netif_t *netif, int type, esp_netif_dns_info_t *info) {
    FAULT();
    ip_addr_t address = IPADDR4_INIT(info->ip.addr);
    dns_setserver(0, &address);
    return ESP_OK;
}

esp_err_t esp_netif_dhcpc_start(esp_netif_t *netif) {
    FAULT();
    netif->dhcp = true;
    return ESP_OK;
}

esp_err_t esp_netif_dhcpc_stop(esp_netif_t *netif) {
    FAULT();
    if (!netif->dhcp) {
        return ESP_ERR_ESP_NETIF_DHCP_ALREADY_STOPPED;
    }
    netif->dhcp = false;
    LOCK_TCPIP_CORE();
    dhcp_stop(&netif->lwip);
    UNLOCK_TCPIP_CORE();
    return ESP_OK;
}

esp_err_t esp_netif_dhcpc_get_status(esp_netif_t *netif, esp_netif_dhcp_status_t *status) {
    FAULT();
    *status = netif->dhcp ? ESP_NETIF_DHCP_STARTED : ESP_NETIF_DHCP_STOPPED;
    return ESP_OK;
}

esp_err_t esp_netif_dhcps_start(esp_netif_t *netif) {
    return ESP_ERR_NOT_SUPPORTED;
}

esp_err_t esp_netif_dhcps_stop(esp_netif_t *netif) {
    return ESP_ERR_ESP_NETIF_DHCP_ALREADY_STOPPED;
}

esp_err_t esp_netif_get_netif_impl_name(esp_netif_t *netif, char *name) {
    FAULT();
    netif_index_to_name(netif_get_index(&netif->lwip), name);
    return ESP_OK;
}
