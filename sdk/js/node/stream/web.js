// node:stream/web: what the globals of these names are.

export {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader,
} from '../../web/readable-stream.js';
export { TextDecoderStream, TextEncoderStream, TransformStream } from '../../web/transform-stream.js';
export { WritableStream, WritableStreamDefaultWriter } from '../../web/writable-stream.js';
