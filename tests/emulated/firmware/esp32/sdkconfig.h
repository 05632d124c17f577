// What the IDF's build would write: the chip's properties, a header each; the Makefile says which.
#pragma once
#include CHIP_HEADER
#define CONFIG_LOG_DEFAULT_LEVEL 1
