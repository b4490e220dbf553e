// Puts the web's and Node's globals in place. The bundle of a package imports this before anything else.

import { AbortController, AbortSignal } from './web/abort.js';
import { atob, btoa } from './web/base64.js';
import { Blob, File } from './web/blob.js';
import { structuredClone } from './web/clone.js';
import { crypto } from './web/crypto.js';
import { CustomEvent, Event, EventTarget } from './web/events.js';
import { DOMException } from './web/exception.js';
import { fetch } from './web/fetch.js';
import { FormData } from './web/form-data.js';
import { Headers } from './web/headers.js';
import { performance } from './web/performance.js';
import {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader,
} from './web/readable-stream.js';
import { Request } from './web/request.js';
import { Response } from './web/response.js';
import { TextDecoder, TextEncoder } from './web/text.js';
import { TextDecoderStream, TextEncoderStream, TransformStream } from './web/transform-stream.js';
import { URL, URLSearchParams } from './web/url.js';
import { WritableStream, WritableStreamDefaultWriter } from './web/writable-stream.js';
import { Buffer } from './node/buffer.js';
import { process } from './node/process.js';
import {
  clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout,
} from './node/timers.js';

const globals = {
  // Of CommonJS modules, each of which has its own in Node: one bundle has one place.
  __dirname: '/',
  __filename: '/adaptor.js',
  AbortController, AbortSignal, atob, Blob, btoa, Buffer, ByteLengthQueuingStrategy, clearImmediate, clearInterval, clearTimeout,
  CountQueuingStrategy, crypto, CustomEvent, DOMException, Event, EventTarget, fetch, File, FormData, global: globalThis, Headers,
  performance, process, ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader, Request, Response,
  setImmediate, setInterval, setTimeout, structuredClone, TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream,
  TransformStream, URL, URLSearchParams, WritableStream, WritableStreamDefaultWriter,
};

// A job may replace them, and does not list them, as everywhere.
for (const name of Object.keys(globals)) {
  Object.defineProperty(globalThis, name, { value: globals[name], writable: true, configurable: true });
}
