# A stock Pico W without Bluetooth, whose cyw43 driver (and its radio firmware) is replaced by ../radio.
set(PICO_BOARD "pico_w")
set(PICO_PLATFORM "rp2040")
set(MICROPY_PY_LWIP ON)
set(MICROPY_BOARD_PINS ${MICROPY_PORT_DIR}/boards/RPI_PICO_W/pins.csv)
get_filename_component(EMULATED_DIR ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)
include_directories(${EMULATED_DIR}/include)
set(MICROPY_SOURCE_BOARD
    ${EMULATED_DIR}/radio/interface.c
    ${EMULATED_DIR}/radio/radio.c
    ${MICROPY_PORT_DIR}/machine_pin_cyw43.c
)
# What ports/rp2/CMakeLists.txt sets with MICROPY_PY_NETWORK_CYW43, which would also pull the real driver in.
list(APPEND MICROPY_DEF_BOARD
    MICROPY_PY_NETWORK_CYW43=1
    MICROPY_PY_SOCKET_DEFAULT_TIMEOUT_MS=30000
)
