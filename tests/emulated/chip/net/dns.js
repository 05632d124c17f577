// DNS (RFC 1035): answers for the names in `hosts`; every other name does not exist.
import { NAME_SERVER, toNumber } from './addresses.js';

const PORT = 53;
const HEADER = 12;
const TYPE_A = 1;
const CLASS_IN = 1;
const TTL_S = 60;
const ANSWER = 0x8180; // response, recursion desired and available
const NAME_ERROR = 3;
const NAME_OF_THE_QUESTION = 0xc00c; // a pointer to offset 12

/** @param hosts () => {name: "a.b.c.d", several of them in a list, or null: there is no such name} */
export function serveDns(udp, hosts) {
  udp.services[PORT] = (query) => {
    if (query.destination !== NAME_SERVER) return;
    const addresses = addressesOf(hosts(), nameIn(query.data));
    const data = reply(query.data, ANSWER | (addresses.length ? 0 : NAME_ERROR), TTL_S, addresses);
    udp.send({ source: NAME_SERVER, sourcePort: PORT, destination: query.source, port: query.sourcePort, data });
  };
}

export function addressesOf(hosts, name) {
  return [hosts[name] ?? []].flat();
}

/** The name that a message asks for. */
export function nameIn(query) {
  const labels = [];
  for (let at = HEADER; query[at]; at += 1 + query[at]) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
  return labels.join('.');
}

/** An answer to the first question of a message, if that is for addresses; to any other there are no records. */
export function reply(query, flags, ttl, addresses) {
  const name = query.indexOf(0, HEADER);
  const isForAddresses = query.readUInt16BE(name + 1) === TYPE_A;
  const records = isForAddresses ? addresses.map((address) => record(ttl, address)) : [];
  const message = Buffer.concat([query.subarray(0, name + 5), ...records]);
  message.writeUInt16BE(flags, 2);
  message.writeUInt16BE(records.length, 6);
  message.writeUInt32BE(0, 8);
  return message;
}

function record(ttl, address) {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(NAME_OF_THE_QUESTION, 0);
  bytes.writeUInt16BE(TYPE_A, 2);
  bytes.writeUInt16BE(CLASS_IN, 4);
  bytes.writeUInt32BE(ttl, 6);
  bytes.writeUInt16BE(4, 10);
  bytes.writeUInt32BE(toNumber(address), 12);
  return bytes;
}
