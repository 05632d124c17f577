// What the files of the emulated chip have in common: the door to the board around it, faults on command, the end of a life.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Why a life began or ended, in the order of the door's protocol (../README.md)
enum { CAUSE_POWERON, CAUSE_EXT, CAUSE_SW, CAUSE_PANIC, CAUSE_INT_WDT, CAUSE_TASK_WDT, CAUSE_DEEPSLEEP, CAUSE_BROWNOUT, CAUSES };

// life.c
void life_begin(int argc, char **argv);
void life_end(int cause, uint64_t sleep_us) __attribute__((noreturn));
void panic(const char *why) __attribute__((noreturn));
int64_t now_us(void); // of this machine

// door.c
void door_open(void); // returns when the board has told all settings
void door_listen(void); // from now on messages are served in a thread of their own
void door_send(char kind, const void *payload, size_t bytes);
void door_close(void); // nothing comes any more; what was sent arrives

// fault.c: what the board wants to fail
void fault_plan(const uint8_t *payload, size_t bytes);
int fault(const char *call); // what this call is to return; 0 when it shall work. May never return.
#define FAULT() do { int fault_ = fault(__func__); if (fault_) { return fault_; } } while (0)

// Served by the door's thread
void wifi_associated(void); // wifi.c
void wifi_disassociated(uint8_t reason);
void wifi_scan_result(const uint8_t *payload, size_t bytes);
void wifi_scan_done(void);
void wifi_signal(int8_t dbm);
void netif_receive(const void *frame, size_t bytes); // netif.c
void pin_level(int pin, int level); // gpio.c
void pin_part(const uint8_t *payload, size_t bytes);
void adc_voltage(int pin, int millivolts); // adc.c
void flash_cut_after(uint32_t operations); // flash.c

// Between the parts
void netif_link(bool up); // netif.c: the station is associated, or no longer
void wifi_got_address(void); // wifi.c
bool wifi_is_started(void);
bool heap_take(size_t bytes); // heap.c: memory that the radio keeps to itself
void flash_open(const char *path, bool fat); // flash.c
void console_start(bool usb); // console.c
void chip_quiet_enter(void); // life.c: time passes by counting, so that a pin's pulses are measured the same however busy this machine is
void chip_quiet_exit(void);
