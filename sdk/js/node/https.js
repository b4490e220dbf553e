// node:https, the client: `request`, `get`, Agent. Replies come whole, and are streams of what came.
//
// Not there: servers, sockets, upgrades, `Expect: 100-continue`, certificates of one's own.

import { clientOf } from './http-client.js';

const client = clientOf('https:');

export const {
  Agent, ClientRequest, IncomingMessage, METHODS, STATUS_CODES, createServer, get, globalAgent, maxHeaderSize, request,
  validateHeaderName, validateHeaderValue,
} = client;
export default client;
