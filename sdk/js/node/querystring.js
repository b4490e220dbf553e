// node:querystring, whole.

import { Buffer } from './buffer.js';

export const escape = text => encodeURIComponent(String(text).toWellFormed());

export function unescape(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return unescapeBuffer(text).toString();
  }
}

export function unescapeBuffer(text) {
  const latin = text.replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
  return Buffer.from(latin, 'latin1');
}

const primitive = value => {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  return typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : '';
};

export function stringify(object, separator = '&', equals = '=', { encodeURIComponent: encode = escape } = {}) {
  if (typeof object !== 'object' || object === null) return '';
  return Object.entries(object)
    .flatMap(([name, value]) => {
      const values = Array.isArray(value) ? value : [value];
      return values.map(each => `${encode(primitive(name))}${equals}${encode(primitive(each))}`);
    })
    .join(separator);
}

export function parse(text, separator = '&', equals = '=', { maxKeys = 1000, decodeURIComponent: decode = unescape } = {}) {
  const found = Object.create(null);
  if (typeof text !== 'string' || text === '') return found;
  const pairs = text.split(separator).filter(pair => pair !== '');
  for (const pair of maxKeys > 0 ? pairs.slice(0, maxKeys) : pairs) {
    const at = pair.indexOf(equals);
    const [name, value] = (at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + equals.length)]).map(part =>
      decode(part.replace(/\+/g, ' ')),
    );
    if (!(name in found)) found[name] = value;
    else if (Array.isArray(found[name])) found[name].push(value);
    else found[name] = [found[name], value];
  }
  return found;
}

export { parse as decode, stringify as encode };
export default { escape, unescape, unescapeBuffer, stringify, parse, encode: stringify, decode: parse };
