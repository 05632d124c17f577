// lwIP as the IDF configures it by default (version 5.4, components/lwip/port/include/lwipopts.h and Kconfig), as far as it matters to a program.
#pragma once
#include "sdkconfig.h"
#include "idf/heap.h"

#define NO_SYS 0
#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_SOCKET 1
#define LWIP_NETCONN 1
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0 // seven seconds; the IDF has a shorter check of its own
#define LWIP_DNS 1
#define LWIP_IGMP 1
#define LWIP_RAW 1
#define LWIP_HAVE_LOOPIF 0 // the IDF has one; here the name localhost is this machine, as the board says in its DNS
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_API 1
#define LWIP_TCPIP_CORE_LOCKING 1
#define LWIP_COMPAT_MUTEX_ALLOWED 1

// Sockets
#define CHIP_SOCKETS 10
#define LWIP_SOCKET_OFFSET (64 - CHIP_SOCKETS)
#define MEMP_NUM_NETCONN CHIP_SOCKETS
#define LWIP_COMPAT_SOCKETS 1
#define LWIP_POSIX_SOCKETS_IO_NAMES 0 // but for fcntl(), which the IDF hands on, with two arguments or three
#include <fcntl.h>
#define iovec iovec // the system has declared it: lwIP asks so
#define chip_fcntl(socket, command, value, ...) lwip_fcntl(socket, command, value)
#define fcntl(...) chip_fcntl(__VA_ARGS__, 0)
#define LWIP_SO_RCVTIMEO 1
#define LWIP_SO_SNDTIMEO 1
#define LWIP_SO_RCVBUF 1
#define LWIP_SO_SNDRCVTIMEO_NONSTANDARD 0
#define SO_REUSE 1
#define LWIP_TCP_KEEPALIVE 1

// TCP
#define TCP_MSS 1440
#define TCP_SND_BUF 5760
#define TCP_WND 5760
#define TCP_MAXRTX 12
#define TCP_SYNMAXRTX 12
#define MEMP_NUM_TCP_PCB 12
#define MEMP_NUM_TCP_SEG 32
#define TCP_MSL 60000
#define LWIP_WND_SCALE 0

// The task of its own, and its letter boxes
#define TCPIP_THREAD_STACKSIZE 65536
#define DEFAULT_THREAD_STACKSIZE 65536
#define TCPIP_MBOX_SIZE 32
#define DEFAULT_TCP_RECVMBOX_SIZE 6
#define DEFAULT_UDP_RECVMBOX_SIZE 6
#define DEFAULT_ACCEPTMBOX_SIZE 6

// Memory comes from the IDF's heap
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define mem_clib_malloc(bytes) heap_caps_malloc(bytes, 0)
#define mem_clib_calloc(n, bytes) heap_caps_calloc(n, bytes, 0)
#define mem_clib_free heap_caps_free
#define MEM_ALIGNMENT 4
#define LWIP_STATS 0
