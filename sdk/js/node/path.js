// node:path, the POSIX one. `win32` is it too: there are no drives here.

import { invalidArgType } from './errors.js';

const sep = '/';
const delimiter = ':';

function text(path, name = 'path') {
  if (typeof path !== 'string') throw invalidArgType(name, 'of type string', path);
  return path;
}

// The parts of a path without `.` and, as far as something stands before them, `..`.
function parts(path, absolute) {
  const kept = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!absolute) kept.push(part);
  }
  return kept;
}

export const isAbsolute = path => text(path).startsWith('/');

export function normalize(path) {
  if (text(path) === '') return '.';
  const absolute = path.startsWith('/');
  const plain = parts(path, absolute).join('/');
  const end = path.endsWith('/') && plain !== '' ? '/' : '';
  if (absolute) return `/${plain}${end}`;
  return plain === '' ? (path.endsWith('/') ? './' : '.') : plain + end;
}

export function join(...paths) {
  const joined = paths.filter(path => text(path) !== '').join('/');
  return joined === '' ? '.' : normalize(joined);
}

export function resolve(...paths) {
  let whole = '';
  for (const path of paths.toReversed()) {
    if (text(path) !== '') whole = whole === '' ? path : `${path}/${whole}`;
    if (whole.startsWith('/')) break;
  }
  return `/${parts(`/${whole}`, true).join('/')}`;
}

export function relative(from, to) {
  const start = parts(resolve(text(from, 'from')), true);
  const end = parts(resolve(text(to, 'to')), true);
  let shared = 0;
  while (shared < start.length && shared < end.length && start[shared] === end[shared]) shared += 1;
  return [...start.slice(shared).fill('..'), ...end.slice(shared)].join('/');
}

export function dirname(path) {
  const bare = text(path).replace(/(?<=[^/])\/+$/, '');
  const at = bare.lastIndexOf('/');
  if (at < 0) return '.';
  return bare.slice(0, at).replace(/\/+$/, '') || '/';
}

export function basename(path, suffix) {
  if (suffix !== undefined && suffix === path) return '';
  const base = text(path).replace(/\/+$/, '').replace(/^.*\//s, '');
  return suffix && base !== suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base;
}

export function extname(path) {
  const base = basename(path);
  const at = base.lastIndexOf('.');
  return at <= 0 || base === '..' ? '' : base.slice(at);
}

export function parse(path) {
  const root = isAbsolute(path) ? '/' : '';
  const base = basename(path);
  const ext = extname(base);
  const dir = path.includes('/') ? dirname(path) : '';
  return { root, dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
}

export function format({ root = '', dir = root, name = '', ext = '', base }) {
  const file = base ?? name + (ext && !ext.startsWith('.') ? `.${ext}` : ext);
  if (!dir) return file;
  return dir === root ? `${dir}${file}` : `${dir}/${file}`;
}

export const toNamespacedPath = path => path;

const path = {
  sep, delimiter, isAbsolute, normalize, join, resolve, relative, dirname, basename, extname, parse, format, toNamespacedPath,
};
path.posix = path;
path.win32 = path;

export const posix = path;
export const win32 = path;
export { delimiter, sep };
export default path;
