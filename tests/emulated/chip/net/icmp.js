// ICMP: every address answers an echo request.
import { checksum, PROTOCOL } from './ipv4.js';

const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;

export function answerPings(ipv4) {
  ipv4.handlers[PROTOCOL.ICMP] = (source, destination, request) => {
    if (request[0] !== ECHO_REQUEST) return;
    const reply = Buffer.from(request);
    reply[0] = ECHO_REPLY;
    reply.writeUInt16BE(0, 2);
    reply.writeUInt16BE(checksum(reply), 2);
    ipv4.send(PROTOCOL.ICMP, destination, source, reply);
  };
}
