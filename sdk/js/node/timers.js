// Timers as Node has them: objects with `ref`, `unref`, `hasRef`, `refresh` and `close`, over the engine's own, which are
// numbers. No timer keeps a step alive: a step ends when its operations do.

const { setTimeout: startTimeout, setInterval: startInterval, setImmediate: startImmediate } = globalThis;
const { clearTimeout: stop } = globalThis;

class Timeout {
  #begin;
  #id;

  constructor(begin) {
    this.#begin = begin;
    this.#id = begin();
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  hasRef() {
    return true;
  }

  refresh() {
    stop(this.#id);
    this.#id = this.#begin();
    return this;
  }

  close() {
    stop(this.#id);
    return this;
  }

  [Symbol.toPrimitive]() {
    return this.#id;
  }
}

export const setTimeout = (callback, delay, ...args) => new Timeout(() => startTimeout(callback, delay, ...args));
export const setInterval = (callback, delay, ...args) => new Timeout(() => startInterval(callback, delay, ...args));
export const setImmediate = (callback, ...args) => new Timeout(() => startImmediate(callback, ...args));

const clear = timer => {
  if (timer instanceof Timeout) timer.close();
  else stop(timer);
};
export { clear as clearTimeout, clear as clearInterval, clear as clearImmediate };

// node:timers/promises.
const after = start => (delay, value, { signal } = {}) =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = start(() => resolve(value), delay);
    signal?.addEventListener('abort', () => (clear(timer), reject(signal.reason)), { once: true });
  });

export const promises = {
  setTimeout: after(setTimeout),
  setImmediate: (value, options) => after(callback => setImmediate(callback))(0, value, options),
  async *setInterval(delay, value, options) {
    for (;;) yield await promises.setTimeout(delay, value, options);
  },
  scheduler: { wait: (delay, options) => promises.setTimeout(delay, undefined, options), yield: () => promises.setImmediate() },
};

export default { setTimeout, setInterval, setImmediate, clearTimeout: clear, clearInterval: clear, clearImmediate: clear, promises };
