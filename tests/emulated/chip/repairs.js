// What rp2040js 1.4 lacks or does otherwise than the chip, and MicroPython needs.
import { randomInt } from 'node:crypto';

const PSM = 0x40010; // power-on state machine
const PSM_FRCE_OFF = 0x04;
const PSM_CORE1 = 1 << 16;
const SIO_FIFO_ST = 0x50;
const SIO_FIFO_WR = 0x54;
const SIO_FIFO_RD = 0x58;
const FIFO_VALID = 1 << 0;
const FIFO_READY = 1 << 1;
const ROSC = 0x40060; // ring oscillator
const ROSC_RANDOMBIT = 0x1c;
const UART_DATA = 0x00;
const UART_TX_INTERRUPT = 1 << 5;

/** MicroPython resets core 1 at every start and waits for its zero in the FIFO between the cores; core 1 does no more here. */
export function answerCore1Reset(mcu) {
  const toCore0 = [];
  const { sio } = mcu;
  const [read, write] = [sio.readUint32.bind(sio), sio.writeUint32.bind(sio)];
  sio.readUint32 = (offset) => {
    if (offset === SIO_FIFO_ST) return FIFO_READY | (toCore0.length ? FIFO_VALID : 0);
    if (offset === SIO_FIFO_RD) return toCore0.shift() ?? 0;
    return read(offset);
  };
  sio.writeUint32 = (offset, value) => {
    if (offset !== SIO_FIFO_ST && offset !== SIO_FIFO_WR) write(offset, value);
  };
  const psm = mcu.peripherals[PSM];
  const writePsm = psm.writeUint32.bind(psm);
  psm.writeUint32 = (offset, value) => {
    const wasOff = psm.frceOff & PSM_CORE1;
    writePsm(offset, value);
    if (offset === PSM_FRCE_OFF && wasOff && !(psm.frceOff & PSM_CORE1)) toCore0.push(0);
  };
}

/** rp2040js raises the UART's TX interrupt at every look, so that clearing it is no use: raise it after a byte was sent. */
export function makeUartInterruptClearable(mcu) {
  for (const uart of mcu.uart) {
    uart.checkInterrupts = () => mcu.setInterrupt(uart.irq, (uart.interruptStatus & uart.interruptMask) !== 0);
    const write = uart.writeUint32.bind(uart);
    uart.writeUint32 = (offset, value) => {
      write(offset, value);
      if (offset !== UART_DATA) return;
      uart.interruptStatus |= UART_TX_INTERRUPT;
      uart.checkInterrupts();
    };
  }
}

/** os.urandom, and the seed of `random`, are made of this bit; rp2040js has no ring oscillator, and then all boards draw alike. */
export function drawRandomBits(mcu) {
  const rosc = mcu.peripherals[ROSC];
  const read = rosc.readUint32.bind(rosc);
  rosc.readUint32 = (offset) => (offset === ROSC_RANDOMBIT ? randomInt(2) : read(offset));
}
