// Dispatcher and what it comes as: Agent, Client, Pool, BalancedPool. Connections are the host's, so they differ only in
// where they take a request's origin from.

import { EventEmitter } from '../../node/event-emitter.js';
import { STATUS_CODES } from '../../web/statuses.js';
import { abortable } from '../../web/abort.js';
import { exchange } from '../../web/exchange.js';
import { URL } from '../../web/url.js';
import { errors } from './errors.js';
import { message } from './message.js';
import { BodyReadable } from './readable.js';

const KEYS = ['cert', 'key', 'pfx', 'ca'];

function checkedOptions(options) {
  const connect = typeof options?.connect === 'object' ? options.connect : {};
  const key = KEYS.find(name => connect?.[name] !== undefined);
  if (key) {
    const why = "connections are the host's, which trusts and identifies as its operator says";
    throw new errors.InvalidArgumentError(`the TLS option "${key}" is not available in Fonio's sandbox: ${why}`);
  }
  return options ?? {};
}

// Many values of one name are a list, as undici has it.
function headersObject(pairs) {
  const headers = {};
  for (const [given, value] of pairs) {
    const name = given.toLowerCase();
    if (!Object.hasOwn(headers, name)) headers[name] = value;
    else headers[name] = [headers[name], value].flat();
  }
  return headers;
}

// The host's codes that undici has a class for.
function asUndici(error) {
  if (error?.code !== 'TIMEOUT') return error;
  return new errors.HeadersTimeoutError(error.message, { cause: error });
}

export class Dispatcher extends EventEmitter {
  #options;
  closed = false;
  destroyed = false;

  constructor(options) {
    super();
    this.#options = checkedOptions(options);
  }

  // The request at the end of all interceptors: gives `{ statusCode, statusText, headers, body, history }`, body as bytes.
  async answer(options) {
    if (this.destroyed) throw new errors.ClientDestroyedError();
    if (this.closed) throw new errors.ClientClosedError();
    const maxRedirections = options.maxRedirections ?? this.#options.maxRedirections ?? 0;
    const request = await message(options, this.#options);
    let reply;
    try {
      reply = await exchange(request, { maxRedirections, decompress: options.decompress === true });
    } catch (error) {
      throw asUndici(error);
    }
    const headers = headersObject(reply.headers);
    if (options.decompress && headers['content-encoding'] !== undefined) {
      delete headers['content-encoding'];
      delete headers['content-length'];
    }
    return { statusCode: reply.status, statusText: STATUS_CODES[reply.status] ?? '', headers, body: reply.body, history: reply.history };
  }

  async request(options, callback) {
    if (typeof callback === 'function') {
      this.request(options).then(reply => callback(null, reply), callback);
      return undefined;
    }
    if (typeof options !== 'object' || options === null) throw new errors.InvalidArgumentError('invalid opts');
    const { signal, opaque = null, throwOnError = false } = options;
    if (signal?.aborted) throw signal.reason ?? new errors.RequestAbortedError();
    const answered = await abortable(this.answer(options), signal);
    const { statusCode, statusText, headers, history } = answered;
    const body = new BodyReadable(answered.body, headers['content-type']);
    if (throwOnError && statusCode >= 400) {
      const { ResponseError } = errors;
      throw new ResponseError(`Response status code ${statusCode}`, statusCode, { headers, body: await body.text() });
    }
    return { statusCode, statusText, headers, trailers: {}, opaque, body, context: { history } };
  }

  async stream(options, factory, callback) {
    if (typeof callback === 'function') {
      this.stream(options, factory).then(reply => callback(null, reply), callback);
      return undefined;
    }
    const { statusCode, headers, opaque, context, body } = await this.request(options);
    const writable = factory({ statusCode, headers, opaque, context });
    await new Promise((resolve, reject) => {
      body.on('error', reject);
      writable.on('error', reject);
      writable.on('finish', resolve);
      body.pipe(writable);
    });
    return { opaque, trailers: {} };
  }

  // An interceptor takes the `answer` before it and gives another.
  compose(...interceptors) {
    const inner = options => this.answer(options);
    return new Composed(this, interceptors.flat().reduce((answer, interceptor) => interceptor(answer), inner));
  }

  dispatch() {
    throw refusedCall('dispatch', 'request and stream are');
  }

  pipeline() {
    throw refusedCall('pipeline', 'request and stream are');
  }

  connect() {
    throw refusedCall('connect', 'a tunnel would pass the host by');
  }

  upgrade() {
    throw refusedCall('upgrade', 'a reply ends before it is read');
  }

  async close() {
    this.closed = true;
  }

  async destroy() {
    this.closed = true;
    this.destroyed = true;
  }
}

const refusedCall = (name, instead) => new errors.NotSupportedError(`undici's ${name} is not available in Fonio's sandbox: ${instead}`);

class Composed extends Dispatcher {
  #inner;
  #answer;

  constructor(inner, answer) {
    super();
    this.#inner = inner;
    this.#answer = answer;
  }

  answer(options) {
    return this.#answer(options);
  }

  close() {
    return this.#inner.close();
  }

  destroy() {
    return this.#inner.destroy();
  }
}

export class Agent extends Dispatcher {}

// What belongs to one origin.
class OfOrigin extends Dispatcher {
  #origin;

  constructor(origin, options) {
    super(options);
    this.#origin = originOf(origin);
  }

  answer(options) {
    return super.answer({ ...options, origin: this.#origin });
  }
}

function originOf(given) {
  const text = typeof given === 'object' && given !== null && !(given instanceof URL) ? (given.origin ?? given.href) : given;
  if (!URL.canParse(text) || !/^https?:/.test(text)) {
    throw new errors.InvalidArgumentError('Invalid URL protocol: the URL must start with `http:` or `https:`.');
  }
  return new URL(text).origin;
}

export class Client extends OfOrigin {}
export class Pool extends OfOrigin {}

export class BalancedPool extends OfOrigin {
  constructor(upstreams, options) {
    const first = [upstreams].flat()[0];
    if (first === undefined) throw new errors.BalancedPoolMissingUpstreamError();
    super(first, options);
  }
}
