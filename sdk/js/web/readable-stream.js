// ReadableStream: readers, `cancel`, `tee`, `pipeTo`, `pipeThrough`, `from` and async iteration.
//
// A stream of type `bytes` is an ordinary one whose chunks are bytes: there is no reading into one's own buffer (BYOB).

import { Queue } from './queue.js';

export class CountQueuingStrategy {
  constructor({ highWaterMark }) {
    this.highWaterMark = highWaterMark;
    this.size = () => 1;
  }
}

export class ByteLengthQueuingStrategy {
  constructor({ highWaterMark }) {
    this.highWaterMark = highWaterMark;
    this.size = chunk => chunk.byteLength;
  }
}

// What a stream and its reader and controller share: chunks that wait for readers, and readers that wait for chunks.
class Flow {
  chunks = new Queue();
  readers = [];
  queued = 0;
  state = 'readable';
  closing = false;
  pulling = false;
  pullAgain = false;
  started = false;

  constructor(source, { highWaterMark = 1, size = () => 1 } = {}) {
    this.source = source;
    this.highWaterMark = highWaterMark;
    this.size = size;
    this.closed = Promise.withResolvers();
    this.closed.promise.catch(() => {});
    this.controller = new ReadableStreamDefaultController(this);
  }

  start() {
    // What `start` throws, the constructor throws.
    const started = this.source.start?.(this.controller);
    Promise.resolve(started).then(
      () => {
        this.started = true;
        this.pull();
      },
      error => this.fail(error),
    );
  }

  get room() {
    if (this.state === 'errored') return null;
    return this.state === 'closed' ? 0 : this.highWaterMark - this.queued;
  }

  pull() {
    const wanted = this.started && this.state === 'readable' && !this.closing && (this.readers.length > 0 || this.room > 0);
    if (!wanted) return;
    if (this.pulling) {
      this.pullAgain = true;
      return;
    }
    this.pulling = true;
    new Promise(resolve => resolve(this.source.pull?.(this.controller))).then(
      () => {
        this.pulling = false;
        if (!this.pullAgain) return;
        this.pullAgain = false;
        this.pull();
      },
      error => this.fail(error),
    );
  }

  enqueue(chunk) {
    if (this.closing || this.state !== 'readable') throw new TypeError('Invalid state: Controller is already closed');
    const reader = this.readers.shift();
    if (reader) {
      reader.resolve({ value: chunk, done: false });
    } else {
      const size = this.size(chunk);
      this.chunks.push({ chunk, size });
      this.queued += size;
    }
    this.pull();
  }

  read() {
    if (this.chunks.length > 0) {
      const { chunk, size } = this.chunks.shift();
      this.queued -= size;
      if (this.closing && this.chunks.length === 0) this.end();
      else this.pull();
      return Promise.resolve({ value: chunk, done: false });
    }
    if (this.state === 'closed') return Promise.resolve({ value: undefined, done: true });
    if (this.state === 'errored') return Promise.reject(this.error);
    const reader = Promise.withResolvers();
    this.readers.push(reader);
    this.pull();
    return reader.promise;
  }

  close() {
    if (this.closing || this.state !== 'readable') throw new TypeError('Invalid state: Controller is already closed');
    this.closing = true;
    if (this.chunks.length === 0) this.end();
  }

  end() {
    this.state = 'closed';
    for (const reader of this.readers.splice(0)) reader.resolve({ value: undefined, done: true });
    this.closed.resolve();
  }

  fail(error) {
    if (this.state !== 'readable') return;
    this.state = 'errored';
    this.error = error;
    this.chunks = new Queue();
    for (const reader of this.readers.splice(0)) reader.reject(error);
    this.closed.reject(error);
  }

  async cancel(reason) {
    if (this.state === 'errored') throw this.error;
    if (this.state === 'closed') return;
    this.chunks = new Queue();
    this.end();
    await this.source.cancel?.(reason);
  }
}

export class ReadableStreamDefaultController {
  #flow;

  constructor(flow) {
    this.#flow = flow;
  }

  get desiredSize() {
    return this.#flow.room;
  }

  get byobRequest() {
    return null;
  }

  enqueue(chunk) {
    this.#flow.enqueue(chunk);
  }

  close() {
    this.#flow.close();
  }

  error(reason) {
    this.#flow.fail(reason);
  }
}

let flowOf;
let setLocked;

