// The analog converters: perfect ones, of 12 bits (S2: 13), with the attenuation's full scale. Converter 2 belongs to the radio while that is started.
#include <stdlib.h>
#include "chip.h"
#include "idf/adc.h"
#include "idf/gpio.h"
#include "sdkconfig.h"

#define CHANNELS 10
#define NONE (-1)

// Which pin a channel has (datasheets; machine_adc.c of the port)
#if CONFIG_IDF_TARGET_ESP32
#define BITS 12
static const int8_t pin_of[2][CHANNELS] = {{36, 37, 38, 39, 32, 33, 34, 35, NONE, NONE}, {4, 0, 2, 15, 13, 12, 14, 27, 25, 26}};
#elif CONFIG_IDF_TARGET_ESP32C3
#define BITS 12
static const int8_t pin_of[2][CHANNELS] = {{0, 1, 2, 3, 4, NONE, NONE, NONE, NONE, NONE}, {5, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE}};
#elif CONFIG_IDF_TARGET_ESP32C6
#define BITS 12
static const int8_t pin_of[2][CHANNELS] = {{0, 1, 2, 3, 4, 5, 6, NONE, NONE, NONE}, {NONE}};
#else // S2, S3
#if CONFIG_IDF_TARGET_ESP32S2
#define BITS 13
#else
#define BITS 12
#endif
static const int8_t pin_of[2][CHANNELS] = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {11, 12, 13, 14, 15, 16, 17, 18, 19, 20}};
#endif

static const int full_scale_mv[] = {1100, 1500, 2200, 3300}; // by attenuation: 0, 2.5, 6, 12 dB, roughly

struct chip_adc {
    adc_unit_t unit;
    int attenuation[CHANNELS];
};
struct chip_calibration {
    int attenuation;
};

static uint16_t millivolts[GPIO_NUM_MAX];

void adc_voltage(int pin, int voltage) {
    millivolts[pin % GPIO_NUM_MAX] = voltage;
}

esp_err_t adc_oneshot_new_unit(const adc_oneshot_unit_init_cfg_t *config, adc_oneshot_unit_handle_t *unit) {
    FAULT();
    *unit = calloc(1, sizeof(**unit));
    (*unit)->unit = config->unit_id;
    return ESP_OK;
}

esp_err_t adc_oneshot_del_unit(adc_oneshot_unit_handle_t unit) {
    FAULT();
    free(unit);
    return ESP_OK;
}

esp_err_t adc_oneshot_config_channel(adc_oneshot_unit_handle_t unit, adc_channel_t channel, const adc_oneshot_chan_cfg_t *config) {
    FAULT();
    unit->attenuation[channel] = config->atten;
    return ESP_OK;
}

esp_err_t adc_oneshot_read(adc_oneshot_unit_handle_t unit, adc_channel_t channel, int *raw) {
    FAULT();
    if (unit->unit == ADC_UNIT_2 && wifi_is_started()) {
        return ESP_ERR_TIMEOUT; // the port does not look at it: the reading stays 0
    }
    int full = full_scale_mv[unit->attenuation[channel]];
    int most = (1 << BITS) - 1;
    int value = (millivolts[pin_of[unit->unit][channel]] * most + full / 2) / full;
    *raw = value < most ? value : most;
    return ESP_OK;
}

static esp_err_t calibrate(int attenuation, adc_cali_handle_t *calibration) {
    *calibration = malloc(sizeof(**calibration));
    (*calibration)->attenuation = attenuation;
    return ESP_OK;
}

esp_err_t adc_cali_create_scheme_line_fitting(const adc_cali_line_fitting_config_t *config, adc_cali_handle_t *calibration) {
    FAULT();
    return calibrate(config->atten, calibration);
}

esp_err_t adc_cali_create_scheme_curve_fitting(const adc_cali_curve_fitting_config_t *config, adc_cali_handle_t *calibration) {
    FAULT();
    return calibrate(config->atten, calibration);
}

esp_err_t adc_cali_raw_to_voltage(adc_cali_handle_t calibration, int raw, int *voltage) {
    FAULT();
    int most = (1 << BITS) - 1;
    *voltage = (raw * full_scale_mv[calibration->attenuation] + most / 2) / most;
    return ESP_OK;
}
