// URLSearchParams, alone or as part of a URL.

import { decodeUtf8 } from './text.js';

// What `application/x-www-form-urlencoded` leaves as it is: less than encodeURIComponent does.
const escape = text =>
  encodeURIComponent(text.toWellFormed())
    .replace(/%20/g, '+')
    .replace(/[!'()~]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

// A percent sign that escapes nothing stands for itself; bytes that are not UTF-8 become U+FFFD.
export function unescapeForm(text) {
  const spaced = text.replace(/\+/g, ' ');
  return spaced.replace(/(?:%[0-9a-f]{2})+/gi, escapes => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return decodeUtf8(new Uint8Array(escapes.slice(1).split('%').map(digits => parseInt(digits, 16))));
    }
  });
}

function parse(query) {
  const text = query.startsWith('?') ? query.slice(1) : query;
  return text
    .split('&')
    .filter(part => part !== '')
    .map(part => {
      const at = part.indexOf('=');
      const pair = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
      return pair.map(unescapeForm);
    });
}

function pairsOf(init) {
  if (init === undefined || init === null) return [];
  if (typeof init !== 'object') return parse(String(init));
  const pairs = typeof init[Symbol.iterator] === 'function' ? [...init] : Object.entries(init);
  return pairs.map(pair => {
    const [name, value, ...more] = pair;
    if (value === undefined && pair.length < 2 || more.length > 0) {
      throw Object.assign(new TypeError('Each query pair must be an iterable [name, value] tuple'), { code: 'ERR_INVALID_TUPLE' });
    }
    return [String(name), String(value)];
  });
}

export let onChange;
export let replaceAll;

export class URLSearchParams {
  #pairs;
  #changed = () => {};

  static {
    // For URL alone: what it does when its parameters change, and new parameters when it does.
    onChange = (params, changed) => {
      params.#changed = changed;
    };
    replaceAll = (params, query) => {
      params.#pairs = parse(query);
    };
  }

  constructor(init) {
    this.#pairs = pairsOf(init);
  }

  get size() {
    return this.#pairs.length;
  }

  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
    this.#changed();
  }

  delete(name, value) {
    this.#pairs = this.#pairs.filter(pair => !matches(pair, name, value));
    this.#changed();
  }

  get(name) {
    return this.#pairs.find(pair => pair[0] === String(name))?.[1] ?? null;
  }

  getAll(name) {
    return this.#pairs.filter(pair => pair[0] === String(name)).map(pair => pair[1]);
  }

  has(name, value) {
    return this.#pairs.some(pair => matches(pair, name, value));
  }

  set(name, value) {
    const first = this.#pairs.find(pair => pair[0] === String(name));
    if (first) {
      first[1] = String(value);
      this.#pairs = this.#pairs.filter(pair => pair === first || pair[0] !== first[0]);
    } else {
      this.#pairs.push([String(name), String(value)]);
    }
    this.#changed();
  }

  sort() {
    this.#pairs.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    this.#changed();
  }

  forEach(callback, self) {
    for (const [name, value] of this.#pairs) callback.call(self, value, name, this);
  }

  *entries() {
    for (const [name, value] of this.#pairs) yield [name, value];
  }

  *keys() {
    for (const [name] of this.#pairs) yield name;
  }

  *values() {
    for (const [, value] of this.#pairs) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  toString() {
    return this.#pairs.map(([name, value]) => `${escape(name)}=${escape(value)}`).join('&');
  }

  get [Symbol.toStringTag]() {
    return 'URLSearchParams';
  }
}

function matches(pair, name, value) {
  return pair[0] === String(name) && (value === undefined || pair[1] === String(value));
}
