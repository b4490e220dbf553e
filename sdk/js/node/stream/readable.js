// Readable: flowing and paused, `pipe`, async iteration, `from`, `toWeb`, `fromWeb`, `toArray`.
//
// Not there: the other iterator helpers (`map`, `filter`…), `wrap`, `compose`.

import { plainError } from '../errors.js';
import { Queue } from '../../web/queue.js';
import { StringDecoder } from '../string-decoder.js';
import { callable, nextTick } from './callable.js';
import { Stream, commonState, construct, takeMethods } from './destroy.js';
import { add, announce, available, end, fetchMore, scheduleResume, stopListening, take, wantsMore } from './flow.js';
import { iterate } from './iterate.js';
import { pipe, unpipe } from './pipe.js';
import { readableFrom, readableFromWeb, readableToWeb } from './sources.js';

export function beginReadable(stream, options) {
  const given = options ?? {};
  const objectMode = Boolean(given.objectMode || given.readableObjectMode);
  stream._readableState = {
    ...commonState(given, objectMode, given.readableHighWaterMark ?? given.highWaterMark),
    buffer: new Queue(),
    flowing: null,
    ended: false,
    endEmitted: false,
    reading: false,
    sync: true,
    needReadable: false,
    emittedReadable: false,
    readableListening: false,
    resumeScheduled: false,
    readingMore: false,
    dataEmitted: false,
    pipes: [],
    waitingFor: new Set(),
    decoder: null,
    encoding: null,
  };
  if (given.encoding) stream.setEncoding(given.encoding);
  takeMethods(stream, given, ['read']);
}

// In the place of options, from Duplex: which begins both of its sides itself.
export const bare = Symbol('bare');

class ReadableClass extends Stream {
  constructor(options) {
    super();
    if (options === bare) return;
    beginReadable(this, options);
    construct(this, options ?? {});
  }

  push(chunk, encoding) {
    return add(this, chunk, encoding, false);
  }

  unshift(chunk, encoding) {
    return add(this, chunk, encoding, true);
  }

  read(size) {
    const state = this._readableState;
    let wanted = size === undefined ? NaN : Math.trunc(size);
    if (wanted !== 0) state.emittedReadable = false;
    if (wanted === 0 && state.needReadable && (state.length >= Math.max(1, state.highWaterMark) || state.ended)) {
      if (state.length === 0 && state.ended) end(this);
      else announce(this);
      return null;
    }
    const asked = wanted;
    wanted = available(state, asked);
    if (wanted === 0 && state.ended) {
      if (state.length === 0) end(this);
      return null;
    }
    if (wantsMore(state, wanted)) {
      fetchMore(this, state);
      if (!state.reading) wanted = available(state, asked);
    }
    const chunk = wanted > 0 ? take(state, wanted) : null;
    if (chunk === null) {
      state.needReadable = state.length <= state.highWaterMark;
    } else {
      state.length -= state.objectMode ? 1 : chunk.length;
    }
    if (state.length === 0) {
      if (!state.ended) state.needReadable = true;
      else if (asked !== wanted) end(this);
    }
    if (chunk !== null && !state.errored && !state.closeEmitted) {
      state.dataEmitted = true;
      this.emit('data', chunk);
    }
    return chunk;
  }

  _read() {
    throw plainError('ERR_METHOD_NOT_IMPLEMENTED', 'The _read() method is not implemented');
  }

  pause() {
    const state = this._readableState;
    if (state.flowing !== false) {
      state.flowing = false;
      this.emit('pause');
    }
    state.paused = true;
    return this;
  }

  resume() {
    const state = this._readableState;
    if (!state.flowing) {
      state.flowing = !state.readableListening;
      scheduleResume(this, state);
    }
    state.paused = false;
    return this;
  }

  isPaused() {
    return this._readableState.paused === true || this._readableState.flowing === false;
  }

  setEncoding(encoding) {
    const state = this._readableState;
    state.decoder = new StringDecoder(encoding);
    state.encoding = state.decoder.encoding;
    const text = state.buffer.drain().map(chunk => state.decoder.write(chunk)).join('');
    if (text !== '') state.buffer.push(text);
    state.length = text.length;
    return this;
  }

  on(name, listener) {
    super.on(name, listener);
    const state = this._readableState;
    if (name === 'data') {
      state.readableListening = this.listenerCount('readable') > 0;
      if (state.flowing !== false) this.resume();
    } else if (name === 'readable' && !state.endEmitted && !state.readableListening) {
      state.readableListening = true;
      state.needReadable = true;
      state.flowing = false;
      state.emittedReadable = false;
      if (state.length > 0) announce(this);
      else if (!state.reading) nextTick(() => this.read(0));
    }
    return this;
  }

  addListener(name, listener) {
    return this.on(name, listener);
  }

  removeListener(name, listener) {
    super.removeListener(name, listener);
    if (name === 'readable') nextTick(stopListening, this);
    return this;
  }

  off(name, listener) {
    return this.removeListener(name, listener);
  }

  removeAllListeners(name) {
    super.removeAllListeners(name);
    if (name === 'readable' || name === undefined) nextTick(stopListening, this);
    return this;
  }

  pipe(destination, options) {
    return pipe(this, destination, options);
  }

  unpipe(destination) {
    return unpipe(this, destination);
  }

  iterator(options) {
    return iterate(this, options);
  }

  [Symbol.asyncIterator]() {
    return iterate(this);
  }

  async toArray() {
    return Array.fromAsync(this);
  }

  get readable() {
    const { readable, destroyed, errorEmitted, endEmitted } = this._readableState;
    return readable !== false && !destroyed && !errorEmitted && !endEmitted;
  }

  set readable(readable) {
    if (this._readableState) this._readableState.readable = Boolean(readable);
  }

  get readableEnded() {
    return this._readableState.endEmitted;
  }

  get readableFlowing() {
    return this._readableState.flowing;
  }

  get readableLength() {
    return this._readableState.length;
  }

  get readableHighWaterMark() {
    return this._readableState.highWaterMark;
  }

  get readableObjectMode() {
    return this._readableState.objectMode;
  }

  get readableEncoding() {
    return this._readableState.encoding;
  }

  get readableAborted() {
    const { destroyed, errored, endEmitted } = this._readableState;
    return (destroyed || Boolean(errored)) && !endEmitted;
  }

  get readableDidRead() {
    return this._readableState.dataEmitted;
  }

  static from(iterable, options) {
    return readableFrom(Readable, iterable, options);
  }

  static fromWeb(stream, options) {
    return readableFromWeb(Readable, stream, options);
  }

  static toWeb(stream) {
    return readableToWeb(stream);
  }
}

export const Readable = callable(ReadableClass, (self, options) => {
  Stream.call(self);
  beginReadable(self, options);
  construct(self, options ?? {});
});
