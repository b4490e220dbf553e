// FormData, and its encoding as `multipart/form-data`. Reading multipart back is in form-reader.js.

import { hexEncode, randomBytes } from 'fonio:host';
import { Blob, File, bytesOfBlob } from './blob.js';
import { encodeUtf8, joined } from './text.js';

export class FormData {
  #entries = [];

  constructor(form) {
    if (form !== undefined) throw new TypeError('FormData is made empty here: there are no HTML forms');
  }

  append(name, value, filename) {
    this.#entries.push([String(name), entryValue(value, filename)]);
  }

  set(name, value, filename) {
    const entry = [String(name), entryValue(value, filename)];
    const at = this.#entries.findIndex(([other]) => other === entry[0]);
    if (at < 0) {
      this.#entries.push(entry);
    } else {
      this.#entries = this.#entries.filter(([other], index) => index <= at || other !== entry[0]);
      this.#entries[at] = entry;
    }
  }

  delete(name) {
    this.#entries = this.#entries.filter(([other]) => other !== String(name));
  }

  get(name) {
    return this.#entries.find(([other]) => other === String(name))?.[1] ?? null;
  }

  getAll(name) {
    return this.#entries.filter(([other]) => other === String(name)).map(([, value]) => value);
  }

  has(name) {
    return this.#entries.some(([other]) => other === String(name));
  }

  forEach(callback, self) {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries() {
    for (const [name, value] of this.#entries) yield [name, value];
  }

  *keys() {
    for (const [name] of this.#entries) yield name;
  }

  *values() {
    for (const [, value] of this.#entries) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get [Symbol.toStringTag]() {
    return 'FormData';
  }
}

function entryValue(value, filename) {
  if (!(value instanceof Blob)) return String(value);
  if (value instanceof File && filename === undefined) return value;
  return new File([value], filename ?? 'blob', { type: value.type });
}

const inHeader = text => text.replace(/\r?\n|\r/g, '%0D%0A').replace(/"/g, '%22');

export function encodeMultipart(form) {
  const boundary = `----fonio-${hexEncode(randomBytes(16))}`;
  const parts = [];
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${inHeader(name)}"`;
    if (typeof value === 'string') {
      parts.push(encodeUtf8(`${head}\r\n\r\n${value.replace(/\r\n|\r|\n/g, '\r\n')}\r\n`));
    } else {
      const type = value.type || 'application/octet-stream';
      parts.push(encodeUtf8(`${head}; filename="${inHeader(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`));
      parts.push(bytesOfBlob(value), encodeUtf8('\r\n'));
    }
  }
  parts.push(encodeUtf8(`--${boundary}--\r\n`));
  return { bytes: joined(parts), type: `multipart/form-data; boundary=${boundary}` };
}
