// node:net: `isIP` and its kin. Sockets are not there, and say so when they are used.

import { missing } from '../missing.js';

const V4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

// Groups of hexadecimal digits, one gap at most, an IPv4 address in the place of the last two.
function isV6(text) {
  const address = text.replace(/%[0-9a-z.-]+$/i, '');
  const at = address.lastIndexOf(':') + 1;
  const tail = address.slice(at);
  if (tail.includes('.') && !V4.test(tail)) return false;
  const plain = tail.includes('.') ? `${address.slice(0, at)}0:0` : address;
  const gaps = plain.split('::').length - 1;
  const groups = plain.split(/::?/).filter(group => group !== '');
  const whole = gaps === 0 ? groups.length === 8 : gaps === 1 && groups.length < 8;
  const loose = /^:[^:]|[^:]:$/.test(plain);
  return whole && !loose && groups.every(group => /^[0-9a-f]{1,4}$/i.test(group));
}

export const isIPv4 = text => V4.test(String(text));
export const isIPv6 = text => String(text).includes(':') && isV6(String(text));
export const isIP = text => (isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0);

export const {
  BlockList, Server, Socket, SocketAddress, Stream, connect, createConnection, createServer,
} = missing('net');
export default { isIP, isIPv4, isIPv6, BlockList, Server, Socket, SocketAddress, Stream, connect, createConnection, createServer };
