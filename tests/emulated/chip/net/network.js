// The network around an emulated board: one access point, one machine, put together from the files beside this one.
import { AccessPoint } from './access-point.js';
import { serveDhcp } from './dhcp.js';
import { serveDns } from './dns.js';
import { Ethernet } from './ethernet.js';
import { answerPings } from './icmp.js';
import { Ipv4 } from './ipv4.js';
import { serveMdns } from './mdns.js';
import { Pcap } from './pcap.js';
import { Tcp } from './tcp.js';
import { Timers } from './timers.js';
import { Udp } from './udp.js';

export class Network {
  #timers = new Timers();
  #hosts;
  #udp;
  #tcp;

  /**
   * @param settings what ../../network.py's Network holds
   * @param {Buffer} stationMac of the board's radio
   */
  constructor(settings, stationMac) {
    const pcap = settings.pcap ? new Pcap(settings.pcap) : null;
    this.accessPoint = new AccessPoint(settings.wifi, stationMac, this.#timers, pcap);
    this.#hosts = settings.hosts;
    const ipv4 = new Ipv4(new Ethernet(this.accessPoint));
    this.#udp = new Udp(ipv4);
    this.#tcp = new Tcp(ipv4, this.#timers, settings.window);
    answerPings(ipv4);
    serveDhcp(this.#udp);
    serveDns(this.#udp, () => this.#hosts);
    serveMdns(this.#udp, () => this.#hosts);
    for (const [hostPort, boardPort] of settings.forward) this.#tcp.forward(hostPort, boardPort);
  }

  /** The board starts anew. Connections stay open at this machine's end, as they do when a real board loses power. */
  attach(clock) {
    this.accessPoint.leave();
    this.#timers.attach(clock);
  }

  close() {
    this.#tcp.close();
    this.#udp.close();
  }

  /** The faults and settings that ../control.js accepts for the network. */
  commands = {
    ssid: (name) => { this.accessPoint.ssid = name; },
    hidden: (hidden) => { this.accessPoint.hidden = hidden; },
    key: (key) => { this.accessPoint.key = key; },
    rssi: (dbm) => { this.accessPoint.rssi = dbm; },
    link: (up) => this.accessPoint.setLink(up),
    delay: (ms) => { this.accessPoint.delay = ms; },
    loss: (share) => { this.accessPoint.loss = share; },
    hosts: (hosts) => { this.#hosts = hosts; },
    window: (bytes) => this.#tcp.setWindow(bytes),
    stall: (stalled) => this.#tcp.setStalled(stalled),
    rst: () => this.#tcp.resetAll(),
  };

  status() {
    return { ...this.accessPoint.counts, ...this.#tcp.status() };
  }
}
