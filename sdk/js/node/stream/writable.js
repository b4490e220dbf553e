// Writable: one chunk after the other, `cork`, `writev`, `final`.

import { Buffer } from '../buffer.js';
import { Queue } from '../../web/queue.js';
import { isEncoding } from '../encodings.js';
import { invalidArgType, plainError, typeError } from '../errors.js';
import { callable, nextTick } from './callable.js';
import { Stream, commonState, construct, fail, takeMethods } from './destroy.js';

export function beginWritable(stream, options) {
  const given = options ?? {};
  const objectMode = Boolean(given.objectMode || given.writableObjectMode);
  stream._writableState = {
    ...commonState(given, objectMode, given.writableHighWaterMark ?? given.highWaterMark),
    decodeStrings: given.decodeStrings !== false,
    defaultEncoding: given.defaultEncoding ?? 'utf8',
    buffered: new Queue(),
    writing: false,
    corked: 0,
    ending: false,
    ended: false,
    finalCalled: false,
    finished: false,
    needDrain: false,
    whenFinished: [],
    // Entries that were written while `write` had not returned: told so together, a moment later.
    toTell: [],
  };
  takeMethods(stream, given, ['write', 'writev', 'final']);
  stream.once('fonio:constructed', () => {
    writeBuffered(stream, stream._writableState);
    finishMaybe(stream, stream._writableState);
  });
}

// What a Writable is, as members that Duplex takes too.
export const writing = {
  write(chunk, encoding, callback) {
    if (typeof encoding === 'function') return this.write(chunk, undefined, encoding);
    return add(this, chunk, encoding, callback ?? (() => {})) === true;
  },

  _write(chunk, encoding, callback) {
    if (!this._writev) throw plainError('ERR_METHOD_NOT_IMPLEMENTED', 'The _write() method is not implemented');
    this._writev([{ chunk, encoding }], callback);
  },

  end(chunk, encoding, callback) {
    if (typeof chunk === 'function') return this.end(undefined, undefined, chunk);
    if (typeof encoding === 'function') return this.end(chunk, undefined, encoding);
    const state = this._writableState;
    const failed = chunk === undefined || chunk === null ? true : add(this, chunk, encoding, () => {});
    state.corked = 0;
    writeBuffered(this, state);
    let error = failed instanceof Error ? failed : undefined;
    if (!error && !state.errored && !state.ending) {
      state.ending = true;
      finishMaybe(this, state);
      state.ended = true;
    } else if (state.finished) {
      error ??= plainError('ERR_STREAM_ALREADY_FINISHED', 'Cannot call end after a stream was finished');
    } else if (state.destroyed) {
      error ??= destroyed('end');
    }
    if (typeof callback === 'function') {
      if (error || state.finished) nextTick(callback, error);
      else state.whenFinished.push(callback);
    }
    return this;
  },

  cork() {
    this._writableState.corked += 1;
  },

  uncork() {
    const state = this._writableState;
    if (state.corked === 0) return;
    state.corked -= 1;
    if (!state.writing) writeBuffered(this, state);
  },

  setDefaultEncoding(encoding) {
    if (!isEncoding(encoding)) throw typeError('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`);
    this._writableState.defaultEncoding = encoding;
    return this;
  },

  get writable() {
    const { writable, destroyed: gone, errored, ending, ended } = this._writableState;
    return writable !== false && !gone && !errored && !ending && !ended;
  },

  set writable(writable) {
    if (this._writableState) this._writableState.writable = Boolean(writable);
  },

  get writableEnded() {
    return this._writableState.ending;
  },

  get writableFinished() {
    return this._writableState.finished;
  },

  get writableLength() {
    return this._writableState.length;
  },

  get writableHighWaterMark() {
    return this._writableState.highWaterMark;
  },

  get writableObjectMode() {
    return this._writableState.objectMode;
  },

  get writableCorked() {
    return this._writableState.corked;
  },

  get writableNeedDrain() {
    const { needDrain, destroyed: gone, ending } = this._writableState;
    return needDrain && !gone && !ending;
  },
};

class WritableClass extends Stream {
  constructor(options) {
    super();
    beginWritable(this, options);
    construct(this, options ?? {});
  }

  pipe() {
    fail(this, plainError('ERR_STREAM_CANNOT_PIPE', 'Cannot pipe, not readable'));
  }

  // Whatever can be written to counts, a Duplex above all.
  static [Symbol.hasInstance](value) {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    return this === Writable && Boolean(value?._writableState);
  }
}
Object.defineProperties(WritableClass.prototype, hidden(writing));

export function hidden(members) {
  const descriptors = Object.getOwnPropertyDescriptors(members);
  for (const name of Object.keys(descriptors)) descriptors[name].enumerable = false;
  return descriptors;
}

export const Writable = callable(WritableClass, (self, options) => {
  Stream.call(self);
  beginWritable(self, options);
  construct(self, options ?? {});
});
Object.defineProperty(Writable, Symbol.hasInstance, {
  value: Object.getOwnPropertyDescriptor(WritableClass, Symbol.hasInstance).value,
});

const destroyed = what => plainError('ERR_STREAM_DESTROYED', `Cannot call ${what} after a stream was destroyed`);

function asChunk(state, chunk, encoding) {
  if (chunk === null) throw typeError('ERR_STREAM_NULL_VALUES', 'May not write null values to stream');
  if (state.objectMode) return { chunk, encoding };
  if (typeof chunk === 'string') {
    return state.decodeStrings ? { chunk: Buffer.from(chunk, encoding), encoding: 'buffer' } : { chunk, encoding };
  }
  if (chunk instanceof Buffer) return { chunk, encoding: 'buffer' };
  if (ArrayBuffer.isView(chunk)) return { chunk: Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), encoding: 'buffer' };
  throw invalidArgType('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', chunk);
}

