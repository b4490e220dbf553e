// One job: its operations are collected while its module is evaluated, then run one after another over the state.

import { level } from 'fonio/host';
import { write } from 'fonio/console';
import { describe } from 'fonio/errors';
import { safeJson } from 'fonio/inspect';
import { startRun } from 'fonio/cursor';
import { packageExecute } from 'fonio/package';

// As they were before the job could replace them.
const { stringify } = JSON;
const { deleteProperty } = Reflect;

const thunks = [];
let initial;

// What runs now: the state that it received, and where it stands in the job.
let input;
let place;

// The compiled module calls this in the place of each top-level call of the author's code.
export function collect(thunk, line) {
  thunks.push({ thunk, line, place: new Error().stack });
}

// `.then` and `.catch` on an operation. `chain` gets the promise of the operation's result; `onError` gets
// `(error, state)`, state being what the operation received.
export function defer(operation, chain = promise => promise, onError) {
  return async state => {
    try {
      return await chain(Promise.resolve(operation).then(run => run(state)));
    } catch (error) {
      if (!onError) throw error;
      return onError(error, state);
    }
  };
}

// Adaptors give `references` and `data` before the first operation; the common operations alone do not.
export function begin(state, withAdaptor) {
  initial = withAdaptor && isRecord(state) ? { references: [], data: null, ...state } : state;
  input = initial;
  globalThis.state = initial;
  startRun();
}

export async function execute(evaluation, namespace) {
  try {
    await evaluation;
    return { state: finalJson(await runAll(await operationsOf(namespace))) };
  } catch (error) {
    return failed(error);
  }
}

export function stuck() {
  return failed(new Error('the job waits for a promise that nothing will settle'));
}

export function failed(thrown) {
  return { error: { ...describe(thrown), place, state: stateJson(input) } };
}

async function operationsOf(namespace) {
  if ('default' in namespace) {
    const exported = await namespace.default;
    const operations = Array.isArray(exported) ? exported : [exported];
    if (operations.length > 0 || thunks.length === 0) {
      const settled = await Promise.all(operations);
      return settled.map((operation, at) => ({ operation: checked(operation, `part ${at + 1} of the default export`) }));
    }
  }
  const operations = [];
  for (const { thunk, line, place: stands } of thunks) {
    place = stands;
    operations.push({ operation: checked(await thunk(), `the statement at line ${line}`), line, place });
  }
  return operations;
}

function checked(operation, what) {
  if (typeof operation === 'function') return operation;
  throw new TypeError(`${what} is not an operation: wrap it in fn(state => { ... }) to run it in its turn`);
}

async function runAll(operations) {
  const steps = operations.map((operation, at) => step(operation, at, at + 1 === operations.length));
  const execute = packageExecute();
  if (execute) return execute(...steps)(initial);
  let state = initial;
  for (const run of steps) state = await run(state);
  return state;
}

function step({ operation, line, place: stands }, at, isLast) {
  return async state => {
    input = state;
    place = stands;
    const next = await operation(state);
    if (next || isLast) return next;
    const which = line === undefined ? `operation ${at + 1}` : `the operation at line ${line}`;
    write(level.warn, [`${which} returned no state, so the next one starts with {}: is a return missing?`]);
    return {};
  };
}

function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// Taken off the state itself, not off a copy: a state that contains itself would bring them back. Only at a run's end.
function without(state, ...keys) {
  if (!isRecord(state) || !keys.some(key => key in state)) return state;
  if (keys.every(key => deleteProperty(state, key))) return state;
  const rest = { ...state };
  for (const key of keys) deleteProperty(rest, key);
  return rest;
}

// Nothing and a function are no state; every other value is kept as JSON has it.
function finalJson(state) {
  if (typeof state === 'function') {
    write(level.warn, ['the job ended with a function instead of a state: {} is kept']);
    return '{}';
  }
  return toJson(without(state, 'configuration', 'response')) ?? '{}';
}

function stateJson(state) {
  try {
    return toJson(without(state, 'configuration'));
  } catch {
    return undefined;
  }
}

// The plain way is the fast one; only a cycle or a BigInt makes it throw.
function toJson(value) {
  try {
    return stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return safeJson(value);
  }
}
