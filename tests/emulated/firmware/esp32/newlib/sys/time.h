// The chip's clock in place of this machine's: since the power came, or as it was set, and on through resets and deep sleep. It counts from 2000.
#pragma once
#include_next <sys/time.h>
int chip_gettimeofday(struct timeval *time, void *zone);
int chip_settimeofday(const struct timeval *time, const void *zone);
#define gettimeofday chip_gettimeofday
#define settimeofday chip_settimeofday
