// EventEmitter, `once`, `on`. Not there: domains, capture of rejections, monitors of errors.
//
// A function, because old packages say `EventEmitter.call(this)`; and what it keeps is made when first needed, because
// some of them forget to.

import { invalidArgType, plainError } from './errors.js';
import { inspect } from './inspect.js';

const kept = emitter => {
  if (!Object.hasOwn(emitter, '_events') || !emitter._events) {
    Object.defineProperty(emitter, '_events', { value: Object.create(null), writable: true, configurable: true });
  }
  return emitter._events;
};

export function EventEmitter() {
  kept(this);
}

function checked(listener) {
  if (typeof listener !== 'function') throw invalidArgType('listener', 'of type function', listener);
  return listener;
}

function add(emitter, name, listener, first) {
  const events = kept(emitter);
  if (events.newListener) emitter.emit('newListener', name, listener.listener ?? listener);
  const before = events[name] ?? [];
  // A new list each time: an emission in progress goes on with the one that it started with.
  events[name] = first ? [listener, ...before] : [...before, listener];
  return emitter;
}

function wrappedOnce(emitter, name, listener) {
  const wrapper = function (...args) {
    emitter.removeListener(name, wrapper);
    return listener.apply(this, args);
  };
  wrapper.listener = checked(listener);
  return wrapper;
}

const methods = {
  on(name, listener) {
    return add(this, name, checked(listener), false);
  },

  prependListener(name, listener) {
    return add(this, name, checked(listener), true);
  },

  once(name, listener) {
    return this.on(name, wrappedOnce(this, name, listener));
  },

  prependOnceListener(name, listener) {
    return this.prependListener(name, wrappedOnce(this, name, listener));
  },

  removeListener(name, listener) {
    const events = kept(this);
    const listeners = events[name] ?? [];
    const at = listeners.findLastIndex(each => each === listener || each.listener === listener);
    if (at < 0) return this;
    const rest = listeners.filter((_, index) => index !== at);
    if (rest.length > 0) events[name] = rest;
    else delete events[name];
    if (events.removeListener) this.emit('removeListener', name, listener);
    return this;
  },

  removeAllListeners(name) {
    const events = kept(this);
    if (name === undefined) for (const each of Reflect.ownKeys(events)) delete events[each];
    else delete events[name];
    return this;
  },

  emit(name, ...args) {
    const listeners = kept(this)[name];
    if (!listeners) {
      if (name === 'error') throw unhandled(args[0]);
      return false;
    }
    for (const listener of listeners) listener.apply(this, args);
    return true;
  },

  listeners(name) {
    return (kept(this)[name] ?? []).map(each => each.listener ?? each);
  },

  rawListeners(name) {
    return [...(kept(this)[name] ?? [])];
  },

  listenerCount(name, listener) {
    const listeners = this.listeners(name);
    return listener ? listeners.filter(each => each === listener).length : listeners.length;
  },

  eventNames() {
    return Reflect.ownKeys(kept(this));
  },

  // Nothing here counts listeners; a leak ends with the step.
  setMaxListeners() {
    return this;
  },

  getMaxListeners() {
    return EventEmitter.defaultMaxListeners;
  },
};
methods.addListener = methods.on;
methods.off = methods.removeListener;
for (const name of Object.keys(methods)) {
  Object.defineProperty(EventEmitter.prototype, name, { value: methods[name], writable: true, configurable: true });
}

function unhandled(error) {
  if (error instanceof Error) return error;
  return Object.assign(plainError('ERR_UNHANDLED_ERROR', `Unhandled error. (${inspect(error)})`), { context: error });
}

export function once(emitter, name, { signal } = {}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    if (typeof emitter.addEventListener === 'function' && typeof emitter.on !== 'function') {
      emitter.addEventListener(name, event => resolve([event]), { once: true });
      return;
    }
    const done = (...args) => {
      emitter.removeListener('error', failed);
      resolve(args);
    };
    const failed = error => {
      emitter.removeListener(name, done);
      reject(error);
    };
    emitter.once(name, done);
    if (name !== 'error') emitter.once('error', failed);
    signal?.addEventListener('abort', () => failed(signal.reason), { once: true });
  });
}

export async function* on(emitter, name, { signal } = {}) {
  const waiting = [];
  let wake = Promise.withResolvers();
  const stop = error => wake.reject(error);
  const take = (...args) => {
    waiting.push(args);
    wake.resolve();
  };
  emitter.on(name, take);
  if (name !== 'error') emitter.on('error', stop);
  signal?.addEventListener('abort', () => stop(signal.reason), { once: true });
  try {
    for (;;) {
      await wake.promise;
      wake = Promise.withResolvers();
      yield* waiting.splice(0);
    }
  } finally {
    emitter.removeListener(name, take);
    emitter.removeListener('error', stop);
  }
}

Object.assign(EventEmitter, {
  EventEmitter,
  once,
  on,
  defaultMaxListeners: 10,
  captureRejectionSymbol: Symbol.for('nodejs.rejection'),
  errorMonitor: Symbol('events.errorMonitor'),
  usingDomains: false,
  listenerCount: (emitter, name) => emitter.listenerCount(name),
  getEventListeners: (emitter, name) => emitter.listeners?.(name) ?? [],
  setMaxListeners() {},
});

export default EventEmitter;
