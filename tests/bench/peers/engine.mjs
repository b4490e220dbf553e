// The three jobs on @openfn/engine-multi: each run in a thread of its own, in a process that the engine keeps.

import { resolve } from 'node:path';
import createEngine from '@openfn/engine-multi';
import { adaptor, serve, source, state } from './session.mjs';

const version = { common: '3.3.4', http: '7.2.10' }[adaptor];
const quiet = new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : () => {}) });
const engine = await createEngine({
  repoDir: resolve('.'),
  logger: quiet,
  autoinstall: { skipRepoValidation: true, handleIsInstalled: async () => true },
});

let number = 0;
await serve(() => {
  number += 1;
  const { configuration, ...input } = structuredClone(state);
  const step = { id: 'job', expression: source, adaptors: [`@openfn/language-${adaptor}@${version}`], configuration };
  const plan = { id: `run-${number}`, workflow: { steps: [step] }, options: {} };
  return new Promise((done, failed) => {
    engine.listen(plan.id, {
      'workflow-complete': event => done(event.state),
      'workflow-error': event => failed(new Error(event.message)),
    });
    engine.execute(plan, input);
  });
});
