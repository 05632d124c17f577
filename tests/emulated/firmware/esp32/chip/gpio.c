// Pins: what the chip drives, what pulls, what comes from outside; and a DHT, which answers on its wire when it is asked.
#include <string.h>
#include "chip.h"
#include "idf/gpio.h"
#include "idf/system.h"

#define FLOATING (-1)
#define DHT 1
#define FRAME_BYTES 5
#define FRAMES_MAX 64
#define START_US 800 // how long the line must be low for a DHT to wake (DHT22: 1 ms, here with some tolerance; DHT11: 18 ms)

typedef struct {
    int mode, output;
    int8_t outside; // level from outside, or FLOATING
    bool up, down;
    int frames; // of a DHT; -1 when there is none
    int turn;
    int64_t low_since_us, released_us; // 0: not
    uint8_t frame[FRAMES_MAX][FRAME_BYTES];
} pin_t;

static pin_t pins[GPIO_NUM_MAX];
__typeof__(GPIO) GPIO;

__attribute__((constructor)) static void init(void) {
    for (int i = 0; i < GPIO_NUM_MAX; i++) {
        pins[i].outside = FLOATING;
        pins[i].frames = -1;
    }
}

void pin_level(int pin, int level) {
    pins[pin % GPIO_NUM_MAX].outside = level;
}

// One byte of the pin, one of the part's kind, then what it answers: DHT frames.
void pin_part(const uint8_t *payload, size_t bytes) {
    pin_t *pin = &pins[payload[0] % GPIO_NUM_MAX];
    if (bytes < 2 || payload[1] != DHT) {
        pin->frames = -1;
        return;
    }
    int frames = (bytes - 2) / FRAME_BYTES;
    pin->frames = frames < FRAMES_MAX ? frames : FRAMES_MAX;
    pin->turn = 0;
    memcpy(pin->frame, payload + 2, pin->frames * FRAME_BYTES);
}

static bool drives_low(const pin_t *pin) {
    return (pin->mode & GPIO_MODE_OUTPUT) && !pin->output;
}

// The line of a DHT, after it was released: 30 us high, 80 us low, 80 us high, then each bit 50 us low and 27 or 70 us high (datasheet).
static int dht_level(pin_t *pin) {
    int64_t us = esp_timer_get_time() - pin->released_us;
    if (!pin->released_us || !pin->frames || us < 30) {
        return 1;
    }
    us -= 30;
    if (us < 160) {
        return us >= 80;
    }
    us -= 160;
    const uint8_t *frame = pin->frame[pin->turn < pin->frames ? pin->turn : pin->frames - 1];
    for (int bit = 0; bit < FRAME_BYTES * 8; bit++) {
        int high = frame[bit / 8] >> (7 - bit % 8) & 1 ? 70 : 27;
        if (us < 50 + high) {
            return us >= 50;
        }
        us -= 50 + high;
    }
    if (us < 50) {
        return 0;
    }
    pin->released_us = 0;
    pin->turn++;
    return 1;
}

static void dht_watch(pin_t *pin, bool was_low) {
    bool low = drives_low(pin);
    int64_t now = esp_timer_get_time();
    if (low && !was_low) {
        pin->low_since_us = now;
        pin->released_us = 0;
    } else if (!low && was_low && now - pin->low_since_us >= START_US) {
        pin->released_us = now;
    }
}

esp_err_t gpio_set_direction(gpio_num_t number, int mode) {
    FAULT();
    pin_t *pin = &pins[number];
    bool was_low = drives_low(pin);
    pin->mode = mode;
    if (pin->frames >= 0) {
        dht_watch(pin, was_low);
    }
    return ESP_OK;
}

esp_err_t gpio_set_level(gpio_num_t number, uint32_t level) {
    FAULT();
    pin_t *pin = &pins[number];
    bool was_low = drives_low(pin);
    if (pin->output != (int)level && pin->frames < 0) {
        door_send('M', (uint8_t[]) {number, level}, 2);
    }
    pin->output = level;
    if (pin->frames >= 0) {
        dht_watch(pin, was_low);
    }
    return ESP_OK;
}

int chip_output_level(gpio_num_t number) {
    return pins[number].output;
}

int gpio_get_level(gpio_num_t number) {
    pin_t *pin = &pins[number];
    if (pin->mode == GPIO_MODE_INPUT_OUTPUT || drives_low(pin)) {
        return pin->output;
    }
    if (pin->frames >= 0) {
        return dht_level(pin);
    }
    return pin->outside != FLOATING ? pin->outside : pin->up;
}

esp_err_t gpio_pullup_en(gpio_num_t pin) {
    pins[pin].up = true;
    return ESP_OK;
}

esp_err_t gpio_pullup_dis(gpio_num_t pin) {
    pins[pin].up = false;
    return ESP_OK;
}

esp_err_t gpio_pulldown_en(gpio_num_t pin) {
    pins[pin].down = true;
    return ESP_OK;
}

esp_err_t gpio_pulldown_dis(gpio_num_t pin) {
    pins[pin].down = false;
    return ESP_OK;
}
