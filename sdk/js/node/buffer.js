// node:buffer: Buffer, whole but for `transcode`, `swap32`, `swap64` and the integers of odd sizes beyond `readUIntBE` and
// its kin. `allocUnsafe` is `alloc`: there is no pool to leak from.

import { Blob, File } from '../web/blob.js';
import { atob, btoa } from '../web/base64.js';
import { encodingOf, isEncoding } from './encodings.js';
import { invalidArgType, rangeError } from './errors.js';
import { defineNumbers } from './buffer-numbers.js';
import { find } from './buffer-search.js';

const LENGTH_MAX = 2 ** 31 - 1;

class FastBuffer extends Uint8Array {}

const over = bytes => new FastBuffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);

// A function, because old packages call it without `new`.
export function Buffer(value, encodingOrOffset, length) {
  return typeof value === 'number' ? Buffer.alloc(value) : Buffer.from(value, encodingOrOffset, length);
}

Object.setPrototypeOf(Buffer, Uint8Array);
Buffer.prototype = FastBuffer.prototype;
Object.defineProperty(FastBuffer.prototype, 'constructor', { value: Buffer, writable: true, configurable: true });
Object.defineProperty(Buffer, Symbol.species, { get: () => FastBuffer, configurable: true });

function define(target, members) {
  for (const name of Object.keys(members)) {
    Object.defineProperty(target, name, { value: members[name], writable: true, configurable: true });
  }
}

define(Buffer, {
  poolSize: 8192,

  from(value, encodingOrOffset, length) {
    if (typeof value === 'string') return over(encodingOf(encodingOrOffset).encode(value));
    if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
      const offset = Number(encodingOrOffset) || 0;
      return new FastBuffer(value, offset, length);
    }
    if (typeof value === 'object' && value !== null) {
      if (ArrayBuffer.isView(value) || Array.isArray(value)) return new FastBuffer(value);
      const primitive = value.valueOf?.();
      if (primitive !== undefined && primitive !== null && primitive !== value) return Buffer.from(primitive, encodingOrOffset, length);
      if (value.type === 'Buffer' && Array.isArray(value.data)) return new FastBuffer(value.data);
      if (typeof value[Symbol.toPrimitive] === 'function') return Buffer.from(value[Symbol.toPrimitive]('string'), encodingOrOffset);
      if (typeof value.length === 'number') return new FastBuffer(Array.from(value));
    }
    throw invalidArgType(
      'first argument', 'of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object', value,
    );
  },

  alloc(size, fill, encoding) {
    const buffer = new FastBuffer(checkedSize(size));
    return fill === undefined || fill === 0 ? buffer : buffer.fill(fill, encoding);
  },

  allocUnsafe: size => new FastBuffer(checkedSize(size)),
  allocUnsafeSlow: size => new FastBuffer(checkedSize(size)),
  isBuffer: value => value instanceof Buffer,
  isEncoding,

  byteLength(value, encoding) {
    return typeof value === 'string' ? encodingOf(encoding).encode(value).length : value.byteLength;
  },

  concat(list, length = list.reduce((sum, part) => sum + part.length, 0)) {
    const whole = new FastBuffer(length);
    let at = 0;
    for (const part of list) {
      if (!(part instanceof Uint8Array)) throw invalidArgType('list[0]', 'an instance of Buffer or Uint8Array', part);
      whole.set(part.subarray(0, Math.max(0, length - at)), at);
      at += part.length;
      if (at >= length) break;
    }
    return whole;
  },

  compare(left, right) {
    const shared = Math.min(left.length, right.length);
    for (let at = 0; at < shared; at += 1) if (left[at] !== right[at]) return left[at] < right[at] ? -1 : 1;
    return Math.sign(left.length - right.length);
  },

  copyBytesFrom: (view, offset = 0, length = view.length) => Buffer.from(view.slice(offset, offset + length).buffer),
});

function checkedSize(size) {
  if (typeof size !== 'number') throw invalidArgType('size', 'of type number', size);
  if (size >= 0 && size <= LENGTH_MAX) return size;
  throw rangeError('ERR_OUT_OF_RANGE', `The value of "size" is out of range. It must be >= 0 && <= ${LENGTH_MAX}. Received ${size}`);
}

