// The esp32 port's own configuration, but for what needs hardware that is not emulated.
#include "sdkconfig.h"

#define MICROPY_PY_BLUETOOTH (0)
#define MICROPY_PY_ESPNOW (0)
#define MICROPY_PY_ESP32_PCNT (0)
#define MICROPY_PY_MACHINE_I2C_TARGET (0)
#define MICROPY_PY_MACHINE_I2S (0)
#define MICROPY_PY_MACHINE_DAC (0)
#define MICROPY_HW_ENABLE_SDCARD (0)
#define MICROPY_HW_ENABLE_USBDEV (0)
#define MICROPY_HW_ENABLE_UART_REPL (1) // console.c is its UART, and the USB serial port, too
#define MICROPY_HW_ESP_USB_SERIAL_JTAG (0)
#define MICROPY_PY_NETWORK_LAN (0)
#define MICROPY_BOARD_STARTUP boardctrl_startup
#define MICROPY_PY_SSL_DTLS (0)

#include "ports/esp32/mpconfigport.h"

#undef MICROPY_PY_THREAD // one task: no GIL. Interrupts and events come from threads of the chip, see MICROPY_BEGIN_ATOMIC_SECTION
#undef MICROPY_PY_THREAD_GIL
#undef MICROPY_PY_THREAD_GIL_VM_DIVISOR
#define MICROPY_PY_THREAD (0)
#undef MICROPY_EVENT_POLL_HOOK
#define MICROPY_EVENT_POLL_HOOK \
    do { \
        extern void mp_handle_pending(bool); \
        mp_handle_pending(true); \
        MICROPY_PY_SOCKET_EVENTS_HANDLER \
        ulTaskNotifyTake(pdFALSE, 1); \
    } while (0);

#undef MICROPY_EMIT_XTENSAWIN // no native code: the host is neither Xtensa nor RISC-V
#undef MICROPY_EMIT_RV32
#undef MICROPY_PY_MACHINE_PWM
#undef MICROPY_PY_MACHINE_I2C
#undef MICROPY_PY_MACHINE_I2C_TRANSFER_WRITE1
#undef MICROPY_PY_MACHINE_SPI
#undef MICROPY_PY_MACHINE_UART
#undef MICROPY_PY_MACHINE_BITSTREAM
#undef MICROPY_PY_MACHINE_BOOTLOADER
#define MICROPY_PY_MACHINE_PWM (0)
#define MICROPY_PY_MACHINE_I2C (0)
#define MICROPY_PY_MACHINE_SPI (0)
#define MICROPY_PY_MACHINE_UART (0)
#define MICROPY_PY_MACHINE_BITSTREAM (0)
#define MICROPY_PY_MACHINE_BOOTLOADER (0)

// Python's heap: the first part and what it grows by come from the IDF's
#define MP_PLAT_ALLOC_HEAP(bytes) heap_caps_malloc(bytes, 0)
#define MP_PLAT_FREE_HEAP(block) heap_caps_free(block)
// Buffers that mbedtls and the port take with malloc() on the chip are the IDF's, too: see tls_config.h
#include "idf/idf.h"
