// The boot ROM's floating point: one table for single, one for double precision, in the order of the SDK's
// pico/bootrom/sf_table.h. Arguments and results lie in registers as the soft-float calling convention has them.

const INT64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };
const UINT64 = { least: 0n, most: 2n ** 64n - 1n };
const INT32 = { least: -(2 ** 31), most: 2 ** 31 - 1 };
const UINT32 = { least: 0, most: 2 ** 32 - 1 };

const scratch = new DataView(new ArrayBuffer(8));

export function floatTable(core) {
  const number = singles(core.registers);
  return [...table(core, number), () => doubles(core.registers).set(0, number.get(0))]; // last: to double
}

export function doubleTable(core) {
  const number = doubles(core.registers);
  return [...table(core, number), () => singles(core.registers).set(0, number.get(0))]; // last: to single
}

/** A single precision number takes one register. */
function singles(r) {
  return {
    words: 1,
    get(i) {
      scratch.setUint32(0, r[i]);
      return scratch.getFloat32(0);
    },
    set(i, x) {
      scratch.setFloat32(0, x);
      r[i] = scratch.getInt32(0);
    },
  };
}

/** A double takes two registers, the lower word first. */
function doubles(r) {
  return {
    words: 2,
    get(i) {
      scratch.setUint32(0, r[2 * i + 1]);
      scratch.setUint32(4, r[2 * i]);
      return scratch.getFloat64(0);
    },
    set(i, x) {
      scratch.setFloat64(0, x);
      r[2 * i + 1] = scratch.getInt32(0);
      r[2 * i] = scratch.getInt32(4);
    },
  };
}

function table(core, { words, get, set }) {
  const r = core.registers;
  const a = () => get(0);
  const b = () => get(1);
  const give = (x) => set(0, x);
  const giveInt = (x) => { r[0] = x | 0; };
  const giveInt64 = (x) => {
    const wrapped = BigInt.asUintN(64, x);
    r[0] = Number(wrapped & 0xffffffffn) | 0;
    r[1] = Number(wrapped >> 32n) | 0;
  };
  const unsigned64 = () => (BigInt(r[1] >>> 0) << 32n) | BigInt(r[0] >>> 0);
  const signed64 = () => BigInt.asIntN(64, unsigned64());
  const fixed = () => a() * 2 ** (r[words] | 0); // (x, bits after the point)
  const compare = () => giveInt(a() < b() ? -1 : a() > b() ? 1 : 0);
  const sineAndCosine = () => {
    const angle = a();
    set(0, Math.sin(angle));
    set(1, Math.cos(angle));
  };
  return [
    () => give(a() + b()),
    () => give(a() - b()),
    () => give(a() * b()),
    () => give(a() / b()),
    compare,
    () => compareIntoFlags(core, a(), b()),
    () => give(Math.sqrt(a())),
    () => giveInt(clamp(a(), INT32)),
    () => giveInt(clamp(fixed(), INT32)),
    () => giveInt(clamp(a(), UINT32)),
    () => giveInt(clamp(fixed(), UINT32)),
    () => give(r[0] | 0),
    () => give((r[0] | 0) * 2 ** -(r[1] | 0)),
    () => give(r[0] >>> 0),
    () => give((r[0] >>> 0) * 2 ** -(r[1] | 0)),
    () => give(Math.cos(a())),
    sineAndCosine,
    () => give(Math.tan(a())),
    sineAndCosine,
    () => give(Math.exp(a())),
    () => give(Math.log(a())),
    compare,
    () => give(Math.atan2(a(), b())),
    () => give(Number(signed64())),
    () => give(Number(signed64()) * 2 ** -(r[2] | 0)),
    () => give(Number(unsigned64())),
    () => give(Number(unsigned64()) * 2 ** -(r[2] | 0)),
    () => giveInt64(clampBig(a(), INT64)),
    () => giveInt64(clampBig(fixed(), INT64)),
    () => giveInt64(clampBig(a(), UINT64)),
    () => giveInt64(clampBig(fixed(), UINT64)),
  ];
}

/** As the instruction CMP leaves them; unordered numbers compare as neither. */
function compareIntoFlags(core, a, b) {
  core.Z = a === b;
  core.C = a >= b;
  core.N = false;
  core.V = false;
}

function clamp(x, { least, most }) {
  if (Number.isNaN(x)) return 0;
  return Math.min(most, Math.max(least, Math.floor(x)));
}

function clampBig(x, { least, most }) {
  if (Number.isNaN(x)) return 0n;
  if (!Number.isFinite(x)) return x > 0 ? most : least;
  const whole = BigInt(Math.floor(x));
  return whole < least ? least : whole > most ? most : whole;
}
