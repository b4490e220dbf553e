// The body of a request or a response: how each kind of value becomes bytes, and how it is read.
//
// A body goes over the wire whole, so a stream is read to its end before it is sent, and a reply is in memory before it
// is read. The host's limits on memory and on requests are the limits here.

import { Blob, bytesOfBlob } from './blob.js';
import { FormData, encodeMultipart } from './form-data.js';
import { readForm } from './form-reader.js';
import { ReadableStream } from './readable-stream.js';
import { URLSearchParams } from './search-params.js';
import { bytesOf, decodeUtf8, encodeUtf8, joined } from './text.js';

// `{ bytes, type }` for what is in memory, `{ stream }` for what is still to come, with the content type it implies.
export function bodyOf(value) {
  if (value === undefined || value === null) return {};
  if (typeof value === 'string') return { bytes: encodeUtf8(value), type: 'text/plain;charset=UTF-8' };
  if (value instanceof URLSearchParams) {
    return { bytes: encodeUtf8(value), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  if (value instanceof Blob) return { bytes: bytesOfBlob(value), type: value.type || undefined };
  if (value instanceof FormData) return encodeMultipart(value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return { bytes: bytesOf(value) };
  if (typeof value[Symbol.asyncIterator] === 'function') return { stream: value };
  return { bytes: encodeUtf8(value), type: 'text/plain;charset=UTF-8' };
}

export async function collect(stream) {
  const parts = [];
  for await (const chunk of stream) parts.push(typeof chunk === 'string' ? encodeUtf8(chunk) : bytesOf(chunk));
  return joined(parts);
}

// What Request and Response have in common.
export class Body {
  #bytes;
  #stream;
  #used = false;

  // Bytes in memory become a stream only when somebody asks for one.
  constructor({ bytes, stream }) {
    this.#bytes = bytes;
    if (stream !== undefined) this.#stream = stream instanceof ReadableStream ? stream : ReadableStream.from(stream);
  }

  get body() {
    if (this.#stream === undefined && this.#bytes !== undefined) {
      const bytes = this.#bytes;
      this.#stream = new ReadableStream({
        type: 'bytes',
        start(controller) {
          if (bytes.length > 0) controller.enqueue(bytes.slice());
          controller.close();
        },
      });
      // From here on the stream is what there is to read: it may be read in part.
      this.#bytes = undefined;
    }
    return this.#stream ?? null;
  }

  get bodyUsed() {
    return this.#used || (this.#stream?.locked ?? false);
  }

  async bytes() {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
    if (this.#bytes !== undefined) {
      this.#used = true;
      return this.#bytes.slice();
    }
    if (this.#stream === undefined) return new Uint8Array(0);
    this.#used = true;
    return collect(this.#stream);
  }

  async arrayBuffer() {
    return (await this.bytes()).buffer;
  }

  async text() {
    return decodeUtf8(await this.bytes()).replace(/^\ufeff/, '');
  }

  async json() {
    return JSON.parse(await this.text());
  }

  async blob() {
    return new Blob([await this.bytes()], { type: this.headers.get('content-type') ?? '' });
  }

  async formData() {
    return readForm(await this.bytes(), this.headers.get('content-type') ?? '');
  }

  static isGiven(body) {
    return body.#bytes !== undefined || body.#stream !== undefined;
  }

  // The two halves of a clone: bytes are shared, a stream is split.
  static split(body) {
    if (body.bodyUsed) throw new TypeError('Body has already been consumed.');
    if (body.#stream === undefined) return { bytes: body.#bytes };
    const [kept, given] = body.#stream.tee();
    body.#stream = kept;
    return { stream: given };
  }
}
