// undici, as far as adaptors use it, over the host's `send`. The README of sdk/js lists what is there.

import { File } from '../../web/blob.js';
import { fetch } from '../../web/fetch.js';
import { FormData } from '../../web/form-data.js';
import { Headers } from '../../web/headers.js';
import { Request } from '../../web/request.js';
import { Response } from '../../web/response.js';
import { URL } from '../../web/url.js';
import { Agent, BalancedPool, Client, Dispatcher, Pool } from './dispatcher.js';
import { errors } from './errors.js';
import { interceptors } from './interceptors.js';

let globalDispatcher = new Agent();

export const getGlobalDispatcher = () => globalDispatcher;

export function setGlobalDispatcher(dispatcher) {
  if (typeof dispatcher?.request !== 'function') throw new errors.InvalidArgumentError('Argument agent must implement Agent');
  globalDispatcher = dispatcher;
}

// `request(url, options)`: the method of the dispatcher that the options name, or of the global one.
const ofUrl = name => (address, options, ...rest) => {
  const given = typeof options === 'object' && options !== null ? options : {};
  const more = typeof options === 'function' ? [options, ...rest] : rest;
  const url = asUrl(address);
  const { dispatcher = globalDispatcher, ...said } = given;
  const path = said.path ?? url.pathname + url.search;
  const method = said.method ?? (said.body === undefined || said.body === null ? 'GET' : 'PUT');
  return dispatcher[name]({ ...said, origin: url.origin, path: path.startsWith('/') ? path : `/${path}`, method }, ...more);
};

function asUrl(address) {
  if (address instanceof URL) return address;
  const text = typeof address === 'object' && address !== null ? addressOf(address) : address;
  if (!URL.canParse(text) || !/^https?:/.test(text)) {
    throw new errors.InvalidArgumentError('Invalid URL protocol: the URL must start with `http:` or `https:`.');
  }
  return new URL(text);
}

function addressOf({ origin, protocol, host, hostname, port, path = '/' }) {
  if (origin) return `${origin}${path}`;
  return `${protocol}//${host ?? (port ? `${hostname}:${port}` : hostname)}${path}`;
}

export const request = ofUrl('request');
export const stream = ofUrl('stream');
export const pipeline = ofUrl('pipeline');
export const connect = ofUrl('connect');
export const upgrade = ofUrl('upgrade');

// Made, they say why they are not here; imported, they do no harm.
function unavailable(name, instead) {
  const Unavailable = class {
    constructor() {
      throw new errors.NotSupportedError(`undici's ${name} is not available in Fonio's sandbox: ${instead}`);
    }
  };
  Object.defineProperty(Unavailable, 'name', { value: name });
  return Unavailable;
}

const MOCKS = 'test against a local server, which fonio adaptor test starts';
const PROXIES = 'the host decides by which way requests go out';
export const MockAgent = unavailable('MockAgent', MOCKS);
export const MockClient = unavailable('MockClient', MOCKS);
export const MockPool = unavailable('MockPool', MOCKS);
export const mockErrors = {};
export const ProxyAgent = unavailable('ProxyAgent', PROXIES);
export const EnvHttpProxyAgent = unavailable('EnvHttpProxyAgent', PROXIES);
export const RetryAgent = unavailable('RetryAgent', 'the host retries, by the settings of the project');
export const WebSocket = unavailable('WebSocket', 'a reply ends before it is read');
export const EventSource = unavailable('EventSource', 'a reply ends before it is read');

export {
  Agent, BalancedPool, Client, Dispatcher, File, FormData, Headers, Pool, Request, Response, errors, fetch, interceptors,
};
export default {
  Agent, BalancedPool, Client, Dispatcher, EnvHttpProxyAgent, EventSource, File, FormData, Headers, MockAgent, MockClient, MockPool,
  Pool, ProxyAgent, Request, Response, RetryAgent, WebSocket, connect, errors, fetch, getGlobalDispatcher, interceptors, mockErrors,
  pipeline, request, setGlobalDispatcher, stream, upgrade,
};
