// Names that end in .local: a one-shot query by multicast DNS (RFC 6762 section 5.1), in place of Espressif's component.
#include <string.h>
#include "chip.h"
#include "idf/wifi.h"
#include "lwip/sockets.h"

#define HEAD_BYTES 12
#define PORT 5353
#define TYPE_A 1
#define CLASS_IN 1
#define MESSAGE_MAX 512
#define LABEL_MAX 63

esp_err_t mdns_init(void) {
    FAULT();
    return ESP_OK;
}

esp_err_t mdns_hostname_set(const char *name) {
    FAULT();
    return ESP_OK;
}

esp_err_t mdns_instance_name_set(const char *name) {
    FAULT();
    return ESP_OK;
}

// A question for NAME.local; returns its length.
static int ask(uint8_t *message, const char *name) {
    size_t n = strlen(name);
    memset(message, 0, HEAD_BYTES);
    message[5] = 1; // one question
    uint8_t *p = message + HEAD_BYTES;
    *p++ = n;
    p = (uint8_t *)memcpy(p, name, n) + n;
    p = (uint8_t *)memcpy(p, "\5local", 7) + 7; // with the empty label at its end
    p = (uint8_t *)memcpy(p, (uint8_t[]) {0, TYPE_A, 0, CLASS_IN}, 4) + 4;
    return p - message;
}

// Behind a name, which may end in a pointer (RFC 1035 section 4.1.4).
static const uint8_t *skip_name(const uint8_t *p, const uint8_t *end) {
    while (p < end && *p && *p < 0xc0) {
        p += 1 + *p;
    }
    return p < end && *p ? p + 2 : p + 1;
}

// The first address among the answers.
static bool read_answer(const uint8_t *message, int bytes, esp_ip4_addr_t *address) {
    const uint8_t *p = message + HEAD_BYTES, *end = message + bytes;
    for (int questions = message[5]; questions > 0; questions--) {
        p = skip_name(p, end) + 4;
    }
    for (int answers = message[7]; answers > 0; answers--) {
        p = skip_name(p, end);
        if (p + 14 > end) {
            return false;
        }
        int length = p[8] << 8 | p[9];
        if (p[1] == TYPE_A && length == 4) {
            memcpy(&address->addr, p + 10, 4);
            return true;
        }
        p += 10 + length;
    }
    return false;
}

esp_err_t mdns_query_a(const char *name, uint32_t timeout_ms, esp_ip4_addr_t *address) {
    FAULT();
    uint8_t message[MESSAGE_MAX];
    struct timeval patience = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    struct sockaddr_in everybody = {.sin_family = AF_INET, .sin_port = lwip_htons(PORT), .sin_addr.s_addr = inet_addr("224.0.0.251")};
    int fd = lwip_socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || strlen(name) > LABEL_MAX) {
        return ESP_ERR_NO_MEM;
    }
    lwip_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    lwip_sendto(fd, message, ask(message, name), 0, (struct sockaddr *)&everybody, sizeof(everybody));
    int bytes = lwip_recvfrom(fd, message, sizeof(message), 0, NULL, NULL);
    lwip_close(fd);
    return bytes > HEAD_BYTES && read_answer(message, bytes, address) ? ESP_OK : ESP_ERR_NOT_FOUND;
}