const nativeFill = Uint8Array.prototype.fill;

define(Buffer.prototype, {
  toString(encoding, start = 0, end = this.length) {
    const whole = start <= 0 && end >= this.length;
    return encodingOf(encoding).decode(whole ? this : this.subarray(Math.max(0, start), Math.max(0, end)));
  },

  toLocaleString(encoding, start, end) {
    return this.toString(encoding, start, end);
  },

  toJSON() {
    return { type: 'Buffer', data: Array.from(this) };
  },

  equals(other) {
    return Buffer.compare(this, other) === 0;
  },

  compare(other, targetStart = 0, targetEnd = other.length, start = 0, end = this.length) {
    return Buffer.compare(this.subarray(start, end), other.subarray(targetStart, targetEnd));
  },

  // Unlike an array's: a window, not a copy.
  slice(start, end) {
    return this.subarray(start, end);
  },

  write(text, offset = 0, length = this.length - offset, encoding = 'utf8') {
    if (typeof offset === 'string') return this.write(text, 0, this.length, offset);
    if (typeof length === 'string') return this.write(text, offset, this.length - offset, length);
    const room = Math.min(length, this.length - offset);
    const bytes = encodingOf(encoding).encode(text).subarray(0, room);
    this.set(bytes, offset);
    return bytes.length;
  },

  copy(target, targetStart = 0, start = 0, end = this.length) {
    const bytes = this.subarray(start, Math.min(end, start + Math.max(0, target.length - targetStart)));
    target.set(bytes, targetStart);
    return bytes.length;
  },

  fill(value, offset = 0, end = this.length, encoding = 'utf8') {
    if (typeof offset === 'string') return this.fill(value, 0, this.length, offset);
    if (typeof end === 'string') return this.fill(value, offset, this.length, end);
    if (typeof value === 'number' || typeof value === 'boolean') return nativeFill.call(this, Number(value) & 255, offset, end);
    const pattern = typeof value === 'string' ? encodingOf(encoding).encode(value) : value;
    if (pattern.length === 0) return nativeFill.call(this, 0, offset, end);
    const whole = this.subarray(offset, end);
    whole.set(pattern.slice(0, whole.length));
    // What is there already is copied behind itself, twice as much each time.
    for (let filled = pattern.length; filled < whole.length; filled *= 2) whole.copyWithin(filled, 0, filled);
    return this;
  },

  indexOf(value, offset, encoding) {
    return find(this, needle(value, offset, encoding), typeof offset === 'number' ? offset : 0);
  },

  lastIndexOf(value, offset, encoding) {
    const last = typeof offset === 'number' ? offset : this.length;
    return find(this, needle(value, offset, encoding), last, -1);
  },

  includes(value, offset, encoding) {
    return this.indexOf(value, offset, encoding) >= 0;
  },

  swap16() {
    for (let at = 0; at + 1 < this.length; at += 2) [this[at], this[at + 1]] = [this[at + 1], this[at]];
    return this;
  },
});

Object.defineProperty(Buffer.prototype, 'parent', { get() { return this.buffer; }, configurable: true });
Object.defineProperty(Buffer.prototype, 'offset', { get() { return this.byteOffset; }, configurable: true });

function needle(value, offset, encoding) {
  if (typeof value === 'number') return Uint8Array.of(value);
  if (typeof value === 'string') return encodingOf(typeof offset === 'string' ? offset : encoding).encode(value);
  return value;
}

defineNumbers(Buffer.prototype, define);

export const kMaxLength = LENGTH_MAX;
export const constants = { MAX_LENGTH: LENGTH_MAX, MAX_STRING_LENGTH: 2 ** 29 - 24 };
export const SlowBuffer = Buffer;
export const INSPECT_MAX_BYTES = 50;
export const isUtf8 = bytes => Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes);
export const isAscii = bytes => bytes.every(byte => byte < 0x80);
export { atob, Blob, btoa, File };
export default { Buffer, SlowBuffer, Blob, File, atob, btoa, constants, isAscii, isUtf8, kMaxLength, INSPECT_MAX_BYTES };
