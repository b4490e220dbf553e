// fetch, over the host's `send`. Redirects: `follow` (20 hops at most), `manual`, `error`.
//
// `http:` and `https:` go out; `data:` is read here. No cookie jar, no cache, no CORS, no keep-alive to steer.

import { abortable } from './abort.js';
import { base64Decode } from 'fonio:host';
import { Body } from './body.js';
import { exchange, isRedirect } from './exchange.js';
import { Headers } from './headers.js';
import { Request } from './request.js';
import { Response } from './response.js';
import { unescapeForm } from './search-params.js';
import { encodeUtf8 } from './text.js';

const HOPS_MAX = 20;

export async function fetch(input, init) {
  const request = new Request(input, init);
  request.signal.throwIfAborted();
  if (request.url.startsWith('data:')) return readDataUrl(request.url);
  if (!/^https?:/.test(request.url)) throw failed(new Error(`unknown scheme: ${request.url.split(':')[0]}`));
  const reply = await abortable(replyTo(request), request.signal);
  if (isRedirect(reply.status, reply.headers)) {
    if (request.redirect === 'error') throw failed(new Error('unexpected redirect'));
    if (request.redirect === 'follow') throw failed(new Error('redirect count exceeded'));
  }
  return Response.received(reply, reply.url, reply.history.length > 1);
}

async function replyTo(request) {
  const headers = new Headers(request.headers);
  if (!headers.has('accept')) headers.set('accept', '*/*');
  // Some servers answer nobody who does not say who asks; this is what Node says.
  if (!headers.has('user-agent')) headers.set('user-agent', 'node');
  const body = Body.isGiven(request) ? await request.bytes() : undefined;
  const maxRedirections = request.redirect === 'follow' ? HOPS_MAX : 0;
  try {
    const sent = { method: request.method, url: withoutHash(request.url), headers: [...headers], body };
    return await exchange(sent, { maxRedirections, decompress: true });
  } catch (error) {
    throw failed(error);
  }
}

const withoutHash = url => url.replace(/#.*$/s, '');

// As Node has it: a TypeError that says nothing, whose cause says why.
function failed(cause) {
  return Object.assign(new TypeError('fetch failed', { cause }), cause.code === undefined ? {} : { code: cause.code });
}

function readDataUrl(url) {
  const match = /^data:([^,]*?)(;base64)?,(.*)$/s.exec(url.split('#')[0]);
  if (!match) throw failed(new Error('invalid URL'));
  const [, type, isBase64, data] = match;
  const text = unescapeForm(data.replace(/\+/g, '%2B'));
  const headers = { 'content-type': type || 'text/plain;charset=US-ASCII' };
  return new Response(isBase64 ? base64Decode(text) : encodeUtf8(text), { headers });
}
