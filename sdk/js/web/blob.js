// Blob and File: bytes in memory, with a type and, for a File, a name.

import { bytesOf, decodeUtf8, encodeUtf8, joined } from './text.js';
import { ReadableStream } from './readable-stream.js';

let bytesOfBlob;

export class Blob {
  #bytes;
  #type;

  static {
    bytesOfBlob = blob => blob.#bytes;
  }

  constructor(parts = [], { type = '' } = {}) {
    if (typeof parts !== 'object' || parts === null || typeof parts[Symbol.iterator] !== 'function') {
      throw new TypeError('The "sources" argument must be a sequence');
    }
    this.#bytes = joined([...parts].map(bytesOfPart));
    this.#type = /[^\x20-\x7e]/.test(type) ? '' : String(type).toLowerCase();
  }

  get size() {
    return this.#bytes.length;
  }

  get type() {
    return this.#type;
  }

  slice(start = 0, end = this.size, type = '') {
    return new Blob([this.#bytes.slice(start, end)], { type });
  }

  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }

  async bytes() {
    return this.#bytes.slice();
  }

  async text() {
    return decodeUtf8(this.#bytes);
  }

  stream() {
    return ReadableStream.from(this.size > 0 ? [this.#bytes.slice()] : []);
  }

  get [Symbol.toStringTag]() {
    return 'Blob';
  }
}

export class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, options = {}) {
    if (arguments.length < 2) throw new TypeError('The "fileBits" and "fileName" arguments must be specified');
    super(parts, options);
    this.#name = String(name);
    this.#lastModified = Number(options?.lastModified ?? Date.now());
  }

  get name() {
    return this.#name;
  }

  get lastModified() {
    return this.#lastModified;
  }

  get [Symbol.toStringTag]() {
    return 'File';
  }
}

function bytesOfPart(part) {
  if (part instanceof Blob) return bytesOfBlob(part);
  if (ArrayBuffer.isView(part) || part instanceof ArrayBuffer) return bytesOf(part).slice();
  return encodeUtf8(part);
}

// Without the copy that `bytes()` makes: for who only reads.
export { bytesOfBlob };
