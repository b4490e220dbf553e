// Thrown values, described for the engine (report.rs). Anything can be thrown, and looking at it can throw again.

import { inspect, safeJson } from 'fonio/inspect';

// Details travel with the run and are stored with it; a reply's body in them can be large.
const DETAILS_MAX = 64 * 1024;

const attempt = (look, otherwise) => {
  try {
    return look();
  } catch {
    return otherwise;
  }
};

const isObject = value => (typeof value === 'object' && value !== null) || typeof value === 'function';

const textOf = value => (typeof value === 'string' && value !== '' ? value : undefined);

// Causes are told too, where the message does not do so itself: `fetch failed` alone would help nobody.
const CAUSES_MAX = 4;

function messageOf(thrown, depth = 0) {
  if (!isObject(thrown)) return String(thrown);
  if (!(thrown instanceof Error)) return textOf(thrown.message) ?? inspect(thrown);
  const message = String(thrown.message);
  const { cause } = thrown;
  if (!(cause instanceof Error) || depth === CAUSES_MAX) return message;
  const why = messageOf(cause, depth + 1);
  return why === '' || message.includes(why) ? message : `${message}: ${why}`;
}

// Fields are kept in their order while they fit; of those that do not, the name is kept.
function detailsOf(thrown) {
  if (!isObject(thrown)) return '{}';
  const whole = safeJson({ ...thrown });
  if (whole.length <= DETAILS_MAX) return whole;
  const kept = {};
  let room = DETAILS_MAX - 1024;
  for (const [key, value] of Object.entries(thrown)) {
    const size = attempt(() => safeJson({ [key]: value }).length, Infinity);
    const fits = size <= room;
    kept[key] = fits ? value : '[too large to keep]';
    room -= fits ? size : key.length + 32;
    if (room <= 0) break;
  }
  return safeJson(kept);
}

// A class of errors is not where one of them was thrown: frames of its constructors, which come first, are left out.
function stackOf(thrown) {
  const stack = textOf(thrown?.stack);
  if (stack === undefined || !(thrown instanceof Error)) return stack;
  const constructors = new Set();
  for (let made = thrown.constructor; typeof made === 'function'; made = Object.getPrototypeOf(made)) constructors.add(made.name);
  const frames = stack.split('\n');
  const thrownAt = frames.findIndex(frame => !constructors.has(/^\s*at (?:new )?(\S+) \(/.exec(frame)?.[1]));
  return frames.slice(Math.max(0, thrownAt)).join('\n');
}

export function describe(thrown) {
  const code = attempt(() => thrown?.code);
  return {
    name: attempt(() => (isObject(thrown) && textOf(thrown.name)) || 'Error', 'Error').toWellFormed(),
    message: attempt(() => messageOf(thrown), 'something was thrown that cannot be shown').toWellFormed(),
    code: typeof code === 'string' || typeof code === 'number' ? String(code).toWellFormed() : undefined,
    details: attempt(() => detailsOf(thrown), '{}'),
    stack: attempt(() => stackOf(thrown)?.toWellFormed()),
  };
}

// A failure that the adaptor reported. Its fields stand on the error, as OpenFn's adaptors put them there; its stack is
// that of the call which made the operation, the one place in the job that has to do with it.
export function adaptorError({ code, message, details }, stack) {
  const error = new Error(message);
  for (const [key, value] of Object.entries(details ?? {})) {
    if (key !== 'message' && key !== 'stack' && key !== 'name') error[key] = value;
  }
  error.code = code;
  Object.defineProperties(error, {
    name: { value: 'AdaptorError', configurable: true, writable: true },
    stack: { value: stack, configurable: true, writable: true },
  });
  return error;
}
