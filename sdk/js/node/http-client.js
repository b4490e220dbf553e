// What node:http and node:https have in common: `request`, `get` and Agent, over the host's `send`.

import { URL } from '../web/url.js';
import { EventEmitter } from './event-emitter.js';
import { plainError, unavailable } from './errors.js';
import { ClientRequest, IncomingMessage } from './http-messages.js';
import { STATUS_CODES } from '../web/statuses.js';
import { urlToHttpOptions } from './url.js';

// Connections are the host's; an agent is only remembered.
export class Agent extends EventEmitter {
  constructor(options = {}) {
    super();
    this.options = { ...options };
    this.maxSockets = options.maxSockets ?? Infinity;
    this.maxFreeSockets = options.maxFreeSockets ?? 256;
    this.keepAlive = Boolean(options.keepAlive);
    this.sockets = {};
    this.freeSockets = {};
    this.requests = {};
    this.protocol = 'http:';
    this.defaultPort = 80;
  }

  getName({ host = 'localhost', port = '', localAddress = '' } = {}) {
    return `${host}:${port}:${localAddress}`;
  }

  destroy() {}
}

const KEYS = ['cert', 'key', 'pfx', 'ca'];
const CONNECTIONS = "connections are the host's, which trusts and identifies as its operator says";

// `request(url, options, callback)`, `request(options, callback)`.
function readArguments(protocol, args) {
  const callback = args.findLast(each => typeof each === 'function');
  const [first, second] = args;
  const fromUrl = typeof first === 'string' || first instanceof URL ? urlToHttpOptions(new URL(first)) : undefined;
  const options = fromUrl ? { ...fromUrl, ...(typeof second === 'object' ? second : {}) } : { ...first };
  const agentOptions = typeof options.agent === 'object' ? options.agent?.options : undefined;
  const key = KEYS.find(name => options[name] ?? agentOptions?.[name]);
  if (key) throw unavailable(`the TLS option "${key}"`, CONNECTIONS);
  return { url: address(options, protocol), options, callback };
}

function address(options, defaultProtocol) {
  const protocol = options.protocol ?? options.agent?.protocol ?? defaultProtocol;
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw plainError('ERR_INVALID_PROTOCOL', `Protocol "${protocol}" not supported. Expected "http:" or "https:"`);
  }
  if (options.socketPath) throw unavailable('a Unix socket', 'there are no files');
  const named = options.hostname ?? options.host ?? 'localhost';
  // An IPv6 address comes bare; a name may come with its port.
  const host = /^[^[].*:.*:/.test(named) ? `[${named}]` : named;
  const port = options.port && !/[^:]:\d+$/.test(host) ? `:${options.port}` : '';
  const url = new URL(`${protocol}//${host}${port}`);
  const [path, query] = String(options.path ?? '/').replace(/#.*$/s, '').split(/\?(.*)/s);
  url.pathname = path;
  if (query !== undefined) url.search = query;
  return url;
}

export function clientOf(protocol) {
  const request = (...args) => {
    const { url, options, callback } = readArguments(protocol, args);
    const method = String(options.method ?? 'GET').toUpperCase();
    const { headers, timeout, auth, signal } = options;
    const made = new ClientRequest({ url, method, headers, timeout, auth }, callback);
    signal?.addEventListener('abort', () => made.destroy(signal.reason), { once: true });
    return made;
  };
  const get = (...args) => {
    const made = request(...args);
    made.end();
    return made;
  };
  const refused = name => () => {
    throw unavailable(`${protocol.slice(0, -1)}.${name}`, 'a step does not listen; messages arrive by triggers');
  };
  const globalAgent = new Agent();
  return {
    Agent, ClientRequest, IncomingMessage, STATUS_CODES, request, get, globalAgent,
    METHODS: ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'],
    createServer: refused('createServer'),
    maxHeaderSize: 16_384,
    validateHeaderName() {},
    validateHeaderValue() {},
  };
}
