// The package in this runtime, if it is one for packages: what it exports is what jobs see, before the common operations.

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

// Of functions the number of parameters, of namespaces the same again, of other values null; two levels are all that
// packages have.
function tree(namespace, depth) {
  const found = {};
  for (const [name, value] of Object.entries(namespace)) {
    if (typeof value === 'function') found[name] = value.length;
    else found[name] = depth > 0 && isNamespace(value) ? tree(value, depth - 1) : null;
  }
  return found;
}

// A package of the old kind may export everything as one default object.
function exportsOf(adaptor) {
  const { default: whole, ...named } = adaptor;
  return Object.keys(named).length === 0 && isNamespace(whole) ? { ...whole } : named;
}

export function adopt({ adaptor }) {
  const exported = exportsOf(adaptor);
  for (const [name, value] of Object.entries(exported)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  if (typeof exported.execute === 'function') own = exported.execute;
  return JSON.stringify(tree(exported, 2));
}
