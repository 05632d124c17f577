// IPv4 without options or fragments: headers, checksums, and who gets a packet.

const HEADER = 20;
const TTL = 64;
const DONT_FRAGMENT = 0x4000;
export const PROTOCOL = { ICMP: 1, TCP: 6, UDP: 17 };

export class Ipv4 {
  handlers = {}; // by protocol: (source, destination, payload) => void
  #ethernet;
  #identification = 0;

  constructor(ethernet) {
    this.#ethernet = ethernet;
    ethernet.onIpv4 = (packet) => this.#receive(packet);
  }

  send(protocol, source, destination, payload) {
    const header = Buffer.alloc(HEADER);
    header[0] = 0x45; // version 4, five words
    header.writeUInt16BE(HEADER + payload.length, 2);
    header.writeUInt16BE(this.#identification++ & 0xffff, 4);
    header.writeUInt16BE(DONT_FRAGMENT, 6);
    header[8] = TTL;
    header[9] = protocol;
    header.writeUInt32BE(source, 12);
    header.writeUInt32BE(destination, 16);
    header.writeUInt16BE(checksum(header), 10);
    this.#ethernet.sendIpv4(destination, Buffer.concat([header, payload]));
  }

  #receive(packet) {
    const headerLength = (packet[0] & 15) * 4;
    const payload = packet.subarray(headerLength, packet.readUInt16BE(2)); // without Ethernet's padding
    this.handlers[packet[9]]?.(packet.readUInt32BE(12), packet.readUInt32BE(16), payload);
  }
}

/** The Internet checksum (RFC 1071) over one or more buffers, all but the last of even length. */
export function checksum(...buffers) {
  let sum = 0;
  for (const buffer of buffers) {
    for (let i = 0; i + 1 < buffer.length; i += 2) sum += (buffer[i] << 8) | buffer[i + 1];
    if (buffer.length & 1) sum += buffer[buffer.length - 1] << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** What TCP and UDP put before themselves into their checksum. */
export function pseudoHeader(protocol, source, destination, length) {
  const header = Buffer.alloc(12);
  header.writeUInt32BE(source, 0);
  header.writeUInt32BE(destination, 4);
  header[9] = protocol;
  header.writeUInt16BE(length, 10);
  return header;
}
