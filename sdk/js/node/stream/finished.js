// `finished`: once a stream has ended, finished, broken or been closed too early.

import { invalidArgType, plainError } from '../errors.js';
import { nextTick } from './callable.js';

const tooEarly = () => plainError('ERR_STREAM_PREMATURE_CLOSE', 'Premature close');

export function finished(stream, options, callback) {
  if (typeof options === 'function') return finished(stream, {}, options);
  const given = options ?? {};
  if (typeof stream?.on !== 'function') throw invalidArgType('stream', 'an instance of Stream', stream);
  const reads = stream._readableState ?? (stream.readable === undefined ? undefined : {});
  const writes = stream._writableState ?? (stream.writable === undefined ? undefined : {});
  const wait = {
    end: given.readable !== false && reads !== undefined && reads.readable !== false && !reads.endEmitted,
    finish: given.writable !== false && writes !== undefined && writes.writable !== false && !writes.finished,
  };
  let called = false;
  const done = error => {
    if (called) return;
    called = true;
    callback.call(stream, error);
  };
  const settle = event => {
    wait[event] = false;
    if (!wait.end && !wait.finish) done();
  };
  const handlers = {
    end: () => settle('end'),
    finish: () => settle('finish'),
    error: error => given.error !== false && done(error),
    close: () => done(wait.end || wait.finish ? (stream.errored ?? tooEarly()) : undefined),
  };
  for (const name of Object.keys(handlers)) stream.on(name, handlers[name]);
  given.signal?.addEventListener('abort', () => done(given.signal.reason), { once: true });
  if (stream.closed || stream.errored) nextTick(() => (stream.errored ? handlers.error(stream.errored) : handlers.close()));
  else if (!wait.end && !wait.finish) nextTick(() => done());
  return () => {
    called = true;
    for (const name of Object.keys(handlers)) stream.removeListener(name, handlers[name]);
  };
}
