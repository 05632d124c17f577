// The door to the emulator: "bkpt #0xe0" with an operation in r0 and up to three arguments, answered in r0.
// ../../../chip/radio.js is the other side; the numbers below stand there too.
#ifndef PLOTPOST_EMULATOR_H
#define PLOTPOST_EMULATOR_H

enum {
    EMULATOR_MAC,   // (mac): fills in 6 bytes
    EMULATOR_SEND,  // (frame, length)
    EMULATOR_NEXT,  // (buffer): a frame's length, 0 for nothing more, or one of the events below
    EMULATOR_JOIN,  // (ssid, key, lengths): lengths are two bytes; the outcome comes as an event
    EMULATOR_LEAVE, // ()
    EMULATOR_SCAN,  // (): results come as events
    EMULATOR_RSSI,  // (): in dBm
};

enum {
    EVENT_UP = -1,
    EVENT_DOWN = -2,
    EVENT_NO_NETWORK = -3,
    EVENT_BAD_KEY = -4,
    EVENT_SCAN_RESULT = -5, // the buffer holds a cyw43_ev_scan_result_t
    EVENT_SCAN_DONE = -6,
};

// Never inlined: the emulator finds the arguments in r0 to r3, where the calling convention has put them.
static int __attribute__((noinline)) emulator(int operation, void *a, int b, const void *c) {
    register int r0 __asm__ ("r0") = operation;
    register void *r1 __asm__ ("r1") = a;
    register int r2 __asm__ ("r2") = b;
    register const void *r3 __asm__ ("r3") = c;
    __asm__ volatile ("bkpt #0xe0" : "+r" (r0) : "r" (r1), "r" (r2), "r" (r3) : "memory");
    return r0;
}

#endif
