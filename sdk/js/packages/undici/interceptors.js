// undici's interceptors. `redirect`, `decompress` and `responseError` do what they say; `dns`, `cache`, `dump` and
// `deduplicate` have nothing to do here; `retry` does not retry: the host does, by the project's settings.
//
// An interceptor written by a package (`dispatch => (options, handler) => …`) is not there.

import { errors } from './errors.js';
import { decodeUtf8 } from '../../web/text.js';

const pass = () => answer => answer;

function redirect({ maxRedirections: usual } = {}) {
  return answer => options => answer({ ...options, maxRedirections: options.maxRedirections ?? usual ?? 0 });
}

function decompress() {
  return answer => options => answer({ ...options, decompress: true });
}

function responseError() {
  return answer => async options => {
    const reply = await answer(options);
    if (reply.statusCode < 400) return reply;
    const { statusCode, headers } = reply;
    const text = decodeUtf8(reply.body);
    const body = /json/.test(headers['content-type'] ?? '') ? JSON.parse(text) : text;
    throw new errors.ResponseError('Response Error', statusCode, { headers, body });
  };
}

export const interceptors = { redirect, decompress, responseError, retry: pass, dump: pass, dns: pass, cache: pass, deduplicate: pass };
