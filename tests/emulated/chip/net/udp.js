// UDP: services inside the network (DHCP, DNS), and everything else passed on to this machine's loopback.
import dgram from 'node:dgram';
import { hostFor } from './addresses.js';
import { checksum, PROTOCOL, pseudoHeader } from './ipv4.js';

const HEADER = 8;

export class Udp {
  services = {}; // by port: (datagram) => void; a datagram is {source, sourcePort, destination, port, data}
  #ipv4;
  #sockets = new Map(); // node's sockets by the board's port and the far end

  constructor(ipv4) {
    this.#ipv4 = ipv4;
    ipv4.handlers[PROTOCOL.UDP] = (source, destination, packet) => this.#receive(source, destination, packet);
  }

  send({ source, sourcePort, destination, port, data }) {
    const header = Buffer.alloc(HEADER);
    const length = HEADER + data.length;
    header.writeUInt16BE(sourcePort, 0);
    header.writeUInt16BE(port, 2);
    header.writeUInt16BE(length, 4);
    const sum = checksum(pseudoHeader(PROTOCOL.UDP, source, destination, length), header, data);
    header.writeUInt16BE(sum || 0xffff, 6); // 0 would say: no checksum
    this.#ipv4.send(PROTOCOL.UDP, source, destination, Buffer.concat([header, data]));
  }

  close() {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #receive(source, destination, packet) {
    const datagram = {
      source,
      sourcePort: packet.readUInt16BE(0),
      destination,
      port: packet.readUInt16BE(2),
      data: packet.subarray(HEADER, packet.readUInt16BE(4)),
    };
    const service = this.services[datagram.port];
    if (service) service(datagram);
    else if (hostFor(destination)) this.#pass(datagram);
  }

  #pass({ source, sourcePort, destination, port, data }) {
    const key = `${sourcePort}>${destination}:${port}`;
    let socket = this.#sockets.get(key);
    if (!socket) {
      socket = dgram.createSocket('udp4');
      socket.on('error', () => {}); // nobody listens: a board is told nothing either
      socket.on('message', (answer) => {
        this.send({ source: destination, sourcePort: port, destination: source, port: sourcePort, data: answer });
      });
      this.#sockets.set(key, socket);
    }
    socket.send(data, port, hostFor(destination));
  }
}
