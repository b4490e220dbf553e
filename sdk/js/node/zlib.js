// node:zlib: gzip, deflate and their inverses, at once, by callback, and as streams that work on the whole.
//
// Not there: brotli, zstd, levels and strategies (given ones are passed over).

import { deflate as nativeDeflate, inflate as nativeInflate } from 'fonio:host';
import { joined } from '../web/text.js';
import { Buffer } from './buffer.js';
import { plainError, unavailable } from './errors.js';
import { Transform } from './stream/duplex.js';

const bytes = data => (data instanceof Uint8Array ? data : Buffer.from(data));
const packing = format => data => Buffer.from(nativeDeflate(format, bytes(data)).buffer);

const unpacking = (...formats) => data => {
  const input = bytes(data);
  const plain = formats.map(format => nativeInflate(format, input)).find(Boolean);
  if (plain) return Buffer.from(plain.buffer);
  throw Object.assign(plainError('Z_DATA_ERROR', 'incorrect header check'), { errno: -3 });
};

export const gzipSync = packing('gzip');
export const deflateSync = packing('zlib');
export const deflateRawSync = packing('raw');
export const gunzipSync = unpacking('gzip');
export const inflateSync = unpacking('zlib');
export const inflateRawSync = unpacking('raw');
export const unzipSync = unpacking('gzip', 'zlib');

const withCallback = work => (data, options, callback = options) => {
  queueMicrotask(() => {
    let result;
    try {
      result = work(data);
    } catch (error) {
      callback(error);
      return;
    }
    callback(null, result);
  });
};

export const gzip = withCallback(gzipSync);
export const deflate = withCallback(deflateSync);
export const deflateRaw = withCallback(deflateRawSync);
export const gunzip = withCallback(gunzipSync);
export const inflate = withCallback(inflateSync);
export const inflateRaw = withCallback(inflateRawSync);
export const unzip = withCallback(unzipSync);

const streaming = work => () => {
  const parts = [];
  return new Transform({
    transform(chunk, encoding, callback) {
      parts.push(chunk);
      callback();
    },
    flush(callback) {
      try {
        callback(null, parts.length > 0 ? work(joined(parts)) : undefined);
      } catch (error) {
        callback(error);
      }
    },
  });
};

export const createGzip = streaming(gzipSync);
export const createDeflate = streaming(deflateSync);
export const createDeflateRaw = streaming(deflateRawSync);
export const createGunzip = streaming(gunzipSync);
export const createInflate = streaming(inflateSync);
export const createInflateRaw = streaming(inflateRawSync);
export const createUnzip = streaming(unzipSync);

const refused = name => () => {
  throw unavailable(`zlib.${name}`, 'gzip and deflate are');
};
export const brotliCompressSync = refused('brotliCompressSync');
export const brotliDecompressSync = refused('brotliDecompressSync');

export const constants = { Z_NO_FLUSH: 0, Z_SYNC_FLUSH: 2, Z_FINISH: 4, Z_BEST_COMPRESSION: 9, Z_DEFAULT_COMPRESSION: -1 };
export default {
  gzipSync, deflateSync, deflateRawSync, gunzipSync, inflateSync, inflateRawSync, unzipSync,
  gzip, deflate, deflateRaw, gunzip, inflate, inflateRaw, unzip,
  createGzip, createDeflate, createDeflateRaw, createGunzip, createInflate, createInflateRaw, createUnzip,
  brotliCompressSync, brotliDecompressSync, constants,
};
