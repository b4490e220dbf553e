// node:stream: Readable, Writable, Duplex, Transform, PassThrough, `pipeline`, `finished`, and both as promises.
//
// Not there: `compose`, `Duplex.fromWeb`, `Readable.wrap`, iterator helpers other than `toArray`.

import { abortError } from '../errors.js';
import { Stream } from './destroy.js';
import { Duplex, PassThrough, Transform } from './duplex.js';
import { finished } from './finished.js';
import { pipeline } from './pipeline.js';
import promises from './promises.js';
import { Readable } from './readable.js';
import { Writable } from './writable.js';

export function addAbortSignal(signal, stream) {
  const abort = () => stream.destroy(abortError(signal.reason));
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return stream;
}

export const getDefaultHighWaterMark = objectMode => (objectMode ? 16 : 16 * 1024);
export const isErrored = stream => Boolean(stream?.errored);
export const isReadable = stream => stream?.readable ?? null;

Object.assign(Stream, {
  Stream, Readable, Writable, Duplex, Transform, PassThrough,
  addAbortSignal, finished, getDefaultHighWaterMark, isErrored, isReadable, pipeline, promises,
});

export { Duplex, PassThrough, Readable, Stream, Transform, Writable, finished, pipeline, promises };
export default Stream;
