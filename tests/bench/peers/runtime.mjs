// The three jobs on @openfn/runtime, in one process. As OpenFn's own worker does, each run loads its modules afresh.

import { resolve } from 'node:path';
import run from '@openfn/runtime';
import { adaptor, operation, serve, source, state } from './session.mjs';

const name = `@openfn/language-${adaptor}`;
const modules = { [name]: { path: resolve('node_modules', name) } };
const expression = `import { ${operation} } from '${name}';\nexport default [${source.trim().replace(/;$/, '')}];`;

let number = 0;
await serve(() => {
  number += 1;
  return run(expression, structuredClone(state), { linker: { modules, cacheKey: `run-${number}` } });
});
