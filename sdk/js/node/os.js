// node:os, as a machine without qualities.

const os = {
  EOL: '\n',
  devNull: '/dev/null',
  arch: () => 'wasm32',
  platform: () => 'linux',
  type: () => 'Fonio',
  release: () => '0',
  version: () => '0',
  machine: () => 'wasm32',
  hostname: () => 'localhost',
  homedir: () => '/',
  tmpdir: () => '/tmp',
  endianness: () => 'LE',
  uptime: () => 0,
  loadavg: () => [0, 0, 0],
  totalmem: () => 0,
  freemem: () => 0,
  cpus: () => [],
  availableParallelism: () => 1,
  networkInterfaces: () => ({}),
  userInfo: () => ({ username: 'fonio', uid: -1, gid: -1, shell: null, homedir: '/' }),
  constants: { signals: {}, errno: {} },
};

export const {
  EOL, arch, availableParallelism, constants, cpus, devNull, endianness, freemem, homedir, hostname, loadavg, machine,
  networkInterfaces, platform, release, tmpdir, totalmem, type, uptime, userInfo, version,
} = os;
export default os;
