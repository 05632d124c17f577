// Multicast DNS (RFC 6762): the names in `hosts` that end in .local answer for themselves; nobody answers for another.
// Only those who ask as a DNS client does are answered ("one-shot", 6.7), which is what the boards do.
import { HOST, MULTICAST_DNS } from './addresses.js';
import { addressesOf, nameIn, reply } from './dns.js';

const PORT = 5353;
const TTL_S = 10; // at most, for such a one
const AUTHORITATIVE = 0x8400;

/** @param hosts as serveDns has them */
export function serveMdns(udp, hosts) {
  udp.services[PORT] = (query) => {
    if (query.destination !== MULTICAST_DNS || query.sourcePort === PORT) return;
    const name = nameIn(query.data);
    const addresses = name.endsWith('.local') ? addressesOf(hosts(), name) : [];
    if (!addresses.length) return;
    const data = reply(query.data, AUTHORITATIVE, TTL_S, addresses);
    udp.send({ source: HOST, sourcePort: PORT, destination: query.source, port: query.sourcePort, data });
  };
}
