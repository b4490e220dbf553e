// URL and URLSearchParams. Parsing and every setter are the host's, by the WHATWG's rules.
//
// Not there: createObjectURL.

import { parseUrl, setUrl } from 'fonio:host';
import { URLSearchParams, onChange, replaceAll } from './search-params.js';

const SETTABLE = ['protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];

function parse(href, base) {
  return parseUrl(String(href).toWellFormed(), base === undefined ? undefined : String(base).toWellFormed());
}

export class URL {
  #parts;
  #searchParams;

  constructor(href, base) {
    this.#parts = parse(href, base);
    if (!this.#parts) throw invalid(href, base);
  }

  static canParse(href, base) {
    return Boolean(parse(href, base));
  }

  static parse(href, base) {
    return URL.canParse(href, base) ? new URL(href, base) : null;
  }

  static {
    for (const part of SETTABLE) {
      Object.defineProperty(URL.prototype, part, {
        get() {
          return this.#parts[part];
        },
        set(value) {
          this.#replace(setUrl(this.#parts.href, part, String(value).toWellFormed()));
        },
        enumerable: true,
        configurable: true,
      });
    }
  }

  get href() {
    return this.#parts.href;
  }

  set href(value) {
    const parts = parse(value);
    if (!parts) throw invalid(value);
    this.#replace(parts);
  }

  get origin() {
    return this.#parts.origin;
  }

  get searchParams() {
    if (!this.#searchParams) {
      this.#searchParams = new URLSearchParams(this.search);
      onChange(this.#searchParams, () => {
        this.#parts = setUrl(this.#parts.href, 'search', this.#searchParams.toString());
      });
    }
    return this.#searchParams;
  }

  #replace(parts) {
    this.#parts = parts;
    if (this.#searchParams) replaceAll(this.#searchParams, parts.search);
  }

  toString() {
    return this.href;
  }

  toJSON() {
    return this.href;
  }

  get [Symbol.toStringTag]() {
    return 'URL';
  }
}

function invalid(input, base) {
  const fields = { code: 'ERR_INVALID_URL', input: String(input) };
  if (base !== undefined) fields.base = String(base);
  return Object.assign(new TypeError('Invalid URL'), fields);
}

export { URLSearchParams };
