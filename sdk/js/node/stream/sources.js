// Readables made of something else, and what the web makes of them.

import { invalidArgType } from '../errors.js';
import { ReadableStream } from '../../web/readable-stream.js';

export function readableFrom(Readable, iterable, options) {
  if (typeof iterable === 'string' || iterable instanceof Uint8Array) {
    return new Readable({
      objectMode: true,
      ...options,
      read() {
        this.push(iterable);
        this.push(null);
      },
    });
  }
  const iterator = iterable?.[Symbol.asyncIterator]?.() ?? iterable?.[Symbol.iterator]?.();
  if (!iterator) throw invalidArgType('iterable', 'an instance of Iterable', iterable);
  let reading = false;
  const readable = new Readable({ objectMode: true, highWaterMark: 1, ...options });
  readable._read = () => {
    if (reading) return;
    reading = true;
    next().catch(error => readable.destroy(error));
  };
  readable._destroy = (error, callback) => {
    Promise.resolve(iterator.return?.()).then(
      () => callback(error),
      failure => callback(error ?? failure),
    );
  };
  async function next() {
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) {
        readable.push(null);
        return;
      }
      const chunk = await value;
      if (chunk === null) throw new TypeError('a stream cannot carry null: it means its end');
      if (!readable.push(chunk)) break;
    }
    reading = false;
  }
  return readable;
}

export function readableFromWeb(Readable, stream, options) {
  return readableFrom(Readable, stream, { objectMode: false, ...options });
}

export function readableToWeb(readable) {
  return ReadableStream.from(readable);
}
