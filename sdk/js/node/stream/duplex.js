// Duplex, Transform and PassThrough.

import { plainError } from '../errors.js';
import { callable } from './callable.js';
import { Stream, construct, takeMethods } from './destroy.js';
import { Readable, bare, beginReadable } from './readable.js';
import { beginWritable, hidden, writing } from './writable.js';

function beginDuplex(stream, options) {
  const given = options ?? {};
  beginReadable(stream, given);
  beginWritable(stream, given);
  stream.allowHalfOpen = given.allowHalfOpen !== false;
  if (given.readable === false) {
    Object.assign(stream._readableState, { readable: false, ended: true, endEmitted: true });
  }
  if (given.writable === false) {
    Object.assign(stream._writableState, { writable: false, ending: true, ended: true, finished: true });
  }
}

class DuplexClass extends Readable {
  constructor(options) {
    super(bare);
    beginDuplex(this, options);
    construct(this, options ?? {});
  }

  static from(source, options) {
    const readable = Readable.from(source, options);
    const duplex = new Duplex({ objectMode: true, writable: false, read: () => readable.resume() });
    readable.on('data', chunk => duplex.push(chunk) || readable.pause());
    readable.on('end', () => duplex.push(null));
    readable.on('error', error => duplex.destroy(error));
    return duplex;
  }
}
Object.defineProperties(DuplexClass.prototype, hidden(writing));

export const Duplex = callable(DuplexClass, (self, options) => {
  Stream.call(self);
  beginDuplex(self, options);
  construct(self, options ?? {});
});

// The writer's callback, while the reader is full.
const kHeld = Symbol('held');

function beginTransform(stream, options) {
  takeMethods(stream, options ?? {}, ['transform', 'flush']);
  stream[kHeld] = null;
  // What is made before anybody reads goes out at once to who listens.
  stream._readableState.sync = false;
  stream.on('prefinish', () => {
    // Of a stream with a `_final` of its own, which did not flush.
    if (stream._final !== TransformClass.prototype._final) flush(stream, error => error && stream.destroy(error));
  });
}

class TransformClass extends Duplex {
  constructor(options) {
    super(options);
    beginTransform(this, options);
  }

  _transform() {
    throw plainError('ERR_METHOD_NOT_IMPLEMENTED', 'The _transform() method is not implemented');
  }

  _write(chunk, encoding, callback) {
    const reading = this._readableState;
    const before = reading.length;
    this._transform(chunk, encoding, (error, value) => {
      if (error) {
        callback(error);
        return;
      }
      if (value !== undefined && value !== null) this.push(value);
      const room = this._writableState.ended || reading.length === before || reading.length < reading.highWaterMark;
      if (room) callback();
      else this[kHeld] = callback;
    });
  }

  _read() {
    const held = this[kHeld];
    this[kHeld] = null;
    held?.();
  }

  _final(callback) {
    flush(this, callback);
  }
}

function flush(stream, callback) {
  if (typeof stream._flush !== 'function' || stream.destroyed) {
    if (!stream.destroyed) stream.push(null);
    callback();
    return;
  }
  stream._flush((error, value) => {
    if (error) {
      callback(error);
      return;
    }
    if (value !== undefined && value !== null) stream.push(value);
    stream.push(null);
    callback();
  });
}

export const Transform = callable(TransformClass, (self, options) => {
  Duplex.call(self, options);
  beginTransform(self, options);
});

export const PassThrough = callable(
  class PassThrough extends Transform {
    _transform(chunk, encoding, callback) {
      callback(null, chunk);
    }
  },
  (self, options) => Transform.call(self, options),
);
