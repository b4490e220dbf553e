// node:util: inherits, promisify, callbackify, deprecate, inspect, format, types, isDeepStrictEqual, text encoding.
//
// Not there: `parseArgs`, `debuglog` writes nothing, `styleText` and colours, `MIMEType`, `transferableAbortSignal`.

import { TextDecoder, TextEncoder } from '../web/text.js';
import { isDeepStrictEqual } from './compare.js';
import { invalidArgType, plainError } from './errors.js';
import { inspect } from './inspect.js';

export function inherits(constructor, parent) {
  if (typeof constructor !== 'function') throw invalidArgType('ctor', 'of type function', constructor);
  if (typeof parent?.prototype !== 'object') throw invalidArgType('superCtor.prototype', 'of type object', parent?.prototype);
  Object.defineProperty(constructor, 'super_', { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

const kCustom = Symbol.for('nodejs.util.promisify.custom');

export function promisify(original) {
  if (typeof original !== 'function') throw invalidArgType('original', 'of type function', original);
  if (original[kCustom]) return original[kCustom];
  const promised = function (...args) {
    return new Promise((resolve, reject) => {
      original.call(this, ...args, (error, ...values) => (error ? reject(error) : resolve(values[0])));
    });
  };
  Object.setPrototypeOf(promised, Object.getPrototypeOf(original));
  return Object.defineProperties(promised, Object.getOwnPropertyDescriptors(original));
}
promisify.custom = kCustom;

export function callbackify(original) {
  return function (...args) {
    const callback = args.pop();
    const failed = error => callback(error ?? plainError('ERR_FALSY_VALUE_REJECTION', 'Promise was rejected with falsy value'));
    original.apply(this, args).then(
      value => queueMicrotask(() => callback(null, value)),
      error => queueMicrotask(() => failed(error)),
    );
  };
}

export function deprecate(fn) {
  return fn;
}

export function format(...values) {
  return formatWithOptions({}, ...values);
}

export function formatWithOptions(options, ...values) {
  const [first, ...rest] = values;
  if (typeof first !== 'string') return values.map(value => plain(value, options)).join(' ');
  let used = 0;
  const text = first.replace(/%[sdifjoOc%]/g, mark => {
    if (mark === '%%') return values.length > 1 ? '%' : '%%';
    return used < rest.length ? substitute(mark, rest[used++], options) : mark;
  });
  return [text, ...rest.slice(used).map(value => plain(value, options))].join(' ');
}

const plain = (value, options) => (typeof value === 'string' ? value : inspect(value, options));

function substitute(mark, value, options) {
  const number = convert => (typeof value === 'object' ? 'NaN' : typeof value === 'bigint' ? `${value}n` : String(convert(value)));
  switch (mark) {
    case '%s': return typeof value === 'object' && value !== null && !Object.hasOwn(value, 'toString') && !(value instanceof Error)
      ? inspect(value, { ...options, depth: 0 }) : typeof value === 'bigint' ? `${value}n` : String(value);
    case '%d': return number(Number);
    case '%i': return number(each => parseInt(each, 10));
    case '%f': return number(parseFloat);
    case '%j': return asJson(value);
    case '%c': return '';
    default: return inspect(value, options);
  }
}

function asJson(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return '[Circular]';
  }
}

export function debuglog() {
  return Object.assign(() => {}, { enabled: false });
}

const tagged = tag => value => Object.prototype.toString.call(value) === `[object ${tag}]`;
const among = (...kinds) => value => kinds.some(kind => value instanceof kind);

export const types = {
  isAnyArrayBuffer: among(ArrayBuffer, SharedArrayBuffer),
  isArrayBuffer: among(ArrayBuffer),
  isArrayBufferView: value => ArrayBuffer.isView(value),
  isAsyncFunction: tagged('AsyncFunction'),
  isBigInt64Array: among(BigInt64Array),
  isBigUint64Array: among(BigUint64Array),
  isBooleanObject: among(Boolean),
  isBoxedPrimitive: among(Boolean, Number, String),
  isDataView: among(DataView),
  isDate: among(Date),
  isExternal: () => false,
  isFloat32Array: among(Float32Array),
  isFloat64Array: among(Float64Array),
  isGeneratorFunction: value => /^\[object (?:Async)?GeneratorFunction\]$/.test(Object.prototype.toString.call(value)),
  isGeneratorObject: tagged('Generator'),
  isInt8Array: among(Int8Array),
  isInt16Array: among(Int16Array),
  isInt32Array: among(Int32Array),
  isMap: among(Map),
  isNativeError: among(Error),
  isNumberObject: among(Number),
  isPromise: among(Promise),
  isProxy: () => false,
  isRegExp: among(RegExp),
  isSet: among(Set),
  isSharedArrayBuffer: among(SharedArrayBuffer),
  isStringObject: among(String),
  isSymbolObject: value => typeof value === 'object' && tagged('Symbol')(value),
  isTypedArray: value => ArrayBuffer.isView(value) && !(value instanceof DataView),
  isUint8Array: among(Uint8Array),
  isUint8ClampedArray: among(Uint8ClampedArray),
  isUint16Array: among(Uint16Array),
  isUint32Array: among(Uint32Array),
  isWeakMap: among(WeakMap),
  isWeakSet: among(WeakSet),
};

// The older questions, gone from newer Nodes and still asked.
export const isArray = Array.isArray;
export const isBoolean = value => typeof value === 'boolean';
export const isBuffer = value => globalThis.Buffer.isBuffer(value);
export const isFunction = value => typeof value === 'function';
export const isNull = value => value === null;
export const isNullOrUndefined = value => value === undefined || value === null;
export const isNumber = value => typeof value === 'number';
export const isObject = value => typeof value === 'object' && value !== null;
export const isPrimitive = value => value === null || !/^(?:object|function)$/.test(typeof value);
export const isString = value => typeof value === 'string';
export const isSymbol = value => typeof value === 'symbol';
export const isUndefined = value => value === undefined;
export const { isDate, isNativeError: isError, isRegExp } = types;

export const toUSVString = text => String(text).toWellFormed();
export const stripVTControlCharacters = text => text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '');
export const aborted = (signal, resource) => new Promise(resolve => {
  if (signal.aborted || !resource) resolve();
  else signal.addEventListener('abort', () => resolve(), { once: true });
});

export { debuglog as debug, inspect, isDeepStrictEqual, TextDecoder, TextEncoder };
export default {
  aborted, callbackify, debug: debuglog, debuglog, deprecate, format, formatWithOptions, inherits, inspect, isArray, isBoolean,
  isBuffer, isDate, isDeepStrictEqual, isError, isFunction, isNull, isNullOrUndefined, isNumber, isObject, isPrimitive, isRegExp,
  isString, isSymbol, isUndefined, promisify, stripVTControlCharacters, TextDecoder, TextEncoder, toUSVString, types,
};
