// How chunks come into a Readable and go out of it: what its methods are made of.
//
// `add` takes what a source gives, `take` gives what a reader asks for. `announce` tells that there is something, `flow`
// passes it on by itself while the stream flows, `fetchMore` asks the source, and `end` comes last.

import { Buffer } from '../buffer.js';
import { invalidArgType, plainError } from '../errors.js';
import { nextTick } from './callable.js';
import { fail } from './destroy.js';

function asChunk(state, chunk, encoding) {
  if (state.objectMode) return chunk;
  if (typeof chunk === 'string') return state.encoding === encoding && encoding ? chunk : Buffer.from(chunk, encoding);
  if (chunk instanceof Buffer) return chunk;
  if (ArrayBuffer.isView(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return undefined;
}

export function add(stream, given, encoding, first) {
  const state = stream._readableState;
  if (given === null) {
    state.reading = false;
    finishInput(stream, state);
    return false;
  }
  let chunk = asChunk(state, given, encoding);
  if (chunk === undefined && given !== undefined) {
    fail(stream, invalidArgType('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', given));
    return false;
  }
  const size = state.objectMode ? 1 : (chunk?.length ?? 0);
  if (size === 0) {
    if (!first) state.reading = false;
    readMore(stream, state);
    return roomLeft(state);
  }
  if (first) {
    insert(stream, state, chunk, true);
    return roomLeft(state);
  }
  if (state.ended) {
    fail(stream, plainError('ERR_STREAM_PUSH_AFTER_EOF', 'stream.push() after EOF'));
    return false;
  }
  if (state.destroyed || state.errored) return false;
  state.reading = false;
  if (state.decoder && typeof chunk !== 'string') chunk = state.decoder.write(chunk);
  if (state.objectMode || chunk.length > 0) insert(stream, state, chunk, false);
  else readMore(stream, state);
  return roomLeft(state);
}

const roomLeft = state => !state.ended && (state.length < state.highWaterMark || state.length === 0);

function insert(stream, state, chunk, first) {
  if (!first && state.flowing && state.length === 0 && !state.sync && stream.listenerCount('data') > 0) {
    state.dataEmitted = true;
    stream.emit('data', chunk);
  } else {
    state.length += state.objectMode ? 1 : chunk.length;
    if (first) state.buffer.unshift(chunk);
    else state.buffer.push(chunk);
    if (state.needReadable) announce(stream);
  }
  readMore(stream, state);
}

function finishInput(stream, state) {
  if (state.ended) return;
  const rest = state.decoder?.end();
  if (rest) {
    state.buffer.push(rest);
    state.length += state.objectMode ? 1 : rest.length;
  }
  state.ended = true;
  if (state.sync) {
    announce(stream);
  } else {
    state.needReadable = false;
    state.emittedReadable = true;
    emitReadable(stream);
  }
}

// How much a call of `read` gets.
export function available(state, wanted) {
  if (wanted <= 0 || (state.length === 0 && state.ended)) return 0;
  if (state.objectMode) return 1;
  if (Number.isNaN(wanted)) return state.flowing && state.length > 0 ? state.buffer.first.length : state.length;
  if (wanted <= state.length) return wanted;
  return state.ended ? state.length : 0;
}

export function wantsMore(state, wanted) {
  const low = state.needReadable || state.length === 0 || state.length - wanted < state.highWaterMark;
  return low && !state.ended && !state.reading && !state.destroyed && !state.errored && !state.constructing;
}

export function fetchMore(stream, state) {
  state.reading = true;
  state.sync = true;
  if (state.length === 0) state.needReadable = true;
  try {
    stream._read(state.highWaterMark);
  } catch (error) {
    fail(stream, error);
  }
  state.sync = false;
}

export function take(state, wanted) {
  if (state.length === 0) return null;
  if (state.objectMode) return state.buffer.shift();
  const head = state.buffer.first;
  if (wanted === head.length) return state.buffer.shift();
  if (wanted < head.length) {
    state.buffer.first = head.slice(wanted);
    return head.slice(0, wanted);
  }
  const chunks = state.buffer.drain();
  const whole = state.decoder ? chunks.join('') : Buffer.concat(chunks);
  const rest = whole.slice(wanted);
  if (rest.length > 0) state.buffer.push(rest);
  return whole.slice(0, wanted);
}

export function announce(stream) {
  const state = stream._readableState;
  state.needReadable = false;
  if (state.emittedReadable) return;
  state.emittedReadable = true;
  nextTick(emitReadable, stream);
}

function emitReadable(stream) {
  const state = stream._readableState;
  if (!state.destroyed && !state.errored && (state.length > 0 || state.ended)) {
    stream.emit('readable');
    state.emittedReadable = false;
  }
  state.needReadable = !state.flowing && !state.ended && state.length <= state.highWaterMark;
  flow(stream);
}

function readMore(stream, state) {
  if (state.readingMore || state.constructing) return;
  state.readingMore = true;
  nextTick(() => {
    const more = () => state.length < state.highWaterMark || (state.flowing && state.length === 0);
    while (!state.reading && !state.ended && more()) {
      const before = state.length;
      stream.read(0);
      if (before === state.length) break;
    }
    state.readingMore = false;
  });
}

export function scheduleResume(stream, state) {
  if (state.resumeScheduled) return;
  state.resumeScheduled = true;
  nextTick(() => {
    if (!state.reading) stream.read(0);
    state.resumeScheduled = false;
    stream.emit('resume');
    flow(stream);
    if (state.flowing && !state.reading) stream.read(0);
  });
}

function flow(stream) {
  const state = stream._readableState;
  while (state.flowing && stream.read() !== null);
}

export function stopListening(stream) {
  const state = stream._readableState;
  state.readableListening = stream.listenerCount('readable') > 0;
  if (state.resumeScheduled && state.paused === false) state.flowing = true;
  else if (stream.listenerCount('data') > 0) stream.resume();
  else if (!state.readableListening) state.flowing = null;
}

export function end(stream) {
  const state = stream._readableState;
  if (state.endEmitted) return;
  state.ended = true;
  nextTick(() => {
    if (state.errored || state.closeEmitted || state.endEmitted || state.length > 0) return;
    state.endEmitted = true;
    stream.emit('end');
    const writing = stream._writableState;
    if (writing && stream.allowHalfOpen === false) {
      if (!writing.ending && !writing.destroyed) stream.end();
    } else if (state.autoDestroy && (!writing || (writing.autoDestroy && (writing.finished || writing.writable === false)))) {
      stream.destroy();
    }
  });
}
