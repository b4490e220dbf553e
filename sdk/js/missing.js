// Node's modules that are not here. Importing one does nothing; using anything of it throws a sentence that names it.
//
// The importer writes one CommonJS module for each. As the prototype of what it exports it answers for every name that is
// imported; as the exports themselves, a bundler would ask it which names it has.
//     module.exports = Object.create(require('…/missing.js').missing('fs'));

const INSTEAD = {
  child_process: 'an adaptor starts no programs',
  cluster: 'a step is one thread',
  dgram: 'an adaptor reaches the network by HTTP only',
  dns: 'the host resolves names, and checks the addresses',
  fs: 'an adaptor has no files; a collection keeps values from one run to the next',
  'fs/promises': 'an adaptor has no files; a collection keeps values from one run to the next',
  http2: 'the client is node:http, undici or fetch',
  inspector: 'the log of the step is the place to look',
  module: 'an adaptor is one bundle, and loads nothing later',
  net: 'an adaptor reaches the network by HTTP only',
  readline: 'nobody sits at a terminal',
  repl: 'nobody sits at a terminal',
  tls: 'an adaptor reaches the network by HTTP only',
  tty: 'nobody sits at a terminal',
  vm: 'jobs and adaptors run in one sandbox',
  worker_threads: 'a step is one thread',
};

// What bundlers and `import * as` look at without using anything.
const PASSED_OVER = ['__esModule', 'then', 'toJSON', 'prototype', 'name', 'length', 'constructor', '$$typeof'];

export function missing(name) {
  const plain = name.replace(/^node:/, '');
  const instead = INSTEAD[plain] ?? INSTEAD[plain.split('/')[0]] ?? 'the README of sdk/js lists what is';
  const refuse = what => {
    const error = new Error(`node:${plain} is not available in Fonio's sandbox: ${instead} (${what})`);
    throw Object.assign(error, { code: 'ERR_FONIO_UNAVAILABLE' });
  };
  return member(plain, refuse);
}

// Reading a member is not using it yet: packages take `fs.promises` or `net.Socket` into a constant as they load, and
// some extend a class of it. Calling, constructing or setting is.
function member(path, refuse) {
  return new Proxy(function unavailable() {}, {
    get(target, key) {
      if (typeof key === 'symbol' || PASSED_OVER.includes(key)) return target[key];
      return member(`${path}.${key}`, refuse);
    },
    has: (target, key) => typeof key !== 'symbol' || key in target,
    apply: () => refuse(`${path} was called`),
    construct: () => refuse(`${path} was constructed`),
    set: (target, key) => refuse(`${path}.${String(key)} was set`),
  });
}
