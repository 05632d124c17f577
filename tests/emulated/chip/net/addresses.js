// The addresses of the emulated network, as in QEMU's "user" network, and what they mean.

export const toNumber = (text) => text.split('.').reduce((number, part) => number * 256 + Number(part), 0);

export const NETMASK = toNumber('255.255.255.0');
export const HOST = toNumber('10.0.2.2'); // this machine's loopback; gateway and DHCP server too
export const NAME_SERVER = toNumber('10.0.2.3');
export const BOARD = toNumber('10.0.2.15');
export const BROADCAST = 0xffffffff;
export const MULTICAST_DNS = toNumber('224.0.0.251');

export const HOST_MAC = Buffer.from([0x52, 0x55, 10, 0, 2, 2]);

export const isLocal = (address) => ((address ^ HOST) & NETMASK) === 0;

/**
 * Where a connection of the board goes on this machine: to its loopback, and nowhere else, so that no test depends on, or
 * reaches, anything outside.
 */
export const hostFor = (address) => (address === HOST ? '127.0.0.1' : null);
