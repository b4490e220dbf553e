// node:async_hooks: AsyncLocalStorage and AsyncResource as far as synchronous code sees them. What is stored does not
// follow promises.

export class AsyncLocalStorage {
  #store;

  run(store, callback, ...args) {
    const before = this.#store;
    this.#store = store;
    try {
      return callback(...args);
    } finally {
      this.#store = before;
    }
  }

  exit(callback, ...args) {
    return this.run(undefined, callback, ...args);
  }

  enterWith(store) {
    this.#store = store;
  }

  getStore() {
    return this.#store;
  }

  disable() {
    this.#store = undefined;
  }
}

export class AsyncResource {
  constructor(type) {
    this.type = type;
  }

  runInAsyncScope(callback, self, ...args) {
    return callback.apply(self, args);
  }

  bind(callback) {
    return callback;
  }

  emitDestroy() {
    return this;
  }

  static bind(callback) {
    return callback;
  }
}

export const executionAsyncId = () => 1;
export const triggerAsyncId = () => 0;
export const createHook = () => ({ enable() {}, disable() {} });
export default { AsyncLocalStorage, AsyncResource, createHook, executionAsyncId, triggerAsyncId };
