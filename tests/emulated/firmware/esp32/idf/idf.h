// What the esp32 port's files want of Espressif's IDF: every header of the IDF that they name is a file of one line that includes this one (../Makefile).
// The declarations say what the port needs and no more; names, numbers and signatures are the IDF's (version 5.4).
#pragma once
#include "idf/errors.h"
#include "idf/freertos.h"
#include "idf/system.h"
#include "idf/gpio.h"
#include "idf/adc.h"
#include "idf/timer.h"
#include "idf/heap.h"
#include "idf/partition.h"
#include "idf/wifi.h"
#include "idf/netif.h"
