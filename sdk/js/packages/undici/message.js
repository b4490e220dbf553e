// What a request of undici's says, as the host's `send` takes it.

import { bodyOf, collect } from '../../web/body.js';
import { FormData } from '../../web/form-data.js';
import { Blob } from '../../web/blob.js';
import { URL, URLSearchParams } from '../../web/url.js';
import * as querystring from '../../node/querystring.js';
import { errors } from './errors.js';

// undici's own, for the headers.
const TIMEOUT_MS = 300_000;

export async function message(options, defaults) {
  const method = String(options.method ?? 'GET').toUpperCase();
  const headers = headerPairs(options.headers);
  const { bytes, type } = await bodyBytes(options.body);
  const has = name => headers.some(([other]) => other.toLowerCase() === name);
  if (type && !has('content-type')) headers.push(['content-type', type]);
  const timeoutMs = options.headersTimeout ?? defaults.headersTimeout ?? options.bodyTimeout ?? TIMEOUT_MS;
  return { method, url: address(options), headers, body: bytes, timeoutMs: timeoutMs || undefined };
}

function address({ origin, path = '/', query }) {
  if (!origin) throw new errors.InvalidArgumentError('opts.origin must be a non-empty string or URL.');
  if (typeof path !== 'string') throw new errors.InvalidArgumentError('path must be a string');
  if (!path.startsWith('/') && !/^https?:\/\//.test(path)) {
    throw new errors.InvalidArgumentError('path must be an absolute URL or start with a slash');
  }
  return new URL(withQuery(path, query), new URL(origin).origin).href;
}

function withQuery(path, query) {
  if (query === undefined || query === null) return path;
  if (path.includes('?') || path.includes('#')) {
    throw new errors.InvalidArgumentError('Query params cannot be passed when "url" already contains "?" or "#".');
  }
  const text = querystring.stringify(query);
  return text === '' ? path : `${path}?${text}`;
}

// A flat list of names and values, pairs, or an object whose values may be lists.
function headerPairs(headers) {
  if (headers === undefined || headers === null) return [];
  if (typeof headers !== 'object') throw new errors.InvalidArgumentError('headers must be an object or an array');
  if (Array.isArray(headers) && !headers.every(Array.isArray)) {
    if (headers.length % 2 !== 0) throw new errors.InvalidArgumentError('headers array must be even');
    return headers.flatMap((name, at) => (at % 2 === 0 ? pairsOf(name, headers[at + 1]) : []));
  }
  const pairs = typeof headers[Symbol.iterator] === 'function' ? [...headers] : Object.entries(headers);
  return pairs.flatMap(([name, value]) => pairsOf(name, value));
}

function pairsOf(name, value) {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.map(each => [name, headerText(name, each)]);
  return [[name, headerText(name, value)]];
}

function headerText(name, value) {
  if (value === null) return '';
  const text = String(value);
  if (typeof value === 'object' || typeof value === 'function' || /[\0\r\n]/.test(text)) {
    throw new errors.InvalidArgumentError(`invalid ${name} header`);
  }
  return text;
}

// undici takes the content type from forms and blobs only.
async function bodyBytes(body) {
  if (typeof body === 'function' || typeof body === 'number') {
    throw new errors.InvalidArgumentError('body must be a string, a Buffer, a Readable stream, an iterable, or an async iterable');
  }
  const { bytes, stream, type } = bodyOf(iterated(body));
  const typed = body instanceof FormData || body instanceof Blob;
  return { bytes: stream ? await collect(stream) : bytes, type: typed ? type : undefined };
}

// A generator or a list of chunks is a body of its chunks.
function iterated(body) {
  if (typeof body?.[Symbol.iterator] !== 'function' || typeof body === 'string') return body;
  if (ArrayBuffer.isView(body) || body instanceof FormData || body instanceof URLSearchParams) return body;
  return (async function* () {
    yield* body;
  })();
}
