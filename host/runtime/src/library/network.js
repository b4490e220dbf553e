// Requests of a package under way. The engine (event_loop.rs) waits for their replies and for timers together.

import { host } from 'fonio/host';

// As common's own default.
const TIMEOUT_MS = 300_000;

const waiting = new Map();
let lastId = 0;

export const network = {
  underWay: () => waiting.size > 0,

  ended(id, reply, code, message) {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (reply) resolve(reply);
    else reject(Object.assign(new Error(message), { code }));
  },
};

// `{ method, url, headers: [[name, value]], body, timeoutMs }` to `{ status, headers, body }`.
export function send({ method, url, headers = [], body, timeoutMs = TIMEOUT_MS }) {
  return new Promise((resolve, reject) => {
    lastId += 1;
    host.send(lastId, { method, url, headers, body, timeoutMs });
    waiting.set(lastId, { resolve, reject });
  });
}
