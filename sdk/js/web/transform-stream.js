// TransformStream, and the two that the web makes of it for text.

import { ReadableStream } from './readable-stream.js';
import { TextDecoder, encodeUtf8 } from './text.js';
import { WritableStream } from './writable-stream.js';

export class TransformStream {
  #readable;
  #writable;

  constructor(transformer = {}, writableStrategy = {}, readableStrategy = { highWaterMark: 0 }) {
    let out;
    let wanted = Promise.withResolvers();
    this.#readable = new ReadableStream(
      {
        start(controller) {
          out = controller;
        },
        pull() {
          wanted.resolve();
        },
        cancel(reason) {
          wanted.resolve();
          return transformer.cancel?.(reason);
        },
      },
      readableStrategy,
    );
    const controller = {
      get desiredSize() {
        return out.desiredSize;
      },
      enqueue(chunk) {
        // Whoever waits for more asks again at once, through `pull`.
        wanted = Promise.withResolvers();
        out.enqueue(chunk);
      },
      error: reason => out.error(reason),
      terminate: () => out.close(),
    };
    const guarded = async work => {
      try {
        return await work();
      } catch (error) {
        out.error(error);
        throw error;
      }
    };
    const transform = transformer.transform?.bind(transformer) ?? ((chunk, to) => to.enqueue(chunk));
    this.#writable = new WritableStream(
      {
        start: () => transformer.start?.(controller),
        write: chunk =>
          guarded(async () => {
            // Nothing is made before somebody wants it: that is what holds the writer back.
            await wanted.promise;
            await transform(chunk, controller);
          }),
        close: () =>
          guarded(async () => {
            await transformer.flush?.(controller);
            if (out.desiredSize !== null) out.close();
          }),
        abort: reason => out.error(reason),
      },
      writableStrategy,
    );
  }

  get readable() {
    return this.#readable;
  }

  get writable() {
    return this.#writable;
  }
}

export class TextEncoderStream extends TransformStream {
  constructor() {
    super({ transform: (text, to) => to.enqueue(encodeUtf8(text)) });
  }

  get encoding() {
    return 'utf-8';
  }
}

export class TextDecoderStream extends TransformStream {
  #decoder;

  constructor(label, options) {
    const decoder = new TextDecoder(label, options);
    const pass = (text, to) => text !== '' && to.enqueue(text);
    super({
      transform: (bytes, to) => pass(decoder.decode(bytes, { stream: true }), to),
      flush: to => pass(decoder.decode(), to),
    });
    this.#decoder = decoder;
  }

  get encoding() {
    return this.#decoder.encoding;
  }
}
