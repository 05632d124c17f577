// Ethernet and ARP: every address of the network but the board's own is answered with one MAC.
import { BOARD, BROADCAST, HOST_MAC, isLocal } from './addresses.js';

const HEADER = 14;
const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
const ARP_BYTES = 28;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;

export class Ethernet {
  #accessPoint;

  constructor(accessPoint) {
    this.#accessPoint = accessPoint;
    this.onIpv4 = () => {};
    accessPoint.onFrame = (frame) => this.#tryToReceive(frame);
  }

  sendIpv4(destination, packet) {
    const to = destination === BROADCAST ? Buffer.alloc(6, 0xff) : this.#accessPoint.stationMac;
    this.#send(to, TYPE_IPV4, packet);
  }

  #send(to, type, payload) {
    const header = Buffer.alloc(HEADER);
    to.copy(header, 0);
    HOST_MAC.copy(header, 6);
    header.writeUInt16BE(type, 12);
    this.#accessPoint.receive(Buffer.concat([header, payload]));
  }

  /** What is too short for what it says it is, node refuses to read: dropped, as by any other network. */
  #tryToReceive(frame) {
    try {
      this.#receive(frame);
    } catch (error) {
      if (error.code !== 'ERR_OUT_OF_RANGE' && error.code !== 'ERR_BUFFER_OUT_OF_BOUNDS') throw error;
    }
  }

  #receive(frame) {
    const type = frame.readUInt16BE(12);
    const payload = frame.subarray(HEADER);
    if (type === TYPE_IPV4) this.onIpv4(payload);
    else if (type === TYPE_ARP) this.#answer(payload);
  }

  /** RFC 826: sender and target each as MAC and address. */
  #answer(request) {
    const [sender, target] = [request.subarray(8, 18), request.readUInt32BE(24)];
    if (request.readUInt16BE(6) !== ARP_REQUEST || target === BOARD || !isLocal(target)) return;
    const reply = Buffer.alloc(ARP_BYTES);
    request.copy(reply, 0, 0, 6);
    reply.writeUInt16BE(ARP_REPLY, 6);
    HOST_MAC.copy(reply, 8);
    reply.writeUInt32BE(target, 14);
    sender.copy(reply, 18);
    this.#send(sender.subarray(0, 6), TYPE_ARP, reply);
  }
}
