// What an ESP32's boot ROM prints on its UART at each reset, in the manner of the chip; host programs look for "rst:" and "boot:".

/** By why the chip starts: the ROM's number and name for it. A panic and the task's watchdog end in a reset by software. */
const RESETS = {
  poweron: '0x1 (POWERON_RESET)',
  ext: '0x1 (POWERON_RESET)',
  sw: '0xc (SW_CPU_RESET)',
  panic: '0xc (SW_CPU_RESET)',
  int_wdt: '0x8 (TG1WDT_SYS_RESET)',
  task_wdt: '0xc (SW_CPU_RESET)',
  deepsleep: '0x5 (DEEPSLEEP_RESET)',
  brownout: '0xf (RTCWDT_BROWN_OUT_RESET)',
};

export function greeting(cause) {
  return Buffer.from(`ets emulated\r\n\r\nrst:${RESETS[cause]},boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n`);
}
