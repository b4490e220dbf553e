// Classes that old packages can also call as `Readable.call(this, options)` or without `new`.

// `begin(self, …args)` does to an existing object what the constructor does after `super`.
export function callable(Class, begin) {
  const Constructor = function (...args) {
    if (new.target) return Reflect.construct(Class, args, new.target === Constructor ? Class : new.target);
    if (!(this instanceof Class)) return new Class(...args);
    begin(this, ...args);
    return undefined;
  };
  Object.defineProperty(Constructor, 'name', { value: Class.name.replace(/Class$/, '') });
  Object.setPrototypeOf(Constructor, Object.getPrototypeOf(Class));
  Constructor.prototype = Class.prototype;
  Object.defineProperty(Class.prototype, 'constructor', { value: Constructor, writable: true, configurable: true });
  for (const name of Object.getOwnPropertyNames(Class)) {
    if (!Object.hasOwn(Constructor, name)) Object.defineProperty(Constructor, name, Object.getOwnPropertyDescriptor(Class, name));
  }
  return Constructor;
}

const settled = Promise.resolve();

// As a promise, so that what a callback throws is reported like everything that fails while nothing waits for it.
export const nextTick = (callback, ...args) => void settled.then(() => callback(...args));