export class ReadableStreamDefaultReader {
  #stream;
  #released = Promise.withResolvers();

  constructor(stream) {
    if (stream.locked) throw new TypeError('Invalid state: ReadableStream is locked');
    this.#stream = stream;
    setLocked(stream, true);
    this.#released.promise.catch(() => {});
  }

  get closed() {
    return Promise.race([this.#released.promise, ...(this.#stream ? [flowOf(this.#stream).closed.promise] : [])]);
  }

  async read() {
    return flowOf(this.#held()).read();
  }

  async cancel(reason) {
    return flowOf(this.#held()).cancel(reason);
  }

  releaseLock() {
    if (!this.#stream) return;
    const error = new TypeError('Invalid state: Releasing reader');
    for (const reader of flowOf(this.#stream).readers.splice(0)) reader.reject(error);
    setLocked(this.#stream, false);
    this.#stream = undefined;
    this.#released.reject(error);
  }

  #held() {
    if (!this.#stream) throw new TypeError('Invalid state: The reader is not attached to a stream');
    return this.#stream;
  }
}

export class ReadableStream {
  #flow;
  #locked = false;

  static {
    flowOf = stream => stream.#flow;
    setLocked = (stream, locked) => {
      stream.#locked = locked;
    };
  }

  constructor(source = {}, strategy = {}) {
    this.#flow = new Flow(source ?? {}, strategy);
    this.#flow.start();
  }

  static from(iterable) {
    const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.();
    if (!iterator) throw new TypeError('ReadableStream.from takes something that can be iterated');
    return new ReadableStream(
      {
        async pull(controller) {
          const { value, done } = await iterator.next();
          if (done) controller.close();
          else controller.enqueue(await value);
        },
        cancel: reason => iterator.return?.(reason),
      },
      { highWaterMark: 0 },
    );
  }

  get locked() {
    return this.#locked;
  }

  getReader({ mode } = {}) {
    if (mode === 'byob') throw new TypeError("reading into one's own buffer (BYOB) is not available in Fonio's sandbox");
    return new ReadableStreamDefaultReader(this);
  }

  async cancel(reason) {
    if (this.#locked) throw new TypeError('Invalid state: ReadableStream is locked');
    return this.#flow.cancel(reason);
  }

  async pipeTo(destination, { preventClose = false, preventAbort = false, preventCancel = false, signal } = {}) {
    const reader = this.getReader();
    const writer = destination.getWriter();
    try {
      for (;;) {
        signal?.throwIfAborted();
        await writer.ready;
        const { value, done } = await reader.read();
        if (done) break;
        await writer.write(value);
      }
      if (!preventClose) await writer.close();
    } catch (error) {
      if (!preventAbort) await writer.abort(error).catch(() => {});
      if (!preventCancel) await reader.cancel(error).catch(() => {});
      throw error;
    } finally {
      reader.releaseLock();
      writer.releaseLock();
    }
  }

  pipeThrough({ readable, writable }, options) {
    this.pipeTo(writable, options).catch(() => {});
    return readable;
  }

  tee() {
    const reader = this.getReader();
    const branches = [];
    let reading;
    const pull = () => {
      reading ??= reader.read().then(
        ({ value, done }) => {
          reading = undefined;
          for (const branch of branches) {
            if (branch.cancelled) continue;
            if (done) branch.controller.close();
            else branch.controller.enqueue(value);
          }
        },
        error => branches.forEach(branch => branch.controller.error(error)),
      );
      return reading;
    };
    const branch = () => {
      const own = { cancelled: false };
      branches.push(own);
      return new ReadableStream({
        start(controller) {
          own.controller = controller;
        },
        pull,
        async cancel(reason) {
          own.cancelled = true;
          if (branches.every(each => each.cancelled)) await reader.cancel(reason);
        },
      });
    };
    return [branch(), branch()];
  }

  async *values({ preventCancel = false } = {}) {
    const reader = this.getReader();
    let ended = false;
    try {
      for (;;) {
        const { value, done } = await reader.read();
        ended = done;
        if (done) return;
        yield value;
      }
    } finally {
      if (!ended && !preventCancel) await reader.cancel().catch(() => {});
      reader.releaseLock();
    }
  }

  [Symbol.asyncIterator](options) {
    return this.values(options);
  }

  get [Symbol.toStringTag]() {
    return 'ReadableStream';
  }
}

