// crypto: getRandomValues, randomUUID and subtle.digest (SHA-1, SHA-256, SHA-384, SHA-512).
//
// subtle neither makes nor uses keys; what it does not have is named when it is called.

import { hash, hexEncode, randomBytes } from 'fonio:host';
import { DOMException } from './exception.js';
import { bytesOf } from './text.js';

function getRandomValues(into) {
  const bytes = bytesOf(into);
  const random = randomBytes(bytes.length);
  if (!random) throw new DOMException('getRandomValues gives at most 65536 bytes', 'QuotaExceededError');
  bytes.set(random);
  return into;
}

export function randomUUID() {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = hexEncode(bytes);
  return [0, 8, 12, 16, 20].map((at, index, all) => digits.slice(at, all[index + 1])).join('-');
}

const DIGESTS = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];

async function digest(algorithm, data) {
  const name = String(algorithm?.name ?? algorithm).toUpperCase();
  if (!DIGESTS.includes(name)) throw new DOMException(`Unrecognized algorithm name: ${name}`, 'NotSupportedError');
  return hash(name, bytesOf(data)).buffer;
}

const subtle = new Proxy(
  { digest },
  {
    get(target, name) {
      if (name in target || typeof name === 'symbol') return target[name];
      return async () => {
        throw new DOMException(`crypto.subtle.${name} is not available in Fonio's sandbox: only digest is`, 'NotSupportedError');
      };
    },
  },
);

export const crypto = { getRandomValues, randomUUID, subtle };
