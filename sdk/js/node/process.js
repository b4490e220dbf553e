// `process`: an empty environment, nextTick, hrtime, and what packages ask to know where they are.
//
// It has no `Symbol.toStringTag`, unlike Node's: axios tells by it whether to open sockets or to use `fetch`, and `fetch`
// is what works here. `exit` throws; there is nothing that could be left.

import { EventEmitter } from './event-emitter.js';
import { unavailable } from './errors.js';
import { nextTick } from './stream/callable.js';
import { performance } from '../web/performance.js';

const versions = { node: '20.18.0', quickjs: 'ng' };

function hrtime(since) {
  const now = performance.now();
  const [seconds, nanoseconds] = [Math.floor(now / 1000), Math.floor((now % 1000) * 1e6)];
  if (!since) return [seconds, nanoseconds];
  const carry = nanoseconds < since[1] ? 1 : 0;
  return [seconds - since[0] - carry, nanoseconds - since[1] + carry * 1e9];
}
hrtime.bigint = () => BigInt(Math.floor(performance.now() * 1e6));

const output = write => ({
  isTTY: false,
  writable: true,
  columns: 80,
  write(text) {
    write(String(text).replace(/\n$/, ''));
    return true;
  },
  on() {
    return this;
  },
  once() {
    return this;
  },
  end() {},
});

export const process = Object.assign(new EventEmitter(), {
  title: 'fonio',
  env: {},
  argv: ['fonio'],
  execArgv: [],
  execPath: '/fonio',
  pid: 1,
  ppid: 0,
  platform: 'linux',
  arch: 'wasm32',
  version: `v${versions.node}`,
  versions,
  release: { name: 'node' },
  features: {},
  exitCode: undefined,
  browser: false,
  stdout: output(text => console.log(text)),
  stderr: output(text => console.error(text)),
  nextTick,
  hrtime,
  cwd: () => '/',
  chdir() {
    throw unavailable('process.chdir', 'there are no folders');
  },
  exit(code) {
    throw unavailable(`process.exit(${code ?? ''})`, 'throw an error to fail the step');
  },
  uptime: () => performance.now() / 1000,
  umask: () => 0o22,
  emitWarning: warning => console.warn(String(warning?.message ?? warning)),
  memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
  cpuUsage: () => ({ user: 0, system: 0 }),
  binding(name) {
    throw unavailable(`process.binding('${name}')`);
  },
});

export const { argv, arch, cwd, emitWarning, env, exit, memoryUsage, pid, platform, release, stderr, stdout, uptime, version } = process;
export { hrtime, nextTick, versions };
export default process;
