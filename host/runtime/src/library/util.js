// The part of OpenFn's `util` that needs nothing of the outside: identifiers, base64 of UTF-8 text or of JSON, errors.

import { level } from 'fonio/host';
import { write } from 'fonio/console';

function utf8(text) {
  return unescape(encodeURIComponent(text.toWellFormed()));
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

// What is no text is encoded as JSON, unless `parseJson` is false.
function encode(data, { parseJson = true } = {}) {
  const bytes = utf8(String(typeof data === 'string' || !parseJson ? data : JSON.stringify(data)));
  let encoded = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = [0, 1, 2].reduce((bits, n) => (bits << 8) | (bytes.charCodeAt(at + n) || 0), 0);
    for (let n = 0; n < 4; n += 1) {
      encoded += at + n > bytes.length ? '=' : ALPHABET[(group >> (18 - 6 * n)) & 63];
    }
  }
  return encoded;
}

// JSON of an object or array is parsed, unless `parseJson` is false; what only looks like JSON stays text.
function decode(encoded, { parseJson = true } = {}) {
  const text = decodeText(encoded);
  if (!parseJson || !/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    write(level.info, [error.message]);
    return text;
  }
}

function decodeText(encoded) {
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

function makeBasicAuthHeader(username, password) {
  return { Authorization: `Basic ${encode(`${username}:${password}`)}` };
}

function throwError(code, { description, ...fields } = {}) {
  const error = new Error(description ? `${code}: ${description}` : code);
  throw Object.assign(error, { code }, description && { description }, fields);
}

// What adaptors are written with. Few jobs call these, and those read what to do.
const OF_ADAPTORS = [
  'assertRelativeUrl', 'del', 'encodeFormBody', 'get', 'logResponse', 'parseDate', 'post', 'put', 'request', 'xmlParser',
];

const absent = name => () => {
  throw new TypeError(
    `util.${name} is in @openfn/language-common, which can be imported: fonio adaptor import @openfn/language-common`,
  );
};

export const util = {
  ...Object.fromEntries(OF_ADAPTORS.map(name => [name, absent(name)])),
  uuid,
  encode,
  decode,
  makeBasicAuthHeader,
  throwError,
};
