// WritableStream: a writer, `close`, `abort`; one chunk is written after the other.

let sinkOf;
let setLocked;

// Chunks on their way to a sink, in order.
class Sink {
  tail = Promise.resolve();
  waiting = 0;
  state = 'writable';
  closed = Promise.withResolvers();

  constructor(sink, { highWaterMark = 1, size = () => 1 } = {}) {
    this.sink = sink;
    this.highWaterMark = highWaterMark;
    this.size = size;
    this.closed.promise.catch(() => {});
    this.controller = { error: reason => this.fail(reason), signal: undefined };
    this.tail = Promise.resolve(sink.start?.(this.controller));
    this.tail.catch(error => this.fail(error));
  }

  get room() {
    if (this.state === 'errored') return null;
    return this.state === 'closed' ? 0 : this.highWaterMark - this.waiting;
  }

  next(work) {
    this.tail = this.tail.then(async () => {
      if (this.state === 'errored') throw this.error;
      return work();
    });
    this.tail.catch(error => this.fail(error));
    return this.tail;
  }

  write(chunk) {
    if (this.state === 'errored') return Promise.reject(this.error);
    if (this.state !== 'writable') return Promise.reject(new TypeError('Invalid state: WritableStream is closed'));
    const size = this.size(chunk);
    this.waiting += size;
    return this.next(() => this.sink.write?.(chunk, this.controller)).finally(() => {
      this.waiting -= size;
    });
  }

  close() {
    if (this.state !== 'writable') return Promise.reject(new TypeError('Invalid state: WritableStream is closed'));
    this.state = 'closing';
    return this.next(async () => {
      await this.sink.close?.();
      this.state = 'closed';
      this.closed.resolve();
    });
  }

  async abort(reason) {
    if (this.state === 'closed' || this.state === 'errored') return;
    this.fail(reason);
    await this.sink.abort?.(reason);
  }

  fail(error) {
    if (this.state === 'errored' || this.state === 'closed') return;
    this.state = 'errored';
    this.error = error;
    this.closed.reject(error);
  }
}

export class WritableStreamDefaultWriter {
  #stream;

  constructor(stream) {
    if (stream.locked) throw new TypeError('Invalid state: WritableStream is locked');
    this.#stream = stream;
    setLocked(stream, true);
  }

  get closed() {
    return this.#sink.closed.promise;
  }

  get desiredSize() {
    return this.#sink.room;
  }

  get ready() {
    const sink = this.#sink;
    return sink.room > 0 ? Promise.resolve() : sink.tail.then(() => undefined);
  }

  async write(chunk) {
    await this.#sink.write(chunk);
  }

  async close() {
    await this.#sink.close();
  }

  async abort(reason) {
    await this.#sink.abort(reason);
  }

  releaseLock() {
    if (this.#stream) setLocked(this.#stream, false);
    this.#stream = undefined;
  }

  get #sink() {
    if (!this.#stream) throw new TypeError('Invalid state: Writer is not bound to a WritableStream');
    return sinkOf(this.#stream);
  }
}

export class WritableStream {
  #sink;
  #locked = false;

  static {
    sinkOf = stream => stream.#sink;
    setLocked = (stream, locked) => {
      stream.#locked = locked;
    };
  }

  constructor(sink = {}, strategy = {}) {
    this.#sink = new Sink(sink ?? {}, strategy);
  }

  get locked() {
    return this.#locked;
  }

  getWriter() {
    return new WritableStreamDefaultWriter(this);
  }

  async close() {
    if (this.#locked) throw new TypeError('Invalid state: WritableStream is locked');
    await this.#sink.close();
  }

  async abort(reason) {
    if (this.#locked) throw new TypeError('Invalid state: WritableStream is locked');
    await this.#sink.abort(reason);
  }

  get [Symbol.toStringTag]() {
    return 'WritableStream';
  }
}
