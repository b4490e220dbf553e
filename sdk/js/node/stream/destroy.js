// How streams of both directions end: `destroy`, errors, `close`.

import { abortError } from '../errors.js';
import { EventEmitter } from '../event-emitter.js';
import { callable, nextTick } from './callable.js';

// What every stream is: an emitter with `pipe`, `destroy` and `close`.
export const Stream = callable(
  class Stream extends EventEmitter {
    // Of streams that are neither Readable nor Writable, as very old packages make them.
    pipe(destination, options) {
      const onData = chunk => {
        if (destination.writable !== false && destination.write(chunk) === false) this.pause?.();
      };
      this.on('data', onData);
      destination.on('drain', () => this.resume?.());
      if (options?.end !== false) this.once('end', () => destination.end());
      destination.emit('pipe', this);
      return destination;
    }

    destroy(error, callback) {
      const states = statesOf(this);
      if (states.some(state => state.destroyed)) {
        if (typeof callback === 'function') callback();
        return this;
      }
      for (const state of states) {
        state.destroyed = true;
        if (error) state.errored ??= error;
      }
      this._destroy(error ?? null, failure => {
        if (typeof callback === 'function') callback(failure);
        if (failure) for (const state of states) state.errored ??= failure;
        nextTick(() => {
          if (failure) emitErrorOnce(this, failure);
          for (const state of states) state.closed = true;
          if (states.every(state => state.emitClose)) {
            for (const state of states) state.closeEmitted = true;
            this.emit('close');
          }
        });
      });
      return this;
    }

    _destroy(error, callback) {
      callback(error);
    }

    get destroyed() {
      return statesOf(this).some(state => state.destroyed);
    }

    set destroyed(destroyed) {
      for (const state of statesOf(this)) state.destroyed = destroyed;
    }

    get closed() {
      return statesOf(this).some(state => state.closed);
    }

    get errored() {
      return statesOf(this).find(state => state.errored)?.errored ?? null;
    }
  },
  self => EventEmitter.call(self),
);

export const statesOf = stream => [stream._readableState, stream._writableState].filter(Boolean);

function emitErrorOnce(stream, error) {
  const states = statesOf(stream);
  if (states.some(state => state.errorEmitted)) return;
  for (const state of states) state.errorEmitted = true;
  stream.emit('error', error);
}

// A fault of the stream itself: it is over, unless it was made with `autoDestroy: false`.
export function fail(stream, error) {
  const states = statesOf(stream);
  if (states.some(state => state.destroyed)) return;
  if (states.some(state => state.autoDestroy)) {
    stream.destroy(error);
    return;
  }
  for (const state of states) state.errored ??= error;
  nextTick(() => emitErrorOnce(stream, error));
}

// What both states have.
export function commonState(options, objectMode, highWaterMark) {
  return {
    objectMode,
    highWaterMark: highWaterMark ?? (objectMode ? 16 : 16 * 1024),
    length: 0,
    errored: null,
    errorEmitted: false,
    destroyed: false,
    closed: false,
    closeEmitted: false,
    autoDestroy: options.autoDestroy !== false,
    emitClose: options.emitClose !== false,
  };
}

// Functions given as options take the place of the methods of those names.
export function takeMethods(stream, options, names) {
  for (const name of names) if (typeof options[name] === 'function') stream[`_${name}`] = options[name];
}

// `construct` runs before anything else; `start` goes on after it.
export function construct(stream, options) {
  takeMethods(stream, options, ['construct', 'destroy']);
  if (options.signal) {
    const abort = () => stream.destroy(abortError(options.signal.reason));
    if (options.signal.aborted) abort();
    else options.signal.addEventListener('abort', abort, { once: true });
  }
  if (typeof stream._construct !== 'function') return;
  for (const state of statesOf(stream)) state.constructing = true;
  nextTick(() => {
    stream._construct(error => {
      for (const state of statesOf(stream)) state.constructing = false;
      if (error) fail(stream, error);
      else stream.emit('fonio:constructed');
    });
  });
}
