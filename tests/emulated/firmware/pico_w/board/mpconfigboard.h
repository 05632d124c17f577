// The board's settings: those of the stock Pico W, so that flash size, heap and uname are its own.
#include "boards/RPI_PICO_W/mpconfigboard.h"
