// EventTarget, Event and CustomEvent. There is no tree of targets here, so an event neither captures nor bubbles.

export class Event {
  #type;
  #cancelable;
  #prevented = false;
  #stopped = false;
  #target = null;

  constructor(type, { cancelable = false } = {}) {
    this.#type = String(type);
    this.#cancelable = Boolean(cancelable);
  }

  get type() {
    return this.#type;
  }

  get target() {
    return this.#target;
  }

  get currentTarget() {
    return this.#target;
  }

  get cancelable() {
    return this.#cancelable;
  }

  get defaultPrevented() {
    return this.#prevented;
  }

  preventDefault() {
    this.#prevented = this.#cancelable;
  }

  stopPropagation() {}

  stopImmediatePropagation() {
    this.#stopped = true;
  }

  // Gives the event to one listener after another until one stops it.
  static deliver(event, target, listeners) {
    event.#target = target;
    for (const listener of listeners) {
      if (event.#stopped) break;
      listener(event);
    }
    return !event.#prevented;
  }
}

// For EventTarget alone.
const { deliver } = Event;
delete Event.deliver;

export class CustomEvent extends Event {
  #detail;

  constructor(type, options = {}) {
    super(type, options);
    this.#detail = options.detail ?? null;
  }

  get detail() {
    return this.#detail;
  }
}

export class EventTarget {
  #listeners = new Map();

  addEventListener(type, callback, options = {}) {
    if (!callback) return;
    const { once = false, signal } = typeof options === 'object' && options !== null ? options : {};
    if (signal?.aborted) return;
    const ofType = this.#listeners.get(type) ?? new Map();
    if (ofType.has(callback)) return;
    this.#listeners.set(type, ofType.set(callback, once));
    signal?.addEventListener('abort', () => this.removeEventListener(type, callback));
  }

  removeEventListener(type, callback) {
    this.#listeners.get(type)?.delete(callback);
  }

  dispatchEvent(event) {
    const listeners = [...(this.#listeners.get(event.type) ?? [])].map(([callback, once]) => {
      return () => {
        if (once) this.removeEventListener(event.type, callback);
        if (typeof callback === 'function') callback.call(this, event);
        else callback.handleEvent(event);
      };
    });
    const handler = this[`on${event.type}`];
    if (typeof handler === 'function') listeners.unshift(() => handler.call(this, event));
    return deliver(event, this, listeners);
  }
}
