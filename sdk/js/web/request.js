// Request. `mode`, `credentials`, `cache`, `referrer` and `integrity` are kept and mean nothing here: there is no page,
// no cookie jar and no cache.

import { Body, bodyOf } from './body.js';
import { Headers } from './headers.js';
import { URL } from './url.js';
import { AbortController } from './abort.js';

const NORMALIZED = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'];

export function normalizedMethod(method) {
  const text = String(method);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)) throw new TypeError(`'${text}' is not a valid HTTP method.`);
  const upper = text.toUpperCase();
  return NORMALIZED.includes(upper) ? upper : text;
}

function parsed(input) {
  try {
    return new URL(input);
  } catch (cause) {
    throw new TypeError(`Failed to parse URL from ${input}`, { cause });
  }
}

export class Request extends Body {
  #url;
  #method;
  #headers;
  #redirect;
  #signal;
  #kept;

  constructor(input, init = {}) {
    const from = input instanceof Request ? input : undefined;
    const method = normalizedMethod(init.method ?? from?.method ?? 'GET');
    const given = init.body !== undefined && init.body !== null;
    if (given && (method === 'GET' || method === 'HEAD')) {
      throw new TypeError('Request with GET/HEAD method cannot have body.');
    }
    const body = given ? bodyOf(init.body) : from && from.#hasBody() ? Body.split(from) : {};
    super(body);
    this.#method = method;
    this.#url = from ? from.#url : parsed(input);
    if (this.#url.username || this.#url.password) {
      throw new TypeError('Request cannot be constructed from a URL that includes credentials; send them as a header');
    }
    this.#headers = new Headers(init.headers ?? from?.headers);
    if (body.type && !this.#headers.has('content-type')) this.#headers.set('content-type', body.type);
    this.#redirect = init.redirect ?? from?.redirect ?? 'follow';
    this.#signal = init.signal ?? from?.signal ?? new AbortController().signal;
    this.#kept = { ...from?.#kept, ...init };
  }

  #hasBody() {
    return this.#method !== 'GET' && this.#method !== 'HEAD' && !this.bodyUsed;
  }

  get url() {
    return this.#url.href;
  }

  get method() {
    return this.#method;
  }

  get headers() {
    return this.#headers;
  }

  get redirect() {
    return this.#redirect;
  }

  get signal() {
    return this.#signal;
  }

  get mode() {
    return this.#kept.mode ?? 'cors';
  }

  get credentials() {
    return this.#kept.credentials ?? 'same-origin';
  }

  get cache() {
    return this.#kept.cache ?? 'default';
  }

  get duplex() {
    return 'half';
  }

  clone() {
    return new Request(this);
  }

  get [Symbol.toStringTag]() {
    return 'Request';
  }
}
