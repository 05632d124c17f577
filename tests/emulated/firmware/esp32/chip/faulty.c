// Faults on command at calls that are not ours: the linker puts these functions before lwIP's and mbedtls' (--wrap, see ../Makefile).
#include <errno.h>
#include "chip.h"
#include "lwip/netdb.h"
#include "lwip/sockets.h"
#include "mbedtls/ssl.h"

// A planned value is -errno for lwIP's calls, and mbedtls' own code for its calls.
#define BEFORE_LWIP(type, name, parameters, arguments) \
    type __real_lwip_##name parameters; \
    type __wrap_lwip_##name parameters { \
        int planned = fault("lwip_" #name); \
        if (planned) { \
            errno = -planned; \
            return -1; \
        } \
        return __real_lwip_##name arguments; \
    }

#define BEFORE_MBEDTLS(name, parameters, arguments) \
    int __real_mbedtls_##name parameters; \
    int __wrap_mbedtls_##name parameters { \
        int planned = fault("mbedtls_" #name); \
        return planned ? planned : __real_mbedtls_##name arguments; \
    }

BEFORE_LWIP(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
BEFORE_LWIP(int, connect, (int s, const struct sockaddr *to, socklen_t bytes), (s, to, bytes))
BEFORE_LWIP(ssize_t, write, (int s, const void *data, size_t bytes), (s, data, bytes))
BEFORE_LWIP(ssize_t, recvfrom, (int s, void *data, size_t bytes, int flags, struct sockaddr *from, socklen_t *length), (s, data, bytes, flags, from, length))
BEFORE_LWIP(int, close, (int s), (s))
BEFORE_LWIP(int, fcntl, (int s, int command, int value), (s, command, value))
BEFORE_LWIP(int, setsockopt, (int s, int level, int name, const void *value, socklen_t bytes), (s, level, name, value, bytes))
BEFORE_LWIP(int, select, (int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *t), (n, r, w, e, t))

int __real_lwip_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **result);
int __wrap_lwip_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **result) {
    int planned = fault("lwip_getaddrinfo"); // an EAI_ code
    return planned ? planned : __real_lwip_getaddrinfo(host, port, hints, result);
}

BEFORE_MBEDTLS(ssl_setup, (mbedtls_ssl_context *ssl, const mbedtls_ssl_config *config), (ssl, config))
BEFORE_MBEDTLS(ssl_handshake, (mbedtls_ssl_context *ssl), (ssl))
BEFORE_MBEDTLS(ssl_read, (mbedtls_ssl_context *ssl, unsigned char *data, size_t bytes), (ssl, data, bytes))
BEFORE_MBEDTLS(ssl_write, (mbedtls_ssl_context *ssl, const unsigned char *data, size_t bytes), (ssl, data, bytes))
BEFORE_MBEDTLS(x509_crt_parse, (mbedtls_x509_crt *chain, const unsigned char *data, size_t bytes), (chain, data, bytes))
