// node:string_decoder: characters that are cut between two chunks, put together again.

import { joined, unfinished } from '../web/text.js';
import { encodingOf } from './encodings.js';

// Under the names that `unfinished` knows. Base64 goes by threes.
const FAMILY = { utf8: 'utf-8', 'utf-8': 'utf-8', utf16le: 'utf-16le', 'utf-16le': 'utf-16le', ucs2: 'utf-16le', 'ucs-2': 'utf-16le' };

export class StringDecoder {
  #kept = new Uint8Array(0);
  #codec;

  constructor(encoding = 'utf8') {
    this.encoding = String(encoding ?? 'utf8').toLowerCase();
    this.#codec = encodingOf(encoding);
  }

  write(chunk) {
    if (typeof chunk === 'string') return chunk;
    const bytes = this.#kept.length > 0 ? joined([this.#kept, chunk]) : chunk;
    const whole = bytes.length - this.#unfinished(bytes);
    this.#kept = Uint8Array.from(bytes.subarray(whole));
    return whole > 0 ? this.#codec.decode(bytes.subarray(0, whole)) : '';
  }

  end(chunk) {
    const text = chunk === undefined ? '' : this.write(chunk);
    const rest = this.#kept;
    this.#kept = new Uint8Array(0);
    return rest.length > 0 ? text + this.#codec.decode(rest) : text;
  }

  #unfinished(bytes) {
    if (this.encoding.startsWith('base64')) return bytes.length % 3;
    return unfinished(FAMILY[this.encoding] ?? '', bytes);
  }
}

export default { StringDecoder };
