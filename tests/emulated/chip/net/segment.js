// TCP segments (RFC 9293): parsing, building, and arithmetic of sequence numbers.
import { checksum, PROTOCOL, pseudoHeader } from './ipv4.js';

export const FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 };
const DEFAULT_MSS = 536;

const HEADER = 20;
const OPTION_END = 0;
const OPTION_NOTHING = 1;
const OPTION_MSS = 2;

/** a + n, and a - b as a signed distance, in 32 bits. */
export const plus = (a, n) => (a + n) >>> 0;
export const distance = (a, b) => (a - b) | 0;

export function parse(packet) {
  const headerLength = (packet[12] >> 4) * 4;
  return {
    sourcePort: packet.readUInt16BE(0),
    port: packet.readUInt16BE(2),
    sequence: packet.readUInt32BE(4),
    acknowledgement: packet.readUInt32BE(8),
    flags: packet[13],
    window: packet.readUInt16BE(14),
    mss: mssOption(packet.subarray(HEADER, headerLength)),
    data: packet.subarray(headerLength),
  };
}

/** @param segment {source, sourcePort, destination, port, sequence, acknowledgement, flags, window, mss?, data?} */
export function build(segment) {
  const options = segment.mss ? Buffer.from([OPTION_MSS, 4, segment.mss >> 8, segment.mss & 255]) : Buffer.alloc(0);
  const header = Buffer.alloc(HEADER);
  const data = segment.data ?? Buffer.alloc(0);
  header.writeUInt16BE(segment.sourcePort, 0);
  header.writeUInt16BE(segment.port, 2);
  header.writeUInt32BE(segment.sequence, 4);
  header.writeUInt32BE(segment.acknowledgement, 8);
  header[12] = ((HEADER + options.length) / 4) << 4;
  header[13] = segment.flags;
  header.writeUInt16BE(segment.window, 14);
  const length = HEADER + options.length + data.length;
  const pseudo = pseudoHeader(PROTOCOL.TCP, segment.source, segment.destination, length);
  header.writeUInt16BE(checksum(pseudo, header, options, data), 16);
  return Buffer.concat([header, options, data]);
}

function mssOption(options) {
  let at = 0;
  while (at < options.length && options[at] !== OPTION_END) {
    if (options[at] === OPTION_MSS) return options.readUInt16BE(at + 2);
    at += options[at] === OPTION_NOTHING ? 1 : options[at + 1] || options.length;
  }
  return DEFAULT_MSS;
}
