// Response, with `json`, `redirect` and `error`.

import { Body, bodyOf } from './body.js';
import { Headers } from './headers.js';
import { STATUS_CODES } from './statuses.js';
import { URL } from './url.js';

const WITHOUT_BODY = [101, 103, 204, 205, 304];

export class Response extends Body {
  #status;
  #statusText;
  #headers;
  #made;

  constructor(value, init = {}, made = {}) {
    const status = init.status ?? 200;
    if (made.type !== 'error' && (status < 200 || status > 599)) {
      throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
    }
    const body = bodyOf(value);
    if ((body.bytes || body.stream) && WITHOUT_BODY.includes(status)) {
      throw new TypeError(`Response constructor: Invalid response status code ${status}`);
    }
    super(body);
    this.#status = status;
    this.#statusText = String(init.statusText ?? '');
    this.#headers = new Headers(init.headers);
    if (body.type && !this.#headers.has('content-type')) this.#headers.set('content-type', body.type);
    this.#made = made;
  }

  static json(data, init = {}) {
    const response = new Response(JSON.stringify(data), init);
    if (!new Headers(init.headers).has('content-type')) response.headers.set('content-type', 'application/json');
    return response;
  }

  static redirect(url, status = 302) {
    return new Response(null, { status, headers: { location: new URL(url).href } });
  }

  static error() {
    return new Response(null, { status: 0 }, { type: 'error' });
  }

  // What `fetch` answers: a reply that came from `url`.
  static received({ status, headers, body }, url, redirected) {
    const value = WITHOUT_BODY.includes(status) ? null : body;
    return new Response(value, { status, statusText: STATUS_CODES[status], headers }, { url, redirected, type: 'basic' });
  }

  get status() {
    return this.#status;
  }

  get ok() {
    return this.#status >= 200 && this.#status < 300;
  }

  get statusText() {
    return this.#statusText;
  }

  get headers() {
    return this.#headers;
  }

  get url() {
    return this.#made.url ?? '';
  }

  get redirected() {
    return this.#made.redirected ?? false;
  }

  get type() {
    return this.#made.type ?? 'default';
  }

  clone() {
    const { bytes, stream } = Body.split(this);
    const { status, statusText, headers } = this;
    return new Response(bytes ?? stream, { status, statusText, headers }, this.#made);
  }

  get [Symbol.toStringTag]() {
    return 'Response';
  }
}
