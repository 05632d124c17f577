// The station's network interface in lwIP, as the radio sees it. Call with the network locked, or from PendSV.
#ifndef PLOTPOST_EMULATED_INTERFACE_H
#define PLOTPOST_EMULATED_INTERFACE_H

#include "lib/cyw43-driver/src/cyw43.h"

void interface_add(cyw43_t *self);
void interface_remove(cyw43_t *self);
void interface_receive(cyw43_t *self, int len); // the frame in self->frame

#endif
