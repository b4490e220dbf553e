// structuredClone of what states are made of: plain values, dates, expressions, maps, sets, errors, buffers, views, and
// cycles among them. Functions and symbols are refused, as everywhere. `transfer` copies instead.

import { DOMException } from './exception.js';
import { Blob } from './blob.js';

export function structuredClone(value) {
  return cloned(value, new Map());
}

function cloned(value, seen) {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new DOMException(`${String(value)} could not be cloned.`, 'DataCloneError');
  }
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const copy = emptyCopy(value, seen);
  seen.set(value, copy);
  fill(copy, value, seen);
  return copy;
}

function emptyCopy(value, seen) {
  if (Array.isArray(value)) return new Array(value.length);
  if (value instanceof Date) return new Date(value.getTime());
  if (value instanceof RegExp) return new RegExp(value.source, value.flags);
  if (value instanceof Map) return new Map();
  if (value instanceof Set) return new Set();
  if (value instanceof ArrayBuffer) return value.slice(0);
  if (ArrayBuffer.isView(value)) return copyOfView(value, seen);
  if (value instanceof Error) return copyOfError(value);
  if (value instanceof Blob) return value;
  if (value instanceof Boolean || value instanceof Number || value instanceof String) return Object(value.valueOf());
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet) {
    throw new DOMException(`#<${value.constructor.name}> could not be cloned.`, 'DataCloneError');
  }
  return {};
}

function copyOfView(view, seen) {
  const buffer = cloned(view.buffer, seen);
  const Kind = view instanceof DataView ? DataView : globalThis[Object.prototype.toString.call(view).slice(8, -1)];
  return new Kind(buffer, view.byteOffset, view.length ?? view.byteLength);
}

const ERRORS = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, Error];

function copyOfError(error) {
  const Kind = ERRORS.find(kind => error instanceof kind);
  const copy = new Kind(error.message);
  copy.stack = error.stack;
  return copy;
}

function fill(copy, value, seen) {
  if (value instanceof Map) {
    for (const [key, item] of value) copy.set(cloned(key, seen), cloned(item, seen));
  } else if (value instanceof Set) {
    for (const item of value) copy.add(cloned(item, seen));
  } else if (value instanceof Error) {
    if ('cause' in value) copy.cause = cloned(value.cause, seen);
  } else if (Array.isArray(value) || copy.constructor === Object) {
    for (const key of Object.keys(value)) copy[key] = cloned(value[key], seen);
  }
}
