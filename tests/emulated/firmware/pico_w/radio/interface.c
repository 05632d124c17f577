// The station's network interface in lwIP: what the real driver's cyw43_lwip.c does for the station.
#include "interface.h"

#include "extmod/modnetwork.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "netif/ethernet.h"

#define ETHERNET_MTU 1500

static err_t send(struct netif *netif, struct pbuf *frame) {
    int error = cyw43_send_ethernet(netif->state, CYW43_ITF_STA, frame->tot_len, frame, true);
    return error ? ERR_IF : ERR_OK;
}

// lwIP tells which multicast groups it joins; the emulated radio hears them all.
static err_t igmp_filter(struct netif *netif, const ip4_addr_t *group, enum netif_mac_filter_action action) {
    return ERR_OK;
}

static err_t mld_filter(struct netif *netif, const ip6_addr_t *group, enum netif_mac_filter_action action) {
    return ERR_OK;
}

static err_t configure(struct netif *netif) {
    netif->linkoutput = send;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->mtu = ETHERNET_MTU;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    cyw43_wifi_get_mac(netif->state, CYW43_ITF_STA, netif->hwaddr);
    netif_set_igmp_mac_filter(netif, igmp_filter);
    netif_set_mld_mac_filter(netif, mld_filter);
    return ERR_OK;
}

void interface_add(cyw43_t *self) {
    struct netif *netif = &self->netif[CYW43_ITF_STA];
    netif->name[0] = 'w';
    netif->name[1] = '0' + CYW43_ITF_STA;
    netif_add(netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, self, configure, ethernet_input);
    netif_set_hostname(netif, mod_network_hostname_data);
    netif_set_default(netif);
    netif_set_up(netif);
    dhcp_set_struct(netif, &self->dhcp_client);
    dhcp_start(netif); // lwIP sends nothing until the link is up
    netif_create_ip6_linklocal_address(netif, 1);
    netif_set_ip6_autoconfig_enabled(netif, 1);
}

void interface_remove(cyw43_t *self) {
    struct netif *netif = &self->netif[CYW43_ITF_STA];
    dhcp_stop(netif);
    netif_remove(netif);
    // netif_remove leaves these, and WLAN.ifconfig() and WLAN.status() read them.
    ip_addr_set_zero(&netif->ip_addr);
    netif->flags = 0;
}

void interface_receive(cyw43_t *self, int len) {
    struct netif *netif = &self->netif[CYW43_ITF_STA];
    if (!netif_is_link_up(netif)) {
        return;
    }
    struct pbuf *frame = pbuf_alloc(PBUF_RAW, len, PBUF_POOL);
    if (frame == NULL) {
        return; // out of buffers: the frame is lost, as on the real chip
    }
    pbuf_take(frame, self->frame, len);
    if (netif->input(frame, netif) != ERR_OK) {
        pbuf_free(frame);
    }
}
