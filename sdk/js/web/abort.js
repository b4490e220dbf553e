// AbortController and AbortSignal, with `abort`, `timeout` and `any`.

import { Event, EventTarget } from './events.js';
import { DOMException } from './exception.js';

let make;
let abort;

export class AbortSignal extends EventTarget {
  #reason;
  onabort = null;

  static {
    make = () => new AbortSignal(make);
    abort = (signal, reason = new DOMException('This operation was aborted', 'AbortError')) => {
      if (signal.aborted) return;
      signal.#reason = reason;
      signal.dispatchEvent(new Event('abort'));
    };
  }

  constructor(key) {
    super();
    if (key !== make) throw new TypeError('Illegal constructor');
  }

  static abort(reason) {
    const signal = make();
    abort(signal, reason);
    return signal;
  }

  static timeout(milliseconds) {
    const signal = make();
    setTimeout(() => abort(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError')), milliseconds);
    return signal;
  }

  static any(signals) {
    const any = make();
    for (const signal of signals) {
      if (signal.aborted) abort(any, signal.reason);
      else signal.addEventListener('abort', () => abort(any, signal.reason), { once: true });
    }
    return any;
  }

  get aborted() {
    return this.#reason !== undefined;
  }

  get reason() {
    return this.#reason;
  }

  throwIfAborted() {
    if (this.aborted) throw this.#reason;
  }
}

export class AbortController {
  #signal = make();

  get signal() {
    return this.#signal;
  }

  abort(reason) {
    abort(this.#signal, reason);
  }
}

// The promise, or the signal's reason as soon as it aborts. What the promise stands for goes on: a request that was sent
// is sent.
export function abortable(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => {});
      reject(signal.reason);
      return;
    }
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
