// DHCP (RFC 2131): the board always gets the same address.
import { BOARD, BROADCAST, HOST, NAME_SERVER, NETMASK } from './addresses.js';

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const COOKIE = 0x63825363;
const OPTIONS_AT = 240;
const LEASE_S = 86400;
const BOOT_REPLY = 2;
const OPTION = { PAD: 0, NETMASK: 1, ROUTER: 3, NAME_SERVER: 6, LEASE: 51, TYPE: 53, SERVER: 54, END: 255 };
const DISCOVER = 1;
const OFFER = 2;
const REQUEST = 3;
const ACK = 5;

export function serveDhcp(udp) {
  udp.services[SERVER_PORT] = ({ data }) => {
    const answer = { [DISCOVER]: OFFER, [REQUEST]: ACK }[messageType(data)];
    if (!answer) return;
    const reply = { source: HOST, sourcePort: SERVER_PORT, destination: BROADCAST, port: CLIENT_PORT };
    udp.send({ ...reply, data: message(data, answer) });
  };
}

function messageType(request) {
  let at = OPTIONS_AT;
  while (at < request.length && request[at] !== OPTION.END) {
    if (request[at] === OPTION.TYPE) return request[at + 2];
    at += request[at] === OPTION.PAD ? 1 : 2 + request[at + 1];
  }
  return null;
}

function message(request, type) {
  const fixed = Buffer.alloc(OPTIONS_AT);
  request.copy(fixed, 0, 0, 44); // transaction, flags, hardware address
  fixed[0] = BOOT_REPLY;
  fixed.fill(0, 12, 28);
  fixed.writeUInt32BE(BOARD, 16);
  fixed.writeUInt32BE(HOST, 20);
  fixed.writeUInt32BE(COOKIE, 236);
  return Buffer.concat([
    fixed,
    Buffer.from([OPTION.TYPE, 1, type]),
    word(OPTION.SERVER, HOST),
    word(OPTION.LEASE, LEASE_S),
    word(OPTION.NETMASK, NETMASK),
    word(OPTION.ROUTER, HOST),
    word(OPTION.NAME_SERVER, NAME_SERVER),
    Buffer.from([OPTION.END]),
  ]);
}

function word(option, value) {
  const bytes = Buffer.from([option, 4, 0, 0, 0, 0]);
  bytes.writeUInt32BE(value >>> 0, 2);
  return bytes;
}
