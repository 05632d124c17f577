// The analog converters and their calibration (esp_adc/adc_oneshot.h, adc_cali_scheme.h).
#pragma once
#include "idf/errors.h"

typedef enum { ADC_UNIT_1, ADC_UNIT_2 } adc_unit_t;
typedef enum { ADC_CHANNEL_0, ADC_CHANNEL_1, ADC_CHANNEL_2, ADC_CHANNEL_3, ADC_CHANNEL_4, ADC_CHANNEL_5, ADC_CHANNEL_6, ADC_CHANNEL_7, ADC_CHANNEL_8,
               ADC_CHANNEL_9 } adc_channel_t;
typedef enum { ADC_ATTEN_DB_0, ADC_ATTEN_DB_2_5, ADC_ATTEN_DB_6, ADC_ATTEN_DB_11, ADC_ATTEN_DB_12 = 3 } adc_atten_t;
typedef int adc_bitwidth_t;
enum { ADC_BITWIDTH_9 = 9, ADC_BITWIDTH_10, ADC_BITWIDTH_11, ADC_BITWIDTH_12, ADC_BITWIDTH_13 };
#define SOC_ADC_MAX_CHANNEL_NUM 10
#define SOC_ADC_ATTEN_NUM 4

typedef struct chip_adc *adc_oneshot_unit_handle_t;
typedef struct { adc_unit_t unit_id; } adc_oneshot_unit_init_cfg_t;
typedef struct { adc_atten_t atten; adc_bitwidth_t bitwidth; } adc_oneshot_chan_cfg_t;
esp_err_t adc_oneshot_new_unit(const adc_oneshot_unit_init_cfg_t *config, adc_oneshot_unit_handle_t *unit);
esp_err_t adc_oneshot_del_unit(adc_oneshot_unit_handle_t unit);
esp_err_t adc_oneshot_config_channel(adc_oneshot_unit_handle_t unit, adc_channel_t channel, const adc_oneshot_chan_cfg_t *config);
esp_err_t adc_oneshot_read(adc_oneshot_unit_handle_t unit, adc_channel_t channel, int *raw);

typedef struct chip_calibration *adc_cali_handle_t;
typedef struct { adc_unit_t unit_id; adc_atten_t atten; adc_bitwidth_t bitwidth; } adc_cali_line_fitting_config_t;
typedef adc_cali_line_fitting_config_t adc_cali_curve_fitting_config_t;
esp_err_t adc_cali_create_scheme_line_fitting(const adc_cali_line_fitting_config_t *config, adc_cali_handle_t *calibration);
esp_err_t adc_cali_create_scheme_curve_fitting(const adc_cali_curve_fitting_config_t *config, adc_cali_handle_t *calibration);
esp_err_t adc_cali_raw_to_voltage(adc_cali_handle_t calibration, int raw, int *millivolts);
