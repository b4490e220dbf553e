// node:assert. Messages are shorter than Node's; `AssertionError` has the same fields.

import { isDeepEqual, isDeepStrictEqual } from './compare.js';
import { inspect } from './inspect.js';

export class AssertionError extends Error {
  constructor({ message, actual, expected, operator }) {
    super(message ?? `${inspect(actual)} ${operator} ${inspect(expected)}`);
    this.name = 'AssertionError';
    this.code = 'ERR_ASSERTION';
    this.generatedMessage = message === undefined;
    Object.assign(this, { actual, expected, operator });
  }
}

function demand(holds, message, fields) {
  if (holds) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ message, ...fields });
}

export function assert(value, message) {
  demand(value, message ?? 'The expression evaluated to a falsy value', { actual: value, expected: true, operator: '==' });
}

const comparison = (operator, holds) => (actual, expected, message) =>
  demand(holds(actual, expected), message, { actual, expected, operator });

const matchesExpectation = (error, expected) => {
  if (expected === undefined) return true;
  if (expected instanceof RegExp) return expected.test(String(error));
  if (typeof expected !== 'function') return Object.keys(expected).every(key => isDeepStrictEqual(error[key], expected[key]));
  return expected.prototype !== undefined && error instanceof expected ? true : !Error.isPrototypeOf(expected) && expected(error) === true;
};

function checkThrown(thrown, expected, message) {
  demand(thrown, typeof expected === 'string' ? expected : (message ?? 'Missing expected exception.'), { operator: 'throws' });
  if (typeof expected !== 'string' && !matchesExpectation(thrown.error, expected)) throw thrown.error;
}

const caught = attempt => {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return { error };
  }
};

const caughtLater = async attempt => {
  try {
    await (typeof attempt === 'function' ? attempt() : attempt);
    return undefined;
  } catch (error) {
    return { error };
  }
};

Object.assign(assert, {
  AssertionError,
  ok: (value, message) => assert(value, message),
  fail: message => demand(false, message ?? 'Failed', { operator: 'fail' }),
  equal: comparison('==', (left, right) => left == right || (left !== left && right !== right)),
  notEqual: comparison('!=', (left, right) => left != right),
  strictEqual: comparison('strictEqual', Object.is),
  notStrictEqual: comparison('notStrictEqual', (left, right) => !Object.is(left, right)),
  deepEqual: comparison('deepEqual', isDeepEqual),
  notDeepEqual: comparison('notDeepEqual', (left, right) => !isDeepEqual(left, right)),
  deepStrictEqual: comparison('deepStrictEqual', isDeepStrictEqual),
  notDeepStrictEqual: comparison('notDeepStrictEqual', (left, right) => !isDeepStrictEqual(left, right)),
  match: comparison('match', (text, pattern) => pattern.test(text)),
  doesNotMatch: comparison('doesNotMatch', (text, pattern) => !pattern.test(text)),
  ifError(value) {
    if (value !== null && value !== undefined) throw value;
  },
  throws: (attempt, expected, message) => checkThrown(caught(attempt), expected, message),
  rejects: async (attempt, expected, message) => checkThrown(await caughtLater(attempt), expected, message),
  doesNotThrow(attempt) {
    attempt();
  },
  async doesNotReject(attempt) {
    await (typeof attempt === 'function' ? attempt() : attempt);
  },
});

assert.strict = Object.assign((value, message) => assert(value, message), assert, {
  equal: assert.strictEqual,
  notEqual: assert.notStrictEqual,
  deepEqual: assert.deepStrictEqual,
  notDeepEqual: assert.notDeepStrictEqual,
});
assert.strict.strict = assert.strict;
export default assert;
