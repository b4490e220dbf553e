// The two messages of node:http: ClientRequest and IncomingMessage.

import { exchange } from '../web/exchange.js';
import { joined } from '../web/text.js';
import { Buffer } from './buffer.js';
import { EventEmitter } from './event-emitter.js';
import { plainError, typeError } from './errors.js';
import { STATUS_CODES } from '../web/statuses.js';
import { nextTick } from './stream/callable.js';
import { Readable } from './stream/readable.js';
import { Writable } from './stream/writable.js';

// There is no socket; packages ask theirs for little.
class Socket extends EventEmitter {
  constructor(encrypted) {
    super();
    this.encrypted = encrypted;
    this.authorized = encrypted;
    this.connecting = false;
    this.destroyed = false;
  }

  setTimeout() {
    return this;
  }

  setKeepAlive() {
    return this;
  }

  setNoDelay() {
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  destroy() {
    this.destroyed = true;
    return this;
  }
}

// Once only: a second value is passed over, as Node does.
const SINGLE = [
  'age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'host', 'last-modified', 'location', 'retry-after',
  'server', 'user-agent',
];

export function headersObject(pairs) {
  const headers = {};
  for (const [given, value] of pairs) {
    const name = given.toLowerCase();
    if (name === 'set-cookie') (headers[name] ??= []).push(value);
    else if (!(name in headers)) headers[name] = value;
    else if (!SINGLE.includes(name)) headers[name] += name === 'cookie' ? `; ${value}` : `, ${value}`;
  }
  return headers;
}

export class IncomingMessage extends Readable {
  constructor({ status, headers, body, url }, request) {
    super();
    this.statusCode = status;
    this.statusMessage = STATUS_CODES[status] ?? '';
    this.headers = headersObject(headers);
    this.rawHeaders = headers.flat();
    this.trailers = {};
    this.rawTrailers = [];
    this.httpVersion = '1.1';
    this.httpVersionMajor = 1;
    this.httpVersionMinor = 1;
    this.complete = true;
    this.aborted = false;
    this.url = '';
    this.responseUrl = url;
    this.req = request;
    this.socket = request.socket;
    this.connection = request.socket;
    if (body.length > 0) this.push(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
    this.push(null);
  }

  _read() {}

  setTimeout() {
    return this;
  }
}

export class ClientRequest extends Writable {
  #headers = new Map();
  #parts = [];
  #timeout;

  constructor({ url, method, headers, timeout, auth }, onResponse) {
    // When all is written the reply is still to come; and `close` comes after that.
    super({ autoDestroy: false, emitClose: false });
    this.#timeout = timeout;
    this.method = method;
    this.path = url.pathname + url.search;
    this.host = url.hostname;
    this.protocol = url.protocol;
    this.aborted = false;
    this.reusedSocket = false;
    this.maxHeadersCount = null;
    this.url = url;
    this.socket = new Socket(url.protocol === 'https:');
    this.connection = this.socket;
    for (const [name, value] of Object.entries(headers ?? {})) if (value !== undefined) this.setHeader(name, value);
    if (auth && !this.hasHeader('authorization')) this.setHeader('Authorization', `Basic ${Buffer.from(auth).toString('base64')}`);
    if (onResponse) this.once('response', onResponse);
    nextTick(() => {
      this.emit('socket', this.socket);
      this.socket.emit('connect');
    });
  }

  setHeader(name, value) {
    if (value === undefined) throw typeError('ERR_HTTP_INVALID_HEADER_VALUE', `Invalid value "undefined" for header "${name}"`);
    this.#headers.set(name.toLowerCase(), [name, value]);
    return this;
  }

  getHeader(name) {
    return this.#headers.get(name.toLowerCase())?.[1];
  }

  getHeaders() {
    return Object.fromEntries([...this.#headers].map(([name, [, value]]) => [name, value]));
  }

  getHeaderNames() {
    return [...this.#headers.keys()];
  }

  getRawHeaderNames() {
    return [...this.#headers.values()].map(([name]) => name);
  }

  hasHeader(name) {
    return this.#headers.has(name.toLowerCase());
  }

  removeHeader(name) {
    this.#headers.delete(name.toLowerCase());
  }

  setTimeout(milliseconds, onTimeout) {
    this.#timeout = milliseconds;
    if (onTimeout) this.once('timeout', onTimeout);
    return this;
  }

  setNoDelay() {}
  setSocketKeepAlive() {}
  flushHeaders() {}

  abort() {
    if (this.aborted) return;
    this.aborted = true;
    nextTick(() => this.emit('abort'));
    this.destroy();
  }

  // Who destroys a request that was not answered is told so, as Node does.
  _destroy(error, callback) {
    this.res?.destroy(error ?? undefined);
    callback(error ?? (this.res ? null : plainError('ECONNRESET', 'socket hang up')));
    nextTick(() => this.emit('close'));
  }

  _write(chunk, encoding, callback) {
    this.#parts.push(chunk);
    callback();
  }

  _final(callback) {
    const body = joined(this.#parts);
    const headers = [...this.#headers.values()].flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map(each => [name, String(each)]),
    );
    const { method, url } = this;
    const timeoutMs = this.#timeout || undefined;
    exchange({ method, url: url.href, headers, body: body.length > 0 ? body : undefined, timeoutMs }).then(
      reply => this.#answered(reply),
      error => this.#failed(error),
    );
    callback();
  }

  #answered(reply) {
    if (this.destroyed) return;
    this.res = new IncomingMessage(reply, this);
    // A reply that nobody takes is read to its end, so that nothing waits for it.
    if (!this.emit('response', this.res)) this.res.resume();
    this.res.once('end', () => this.emit('close'));
  }

  #failed(error) {
    if (this.destroyed) return;
    if (error.code === 'TIMEOUT') {
      this.emit('timeout');
      // Whoever listened has probably destroyed it.
      if (this.destroyed) return;
      error.code = 'ETIMEDOUT';
    }
    this.destroy(error);
  }
}