// True if there is room for more, false if not, an error if it was refused.
function add(stream, given, givenEncoding, callback) {
  const state = stream._writableState;
  const entry = asChunk(state, given, givenEncoding || state.defaultEncoding);
  entry.callback = callback;
  const refused = state.ending
    ? plainError('ERR_STREAM_WRITE_AFTER_END', 'write after end')
    : state.destroyed ? destroyed('write') : undefined;
  if (refused) {
    nextTick(callback, refused);
    fail(stream, refused);
    return refused;
  }
  state.length += sizeOf(state, entry);
  const room = state.length < state.highWaterMark;
  if (!room) state.needDrain = true;
  state.buffered.push(entry);
  if (!state.writing) writeBuffered(stream, state);
  return room && !state.errored && !state.destroyed;
}

const sizeOf = (state, { chunk }) => (state.objectMode ? 1 : chunk.length);

// What waits, one entry at a time; or all at once, if the stream takes it so.
function writeBuffered(stream, state) {
  if (state.writing || state.corked > 0 || state.destroyed || state.errored || state.constructing) return;
  if (state.buffered.length === 0) return;
  const entries = state.buffered.length > 1 && stream._writev ? state.buffered.drain() : [state.buffered.shift()];
  state.writing = true;
  let sync = true;
  const done = error => {
    if (!state.writing) {
      fail(stream, plainError('ERR_MULTIPLE_CALLBACK', 'Callback called multiple times'));
      return;
    }
    state.writing = false;
    state.length -= entries.reduce((sum, entry) => sum + sizeOf(state, entry), 0);
    if (error) {
      broken(stream, state, entries, error);
      return;
    }
    if (sync) {
      if (state.toTell.length === 0) nextTick(tellWritten, stream, state);
      state.toTell.push(...entries);
      return;
    }
    writeBuffered(stream, state);
    written(stream, state, entries);
  };
  if (entries.length > 1) stream._writev(entries, done);
  else stream._write(entries[0].chunk, entries[0].encoding, done);
  sync = false;
  if (!state.writing && state.buffered.length > 0) writeBuffered(stream, state);
}

function tellWritten(stream, state) {
  const entries = state.toTell;
  state.toTell = [];
  written(stream, state, entries);
}

function written(stream, state, entries) {
  if (!state.ending && !state.destroyed && state.length === 0 && state.needDrain) {
    state.needDrain = false;
    stream.emit('drain');
  }
  for (const { callback } of entries) callback(null);
  finishMaybe(stream, state);
}

function broken(stream, state, entries, error) {
  state.errored ??= error;
  nextTick(() => {
    for (const { callback } of [...entries, ...state.buffered.drain()]) callback(error);
    for (const callback of state.whenFinished.splice(0)) callback(error);
  });
  fail(stream, error);
}

function finishMaybe(stream, state) {
  const ready = state.ending && !state.finalCalled && !state.destroyed && !state.errored && !state.constructing;
  if (!ready || state.length > 0 || state.writing || state.buffered.length > 0) return;
  state.finalCalled = true;
  if (typeof stream._final !== 'function') {
    stream.emit('prefinish');
    nextTick(finish, stream, state);
    return;
  }
  let called = false;
  const done = error => {
    if (called) return;
    called = true;
    if (error) {
      broken(stream, state, [], error);
      return;
    }
    stream.emit('prefinish');
    nextTick(finish, stream, state);
  };
  try {
    stream._final(done);
  } catch (error) {
    done(error);
  }
}

function finish(stream, state) {
  if (state.finished || state.errored || state.destroyed) return;
  state.finished = true;
  for (const callback of state.whenFinished.splice(0)) callback();
  stream.emit('finish');
  const reading = stream._readableState;
  if (state.autoDestroy && (!reading || (reading.autoDestroy && (reading.endEmitted || reading.readable === false)))) {
    stream.destroy();
  }
}
