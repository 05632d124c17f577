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

/** @param hosts () => {name: "a.b.c.d"} */
export function serveDns(udp, hosts) {
  udp.services[PORT] = (query) => {
    if (query.destination !== NAME_SERVER) return;
    const { name, type, end } = question(query.data);
    const address = hosts()[name];
    const code = address === undefined ? NAME_ERROR : 0;
    const record = address !== undefined && type === TYPE_A ? addressRecord(address) : Buffer.alloc(0);
    const reply = Buffer.concat([query.data.subarray(0, end), record]);
    reply.writeUInt16BE(ANSWER | code, 2);
    reply.writeUInt16BE(record.length ? 1 : 0, 6);
    reply.writeUInt32BE(0, 8);
    udp.send({ source: NAME_SERVER, sourcePort: PORT, destination: query.source, port: query.sourcePort, data: reply });
  };
}

function question(query) {
  const labels = [];
  let at = HEADER;
  while (query[at]) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
    at += 1 + query[at];
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function addressRecord(address) {
  const record = Buffer.alloc(16);
  record.writeUInt16BE(NAME_OF_THE_QUESTION, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(TTL_S, 6);
  record.writeUInt16BE(4, 10);
  record.writeUInt32BE(toNumber(address), 12);
  return record;
}
