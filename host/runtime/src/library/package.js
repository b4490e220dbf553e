// The package in this runtime, if it is one for packages: what it exports is what jobs see, before the common operations.

import { describe } from 'fonio/errors';
import { send } from 'fonio/network';

// The package's own way to run operations: it may log in first, connect, and close again.
let own;

export const packageExecute = () => own;

// The module `fonio:host` for the compatibility layer: the natives, and what is done here.
export function hostModule(natives) {
  globalThis.__fonioHost = { ...natives, send };
  return `export const { ${Object.keys(globalThis.__fonioHost).join(', ')} } = globalThis.__fonioHost;
    delete globalThis.__fonioHost;`;
}

// Of an instance of a class, most members cannot be seen here.
function isNamespace(value) {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

// What can be read of it. An export may be a getter, and that may throw: the others are no worse for it.
function readable(namespace, skipped, before = '') {
  const found = {};
  for (const name of Object.keys(namespace)) {
    try {
      found[name] = namespace[name];
    } catch (error) {
      skipped[before + name] = describe(error).message;
    }
  }
  return found;
}

// Of functions the number of parameters, of namespaces the same again, of other values null; two levels are all that
// packages have.
function tree(values, depth, skipped, before = '') {
  const found = {};
  for (const [name, value] of Object.entries(values)) {
    const inner = `${before}${name}.`;
    if (typeof value === 'function') found[name] = value.length;
    else if (depth > 0 && isNamespace(value)) found[name] = tree(readable(value, skipped, inner), depth - 1, skipped, inner);
    else found[name] = null;
  }
  return found;
}

// A package of the old kind may export everything as one default object.
function exportsOf(adaptor, skipped) {
  const { default: whole, ...named } = readable(adaptor, skipped);
  return Object.keys(named).length === 0 && isNamespace(whole) ? readable(whole, skipped) : named;
}

export function adopt({ adaptor }) {
  const skipped = {};
  const exported = exportsOf(adaptor, skipped);
  for (const [name, value] of Object.entries(exported)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  if (typeof exported.execute === 'function') own = exported.execute;
  return JSON.stringify({ exports: tree(exported, 2, skipped), skipped });
}
