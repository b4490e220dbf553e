// The part of OpenFn's `util` that needs nothing of the outside: identifiers and base64 of UTF-8 text.

function utf8(text) {
  return unescape(encodeURIComponent(text.toWellFormed()));
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function encode(text) {
  const bytes = utf8(String(text));
  let encoded = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = [0, 1, 2].reduce((bits, n) => (bits << 8) | (bytes.charCodeAt(at + n) || 0), 0);
    for (let n = 0; n < 4; n += 1) {
      encoded += at + n > bytes.length ? '=' : ALPHABET[(group >> (18 - 6 * n)) & 63];
    }
  }
  return encoded;
}

function decode(encoded) {
  let bytes = '';
  let bits = 0;
  let held = 0;
  for (const character of String(encoded).replace(/-/g, '+').replace(/_/g, '/')) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) continue;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes += String.fromCharCode((bits >> held) & 255);
    }
  }
  return decodeURIComponent(escape(bytes));
}

function uuid() {
  return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, place => {
    const digit = Math.floor(Math.random() * 16);
    return (place === 'x' ? digit : (digit & 3) | 8).toString(16);
  });
}

export const util = { uuid, encode, decode };
