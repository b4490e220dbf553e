// TextEncoder and TextDecoder, and `utf8` for the rest of the layer.
//
// Decodes UTF-8, UTF-16LE and windows-1252 (which is what the web means by latin1 and ascii), whole or as a stream.
// Every other encoding is refused when a decoder is made.

import { latin1Decode, utf8Decode, utf8Encode } from 'fonio:host';

// Half of a surrogate pair has no UTF-8; it becomes U+FFFD, as the web has it.
export const encodeUtf8 = text => utf8Encode(String(text).toWellFormed());
export const decodeUtf8 = bytes => utf8Decode(bytes, false);

// A view of any kind, or a buffer, as its bytes, without a copy.
export function bytesOf(source) {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (source instanceof ArrayBuffer || source instanceof SharedArrayBuffer) return new Uint8Array(source);
  throw new TypeError('expected an ArrayBuffer or a view of one');
}

export class TextEncoder {
  get encoding() {
    return 'utf-8';
  }

  encode(text = '') {
    return encodeUtf8(text);
  }

  encodeInto(text, into) {
    let read = 0;
    let written = 0;
    for (const character of String(text)) {
      const bytes = encodeUtf8(character);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

const LABELS = {
  'utf-8': ['utf-8', 'utf8', 'unicode-1-1-utf-8', 'unicode11utf8', 'unicode20utf8', 'x-unicode20utf8'],
  'utf-16le': ['utf-16le', 'utf-16', 'utf16le', 'ucs-2', 'iso-10646-ucs-2', 'unicode', 'unicodefeff'],
  'windows-1252': ['windows-1252', 'latin1', 'iso-8859-1', 'iso8859-1', 'ascii', 'us-ascii', 'cp1252', 'l1', 'x-cp1252'],
};

// What windows-1252 has in the place of latin1's control characters from 0x80 on.
const WINDOWS = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

const decoders = {
  'windows-1252': bytes => latin1Decode(bytes).replace(/[\x80-\x9f]/g, unit => WINDOWS[unit.charCodeAt(0) - 0x80]),

  'utf-16le': bytes => {
    let text = '';
    for (let at = 0; at + 1 < bytes.length; at += 2) text += String.fromCharCode(bytes[at] | (bytes[at + 1] << 8));
    return text;
  },
};

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #kept = new Uint8Array(0);
  #started = false;

  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    const wanted = String(label).trim().toLowerCase();
    this.#encoding = Object.keys(LABELS).find(name => LABELS[name].includes(wanted));
    if (!this.#encoding) {
      throw Object.assign(
        new RangeError(`the encoding "${label}" is not available in Fonio's sandbox: utf-8, utf-16le and windows-1252 are`),
        { code: 'ERR_ENCODING_NOT_SUPPORTED' },
      );
    }
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(source, { stream = false } = {}) {
    let bytes = source === undefined ? new Uint8Array(0) : bytesOf(source);
    if (this.#kept.length > 0) bytes = joined([this.#kept, bytes]);
    const whole = stream ? bytes.length - unfinished(this.#encoding, bytes) : bytes.length;
    this.#kept = bytes.slice(whole);
    let text = this.#decode(bytes.subarray(0, whole));
    if (!this.#started && !this.#ignoreBOM && text.startsWith('\ufeff')) text = text.slice(1);
    this.#started = stream && (this.#started || whole > 0);
    return text;
  }

  #decode(bytes) {
    if (this.#encoding !== 'utf-8') return decoders[this.#encoding](bytes);
    const text = utf8Decode(bytes, this.#fatal);
    if (text !== undefined) return text;
    throw Object.assign(new TypeError('The encoded data was not valid for encoding utf-8'), {
      code: 'ERR_ENCODING_INVALID_ENCODED_DATA',
    });
  }
}

export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// How many bytes at the end begin a character that is not all there yet.
export function unfinished(encoding, bytes) {
  if (encoding === 'utf-16le') return bytes.length % 2;
  if (encoding !== 'utf-8') return 0;
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 && byte < 0xf8 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return byte < 0xf8 && needed > back ? back : 0;
  }
  return 0;
}
