// node:stream/promises.

import { finished as finishedWith } from './finished.js';
import { run } from './pipeline.js';

const isOptions = value =>
  typeof value === 'object' && value !== null && !value.pipe && !value.write && !value[Symbol.asyncIterator] && !value[Symbol.iterator];

export async function pipeline(...stages) {
  const options = isOptions(stages.at(-1)) ? stages.pop() : {};
  return run(stages, options);
}

export function finished(stream, options = {}) {
  return new Promise((resolve, reject) => {
    finishedWith(stream, options, error => (error ? reject(error) : resolve()));
  });
}

export default { finished, pipeline };
