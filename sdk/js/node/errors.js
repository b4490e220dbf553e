// Node's errors, as far as packages look at them: a class, a `code`, a message.

function coded(Base) {
  return (code, message) => Object.assign(new Base(message), { code });
}

export const typeError = coded(TypeError);
export const rangeError = coded(RangeError);
export const plainError = coded(Error);

export function invalidArgType(name, expected, actual) {
  const which = name.endsWith(' argument') ? name : `"${name}" argument`;
  return typeError('ERR_INVALID_ARG_TYPE', `The ${which} must be ${expected}. Received ${received(actual)}`);
}

export function received(value) {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') {
    return value.constructor?.name ? `an instance of ${value.constructor.name}` : '[Object: null prototype] {}';
  }
  const text = typeof value === 'string' ? `'${value.length > 25 ? `${value.slice(0, 25)}...` : value}'` : String(value);
  return `type ${typeof value} (${text})`;
}

// What streams are destroyed with when a signal says so.
export function abortError(reason) {
  const error = new Error('The operation was aborted', { cause: reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

// A package asked for something that is not here: said when it is used, with what there is instead.
export function unavailable(what, instead) {
  return plainError('ERR_FONIO_UNAVAILABLE', `${what} is not available in Fonio's sandbox${instead ? `: ${instead}` : ''}`);
}
