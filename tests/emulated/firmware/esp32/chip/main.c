// Where a life begins: the arguments, then MicroPython's own main.c. What of the port is not built here has its place here, empty.
#include <stdbool.h>
#include "chip.h"
#include "py/obj.h"
#include "py/runtime.h"
#include "py/gc.h"
#include "shared/runtime/gchelper.h"
#include "idf/heap.h"

void app_main(void);

int main(int argc, char **argv) {
    life_begin(argc, argv);
    app_main();
    return 0;
}

// The port's gccollect.c knows the registers of its chips only.
void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

size_t gc_get_max_new_split(void) {
    return heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT);
}

void machine_pwm_deinit_all(void) {
}

void mp_native_relocate(void *reloc, uint8_t *text, uintptr_t to) { // there is no native code
}

MP_DEFINE_CONST_OBJ_TYPE(esp32_nvs_type, MP_QSTR_NVS, MP_TYPE_FLAG_NONE);
MP_DEFINE_CONST_OBJ_TYPE(esp32_ulp_type, MP_QSTR_ULP, MP_TYPE_FLAG_NONE);
