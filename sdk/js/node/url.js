// node:url: URL and URLSearchParams, and the older `parse`, `format` and `resolve`.
//
// `fileURLToPath` and `pathToFileURL` are there as text only: there are no files. `parse` is built on the web's parser,
// so a text that is no address of the web is parsed as a path.

import { URL, URLSearchParams } from '../web/url.js';
import { invalidArgType, typeError } from './errors.js';
import * as querystring from './querystring.js';

const PART = /^(?:([a-z][a-z0-9+.-]*:))?(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/is;

class Url {
  protocol = null;
  slashes = null;
  auth = null;
  host = null;
  port = null;
  hostname = null;
  hash = null;
  search = null;
  query = null;
  pathname = null;
  path = null;
  href = '';

  format() {
    return format(this);
  }

  resolve(to) {
    return resolve(this.href, to);
  }
}

export function parse(address, parseQuery = false, slashesDenoteHost = false) {
  if (address instanceof Url) return address;
  if (typeof address !== 'string') throw invalidArgType('url', 'of type string', address);
  const text = address.trim();
  const url = new Url();
  const [, protocol, authority, pathname, search, hash] = PART.exec(text);
  const withHost = authority !== undefined && (protocol !== undefined || slashesDenoteHost);
  const path = withHost || authority === undefined ? pathname : `//${authority}${pathname}`;
  url.protocol = protocol?.toLowerCase() ?? null;
  if (withHost) readAuthority(url, authority);
  url.hash = hash ?? null;
  url.search = search ?? (parseQuery ? '' : null);
  const query = search?.slice(1) ?? (parseQuery ? '' : null);
  url.query = parseQuery ? querystring.parse(query) : query;
  url.pathname = path || (withHost && /^(?:https?|ftp|wss?):$/.test(url.protocol) ? '/' : null);
  url.path = url.pathname === null && !url.search ? null : (url.pathname ?? '') + (url.search ?? '');
  url.href = format(url);
  return url;
}

function readAuthority(url, authority) {
  url.slashes = true;
  const at = authority.lastIndexOf('@');
  if (at >= 0) url.auth = querystring.unescape(authority.slice(0, at));
  const host = authority.slice(at + 1).toLowerCase();
  const [, hostname, port] = /^(.*?)(?::(\d*))?$/s.exec(host);
  url.host = port === '' ? hostname : host;
  url.port = port || null;
  url.hostname = hostname.replace(/^\[(.*)\]$/, '$1');
}

export function format(url, options = {}) {
  if (typeof url === 'string') return format(parse(url));
  if (url instanceof URL) return formatWeb(url, options);
  const protocol = url.protocol ? url.protocol.replace(/:?$/, ':') : '';
  const auth = url.auth ? `${encodeURIComponent(url.auth).replace(/%3A/i, ':')}@` : '';
  const hostname = url.hostname?.includes(':') ? `[${url.hostname}]` : (url.hostname ?? '');
  const host = url.host ?? (hostname && url.port ? `${hostname}:${url.port}` : hostname);
  const slashes = url.slashes || /^(?:https?|ftp|file|wss?):$/.test(protocol);
  const authority = host ? `${slashes ? '//' : ''}${auth}${host}` : slashes && protocol === 'file:' ? '//' : '';
  const query = typeof url.query === 'object' && url.query !== null ? querystring.stringify(url.query) : '';
  const search = (url.search || (query && `?${query}`) || '').replace(/^(?=[^?])/, '?').replace(/#/g, '%23');
  const pathname = (url.pathname ?? '').replace(/[?#]/g, encodeURIComponent);
  const hash = (url.hash ?? '').replace(/^(?=[^#])/, '#');
  return `${protocol}${authority}${host && pathname && !pathname.startsWith('/') ? '/' : ''}${pathname}${search}${hash}`;
}

function formatWeb(url, { auth = true, fragment = true, search = true }) {
  const copy = new URL(url.href);
  if (!auth) {
    copy.username = '';
    copy.password = '';
  }
  if (!fragment) copy.hash = '';
  if (!search) copy.search = '';
  return copy.href;
}

export function resolve(from, to) {
  const base = new URL(from, 'fonio://base/');
  const url = new URL(to, base);
  if (url.protocol !== 'fonio:') return url.href;
  const path = url.pathname + url.search + url.hash;
  return from.startsWith('/') || to.startsWith('/') ? path : path.slice(1);
}

export function fileURLToPath(url) {
  const file = new URL(url);
  if (file.protocol !== 'file:') throw typeError('ERR_INVALID_URL_SCHEME', 'The URL must be of scheme file');
  return decodeURIComponent(file.pathname);
}

export const pathToFileURL = path => new URL(`file://${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}`);
export const domainToASCII = domain => (URL.canParse(`http://${domain}`) ? new URL(`http://${domain}`).hostname : '');
export const domainToUnicode = domain => domain;

export function urlToHttpOptions(url) {
  const { protocol, hostname, hash, search, pathname, href, port, username, password } = url;
  const options = { protocol, hostname: hostname.replace(/^\[(.*)\]$/, '$1'), hash, search, pathname, path: pathname + search, href };
  if (port !== '') options.port = Number(port);
  if (username || password) options.auth = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return options;
}

export { URL, URLSearchParams, Url };
export default {
  URL, URLSearchParams, Url, parse, format, resolve, fileURLToPath, pathToFileURL, domainToASCII, domainToUnicode, urlToHttpOptions,
};
