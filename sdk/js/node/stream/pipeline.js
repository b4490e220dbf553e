// `pipeline`: streams, iterables and functions of iterables, one after the other, until the last is done or one breaks.

import { abortError, invalidArgType } from '../errors.js';
import { finished } from './finished.js';
import { Readable } from './readable.js';

const isStream = value => typeof value?.on === 'function' && typeof value.pipe === 'function';
const asIterable = value => (isStream(value) ? Readable.prototype[Symbol.asyncIterator].call(value) : value);

export function pipeline(...stages) {
  const callback = stages.pop();
  if (typeof callback !== 'function') throw invalidArgType('streams[stream.length - 1]', 'of type function', callback);
  const list = stages.length === 1 && Array.isArray(stages[0]) ? stages[0] : stages;
  run(list, {}).then(value => callback(undefined, value), callback);
  return list.at(-1);
}

export async function run(stages, { signal, end = true }) {
  const streams = stages.filter(isStream);
  const ends = stages.flatMap((stage, at) => {
    if (!isStream(stage)) return [];
    const last = at === stages.length - 1;
    return [ended(stage, { readable: !last && Boolean(stage._readableState), writable: at > 0 })];
  });
  const abort = () => streams.forEach(stream => stream.destroy(abortError(signal.reason)));
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const flow = Promise.resolve(connect(stages, { signal, end }));
    const [value] = await Promise.all([flow, ...ends]);
    return value;
  } catch (error) {
    const reason = signal?.aborted ? abortError(signal.reason) : error;
    for (const stream of streams) {
      stream.on('error', () => {});
      stream.destroy(reason);
    }
    throw reason;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function ended(stream, options) {
  return new Promise((resolve, reject) => {
    finished(stream, options, error => (error ? reject(error) : resolve()));
  });
}

// Gives what the last stage gives, if that is a function.
function connect(stages, { signal, end }) {
  const [first, ...rest] = stages;
  let current = typeof first === 'function' ? first({ signal }) : first;
  for (const stage of rest) {
    if (typeof stage === 'function') {
      current = stage(asIterable(current), { signal });
    } else {
      const source = isStream(current) ? current : Readable.from(current);
      if (source !== current) source.on('error', error => stage.destroy(error));
      current = source.pipe(stage, { end });
    }
  }
  return typeof stages.at(-1) === 'function' ? current : undefined;
}
