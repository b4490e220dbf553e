// node:module, as far as packages need it to load: a `require` that says what it cannot do when it is called.

import { missing } from '../missing.js';
import { unavailable } from './errors.js';

export function createRequire() {
  const require = name => {
    throw unavailable(`require('${name}') at run time`, 'an adaptor is one bundle, and loads nothing later');
  };
  return Object.assign(require, { resolve: require, cache: {} });
}

export const builtinModules = [];
export const isBuiltin = name => name.startsWith('node:');
export const { Module, register } = missing('module');
export default { Module, builtinModules, createRequire, isBuiltin, register };
