// The encodings of Buffer: text to bytes and back.

import {
  base64Decode, base64Encode, hexDecode, hexEncode, latin1Decode, latin1Encode, utf8Decode, utf8Encode,
} from 'fonio:host';
import { typeError } from './errors.js';

const utf8 = {
  encode: text => utf8Encode(text.toWellFormed()),
  decode: bytes => utf8Decode(bytes, false),
};

const utf16le = {
  encode(text) {
    const units = new DataView(new ArrayBuffer(text.length * 2));
    for (let at = 0; at < text.length; at += 1) units.setUint16(at * 2, text.charCodeAt(at), true);
    return new Uint8Array(units.buffer);
  },
  decode(bytes) {
    let text = '';
    for (let at = 0; at + 1 < bytes.length; at += 2) text += String.fromCharCode(bytes[at] | (bytes[at + 1] << 8));
    return text;
  },
};

const latin1 = { encode: text => latin1Encode(text.toWellFormed()), decode: latin1Decode };
const ascii = { encode: latin1.encode, decode: bytes => latin1Decode(bytes.map(byte => byte & 0x7f)) };
const base64 = { encode: text => base64Decode(text.toWellFormed()), decode: bytes => base64Encode(bytes, false) };
const base64url = { encode: base64.encode, decode: bytes => base64Encode(bytes, true) };
const hex = { encode: text => hexDecode(text.toWellFormed()), decode: hexEncode };

const ENCODINGS = {
  utf8, 'utf-8': utf8, utf16le, 'utf-16le': utf16le, ucs2: utf16le, 'ucs-2': utf16le,
  latin1, binary: latin1, ascii, base64, base64url, hex,
};

const known = name => Object.hasOwn(ENCODINGS, name);

export const isEncoding = name => typeof name === 'string' && known(name.toLowerCase());

export function encodingOf(name) {
  const key = name === undefined || name === null || name === '' ? 'utf8' : String(name).toLowerCase();
  if (!known(key)) throw typeError('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${name}`);
  return ENCODINGS[key];
}
