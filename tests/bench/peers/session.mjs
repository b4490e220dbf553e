// How `cargo xtask bench` talks to a peer: it writes a number, the peer runs the job that often, one after the other, and
// answers. Lines without the mark are the peer's own logs.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const say = what => process.stdout.write(`bench: ${what}\n`);

/** The job, the state it starts with, and a part of its final state as JSON. */
const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
export const { source, state } = job;
/** The job's only operation, and the package that it comes from. */
export const operation = source.slice(0, source.indexOf('('));
export const adaptor = operation === 'post' ? 'http' : 'common';

const check = result => {
  const text = JSON.stringify(result) ?? '';
  if (!text.includes(job.proof) || result.errors) throw new Error(`the job ended with ${text}`);
};

export const serve = async run => {
  try {
    say('ready');
    for await (const line of createInterface({ input: process.stdin })) {
      for (let runs = Number(line); runs > 0; runs -= 1) {
        check(await run());
      }
      say('done');
    }
    process.exit(0);
  } catch (error) {
    say(`failed ${error.stack}`);
    process.exit(1);
  }
};
