// The RP2040's boot ROM, which rp2040js does not bring: every function is a breakpoint that JavaScript serves.
// Layout and function codes: RP2040 datasheet, 2.8 "Bootrom"; the codes also stand in the SDK's pico/bootrom_constants.h.
import { doubleTable, floatTable } from './bootrom-float.js';
import { Memory } from './memory.js';

const FIRST_ENTRY = 0x100;
const TABLES = 0x3000;
const ROM_BYTES = 0x4000;
const BKPT = 0xbe00; // bkpt #n
const BX_LR = 0x4770;

// What the SDK reads at fixed addresses; the lookup function gets (table, code).
const MAGIC = [0x4d, 0x75, 0x01, 0x03]; // 'M', 'u', 1, version 3 (the B2 chip)
const MAGIC_AT = 0x10;
const FUNCTIONS_AT = 0x14;
const DATA_AT = 0x16;
const LOOKUP_AT = 0x18;
const FUNCTIONS = 1; // our names for the two tables; only lookup sees them
const DATA = 2;

/** Fills the ROM of `mcu`. Returns serve(n), to be called at breakpoint n. */
export function installBootrom(mcu, flash, onBootsel) {
  const rom = new DataView(mcu.bootrom.buffer, mcu.bootrom.byteOffset, ROM_BYTES);
  const entries = [];
  const entry = (serve) => {
    const address = FIRST_ENTRY + 4 * entries.length;
    rom.setUint16(address, BKPT | entries.length, true);
    rom.setUint16(address + 2, BX_LR, true);
    entries.push(serve);
    return address | 1; // Thumb
  };

  const registers = mcu.core.registers;
  const functions = mapValues(romFunctions(mcu, flash, onBootsel), entry);
  const data = writeTables(rom, entry, { SF: floatTable(mcu.core), SD: doubleTable(mcu.core) });
  const lookup = entry(() => {
    const code = String.fromCharCode(registers[1] & 255, (registers[1] >> 8) & 255);
    registers[0] = (registers[0] === FUNCTIONS ? functions : data)[code] ?? 0;
  });

  MAGIC.forEach((byte, i) => rom.setUint8(MAGIC_AT + i, byte));
  rom.setUint16(FUNCTIONS_AT, FUNCTIONS, true);
  rom.setUint16(DATA_AT, DATA, true);
  rom.setUint16(LOOKUP_AT, lookup, true);
  return (n) => {
    if (!entries[n] || mcu.core.PC >= ROM_BYTES) throw new Error(`bkpt #${n} at 0x${mcu.core.PC.toString(16)}`);
    entries[n]();
  };
}

function romFunctions(mcu, flash, onBootsel) {
  const { core } = mcu;
  const r = core.registers;
  const memory = new Memory(mcu);
  const nothing = () => {};
  const copy = () => {
    memory.write(r[0], memory.read(r[1], r[2] >>> 0));
    core.cycles += r[2] >>> 0; // about what the real loop takes
  };
  const fill = () => {
    memory.write(r[0], new Uint8Array(r[2] >>> 0).fill(r[1]));
    core.cycles += r[2] >>> 0;
  };
  return {
    MC: copy, C4: copy, MS: fill, S4: fill,
    P3: () => { r[0] = countOnes(r[0]); },
    R3: () => { r[0] = reverse(r[0]); },
    L3: () => { r[0] = Math.clz32(r[0]); },
    T3: () => { r[0] = r[0] ? 31 - Math.clz32(r[0] & -r[0]) : 32; },
    IF: nothing, EX: nothing, FC: nothing, CX: nothing, // flash: connect, leave XIP, flush, enter XIP
    RE: () => flash.erase(r[0] >>> 0, r[1] >>> 0),
    RP: () => flash.program(r[0] >>> 0, memory.read(r[1], r[2] >>> 0)),
    UB: onBootsel,
  };
}

function writeTables(rom, entry, tables) {
  let end = TABLES;
  return mapValues(tables, (table) => {
    const start = end;
    for (const serve of table) {
      rom.setUint32(end, entry(serve), true);
      end += 4;
    }
    return start;
  });
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

function countOnes(word) {
  let ones = 0;
  for (let rest = word >>> 0; rest; rest &= rest - 1) ones += 1;
  return ones;
}

function reverse(word) {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed = (reversed << 1) | ((word >>> bit) & 1);
  return reversed;
}
