// The body of a reply: a Node stream that can also be read whole.

import { Blob } from '../../web/blob.js';
import { collect } from '../../web/body.js';
import { ReadableStream } from '../../web/readable-stream.js';
import { decodeUtf8 } from '../../web/text.js';
import { Buffer } from '../../node/buffer.js';
import { Readable } from '../../node/stream/readable.js';
import { errors } from './errors.js';

export class BodyReadable extends Readable {
  #type;
  #taken = false;
  #web;

  constructor(bytes, type) {
    super();
    this.#type = type;
    if (bytes.length > 0) this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.push(null);
  }

  _read() {}

  get bodyUsed() {
    return this.#taken || this.readableDidRead || (this.#web?.locked ?? false);
  }

  get body() {
    this.#web ??= ReadableStream.from(this);
    return this.#web;
  }

  async bytes() {
    if (this.bodyUsed || this.destroyed) throw new TypeError('unusable');
    this.#taken = true;
    return collect(this);
  }

  async text() {
    return decodeUtf8(await this.bytes()).replace(/^\ufeff/, '');
  }

  async json() {
    return JSON.parse(await this.text());
  }

  async arrayBuffer() {
    return (await this.bytes()).buffer;
  }

  async blob() {
    return new Blob([await this.bytes()], { type: this.#type });
  }

  async formData() {
    throw new errors.NotSupportedError();
  }

  async dump() {
    this.resume();
    return null;
  }
}
