// One request and its reply, with redirects followed: what `fetch`, undici and `node:http` all end in.
//
// Every hop goes to the host again, which checks it like the first. What Fonio refuses at a hop, it refuses here.

import { inflate, send } from 'fonio:host';
import { URL } from './url.js';

const REDIRECTS = [301, 302, 303, 307, 308];

// They describe one connection, and connections are the host's; it counts the body's length itself.
const OF_THE_CONNECTION = ['connection', 'content-length', 'host', 'keep-alive', 'transfer-encoding', 'upgrade'];

// They were meant for the host that they were first sent to.
const OF_THE_HOST = ['authorization', 'cookie', 'proxy-authorization'];

export const isRedirect = (status, headers) => REDIRECTS.includes(status) && header(headers, 'location') !== undefined;

export function header(headers, name) {
  return headers.find(([other]) => other.toLowerCase() === name)?.[1];
}

// `request` as `send` takes it. Gives `{ status, headers, body, url, history }`: `maxRedirections` hops are followed, and
// the reply after that is given as it is; `decompress` undoes the reply's content encoding.
export async function exchange(request, { maxRedirections = 0, decompress = false } = {}) {
  const history = [new URL(request.url)];
  let hop = { ...request, headers: request.headers.filter(([name]) => !OF_THE_CONNECTION.includes(name.toLowerCase())) };
  for (;;) {
    const reply = await send(hop);
    if (history.length > maxRedirections || !isRedirect(reply.status, reply.headers)) {
      const plain = decompress && request.method !== 'HEAD' ? decompressed(reply) : reply;
      return { ...plain, url: hop.url, history };
    }
    hop = redirected(hop, reply);
    history.push(new URL(hop.url));
  }
}

function redirected(request, { status, headers }) {
  const url = new URL(header(headers, 'location'), request.url);
  const asGet = (status === 303 && request.method !== 'HEAD') || (status <= 302 && request.method === 'POST');
  const elsewhere = url.origin !== new URL(request.url).origin;
  const kept = request.headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !(asGet && lower.startsWith('content-')) && !(elsewhere && OF_THE_HOST.includes(lower));
  });
  const next = { ...request, url: url.href, headers: kept };
  return asGet ? { ...next, method: 'GET', body: undefined } : next;
}

const FORMATS = { gzip: ['gzip'], 'x-gzip': ['gzip'], deflate: ['zlib', 'raw'] };

// The headers stay as they came, which is what `fetch` shows.
function decompressed(reply) {
  const encodings = (header(reply.headers, 'content-encoding') ?? '').toLowerCase().split(/\s*,\s*/).filter(Boolean);
  if (reply.body.length === 0) return reply;
  let { body } = reply;
  for (const encoding of encodings.reverse()) {
    if (encoding !== 'identity') body = undone(encoding, body);
  }
  return { ...reply, body };
}

function undone(encoding, body) {
  const formats = FORMATS[encoding];
  if (!formats) {
    throw new TypeError(`the reply is compressed as "${encoding}", which is not available in Fonio's sandbox: gzip and deflate are`);
  }
  const plain = formats.map(format => inflate(format, body)).find(Boolean);
  if (!plain) throw new TypeError(`the reply says it is compressed as "${encoding}", and is not`);
  return plain;
}
