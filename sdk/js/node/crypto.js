// node:crypto: hashes, keyed hashes, random bytes, numbers and identifiers, `timingSafeEqual`.
//
// Hashes: md5, sha1, sha224, sha256, sha384, sha512. Not there: ciphers, signatures, certificates, keys of any kind.
// What is not there says so when it is called.

import { hash as digest, hmac, randomBytes as nativeRandomBytes } from 'fonio:host';
import { crypto as webcrypto, randomUUID } from '../web/crypto.js';
import { joined } from '../web/text.js';
import { Buffer } from './buffer.js';
import { invalidArgType, plainError, rangeError, unavailable } from './errors.js';
import { Transform } from './stream/duplex.js';

const HASHES = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];
const BYTES_MAX = 65_536;

// `RSA-SHA256` is OpenSSL's other name for sha256.
const plainName = algorithm => String(algorithm).toLowerCase().replace(/^rsa-/, '').replace('sha-', 'sha');

function checkedName(algorithm) {
  const name = plainName(algorithm);
  if (HASHES.includes(name)) return name;
  throw plainError('ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${algorithm}: ${HASHES.join(', ')} are available in Fonio's sandbox`);
}

function bytes(data, encoding, name = 'data') {
  if (typeof data === 'string') return Buffer.from(data, encoding);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data) || data instanceof ArrayBuffer) return Buffer.from(data.buffer ?? data, data.byteOffset, data.byteLength);
  throw invalidArgType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}

// A secret for keyed hashes. Keys of other kinds are not there.
export class KeyObject {
  #bytes;
  type = 'secret';

  constructor(secret) {
    this.#bytes = Buffer.from(secret);
  }

  get symmetricKeySize() {
    return this.#bytes.length;
  }

  export() {
    return Buffer.from(this.#bytes);
  }
}

export const createSecretKey = (key, encoding) => new KeyObject(bytes(key, encoding, 'key'));

// What `update` was given is kept and hashed at the end: the host hashes whole messages.
class Digest extends Transform {
  #finish;
  #parts = [];
  #done = false;

  constructor(finish, parts = []) {
    super();
    this.#finish = finish;
    this.#parts = parts;
  }

  update(data, encoding) {
    if (this.#done) throw plainError('ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    this.#parts.push(Uint8Array.from(bytes(data, encoding)));
    return this;
  }

  digest(encoding) {
    if (this.#done) throw plainError('ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    this.#done = true;
    const result = Buffer.from(this.#finish(joined(this.#parts)).buffer);
    return encoding && encoding !== 'buffer' ? result.toString(encoding) : result;
  }

  copy() {
    if (this.#done) throw plainError('ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    return new Digest(this.#finish, [...this.#parts]);
  }

  _transform(chunk, encoding, callback) {
    this.update(chunk, encoding);
    callback();
  }

  _flush(callback) {
    callback(null, this.digest());
  }
}

export function createHash(algorithm) {
  const name = checkedName(algorithm);
  return new Digest(data => digest(name, data));
}

export function createHmac(algorithm, key, options) {
  const name = checkedName(algorithm);
  const secret = key instanceof KeyObject ? key.export() : bytes(key, options?.encoding, 'key');
  return new Digest(data => hmac(name, secret, data));
}

export const hash = (algorithm, data, encoding = 'hex') => createHash(algorithm).update(data).digest(encoding);
export const getHashes = () => [...HASHES];
export const getCiphers = () => [];
export const getCurves = () => [];

export function randomBytes(size, callback) {
  if (typeof size !== 'number') throw invalidArgType('size', 'of type number', size);
  const parts = [];
  for (let left = size; left > 0; left -= BYTES_MAX) parts.push(nativeRandomBytes(Math.min(left, BYTES_MAX)));
  const random = Buffer.from(joined(parts).buffer);
  if (!callback) return random;
  queueMicrotask(() => callback(null, random));
  return undefined;
}

export function randomFillSync(target, offset = 0, size = target.byteLength - offset) {
  new Uint8Array(target.buffer ?? target, (target.byteOffset ?? 0) + offset, size).set(randomBytes(size));
  return target;
}

export function randomInt(min, max, callback) {
  if (typeof max !== 'number') return randomInt(0, min, max);
  const range = max - min;
  if (!(range > 0 && range <= 2 ** 48 - 1)) throw rangeError('ERR_OUT_OF_RANGE', `The value of "max" is out of range. Received ${max}`);
  // A multiple of the range, so that every number is as likely as every other.
  const limit = 2 ** 48 - (2 ** 48 % range);
  let drawn;
  do drawn = randomBytes(6).readUIntBE(0, 6);
  while (drawn >= limit);
  const value = min + (drawn % range);
  if (!callback) return value;
  queueMicrotask(() => callback(null, value));
  return undefined;
}

export function timingSafeEqual(left, right) {
  if (left.byteLength !== right.byteLength) {
    throw rangeError('ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH', 'Input buffers must have the same byte length');
  }
  let difference = 0;
  for (let at = 0; at < left.length; at += 1) difference |= left[at] ^ right[at];
  return difference === 0;
}

const refused = name => () => {
  throw unavailable(`crypto.${name}`, 'hashes, keyed hashes and random bytes are');
};

export const [
  createCipheriv, createDecipheriv, createSign, createVerify, sign, verify, createPrivateKey, createPublicKey,
  generateKeyPair, generateKeyPairSync, publicEncrypt, privateDecrypt, scrypt, scryptSync, pbkdf2, pbkdf2Sync, createDiffieHellman,
  createECDH,
] = [
  'createCipheriv', 'createDecipheriv', 'createSign', 'createVerify', 'sign', 'verify', 'createPrivateKey', 'createPublicKey',
  'generateKeyPair', 'generateKeyPairSync', 'publicEncrypt', 'privateDecrypt', 'scrypt', 'scryptSync',
  'pbkdf2', 'pbkdf2Sync', 'createDiffieHellman', 'createECDH',
].map(refused);

export const constants = {};
export const { getRandomValues, subtle } = webcrypto;
export { randomUUID, webcrypto };
export default {
  createHash, createHmac, hash, getHashes, getCiphers, getCurves, randomBytes, pseudoRandomBytes: randomBytes, randomFillSync,
  randomInt, randomUUID, timingSafeEqual, createCipheriv, createDecipheriv, createSign, createVerify, sign, verify,
  createPrivateKey, createPublicKey, createSecretKey, generateKeyPair, generateKeyPairSync, publicEncrypt, privateDecrypt, scrypt,
  scryptSync, pbkdf2, pbkdf2Sync, createDiffieHellman, createECDH, constants, getRandomValues, KeyObject, subtle, webcrypto,
};
