// The operations of the step's adaptor, which runs in the host's care: each becomes a global function.

import { host } from 'fonio/host';
import { adaptorError } from 'fonio/errors';
import { expandReferences } from 'fonio/references';
import { composeNextState } from 'fonio/state';

// References and the last response can be large, and no adaptor reads them.
function forAdaptor({ references, response, ...state }) {
  return state;
}

// `post(path, { body }, callback)` is how jobs were written when options came second; now they come third, and could be
// a function of state there. What stands before tells: once the options are given, a function can only be a callback.
function isOptions(value, options) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every(key => options.includes(key));
}

function splitCallback(args, parameters, options) {
  const last = args.length - 1;
  const isCallback = typeof args[last] === 'function' && (last >= parameters || isOptions(args[last - 1], options));
  return isCallback ? [args.slice(0, Math.min(last, parameters)), args[last]] : [args.slice(0, parameters), undefined];
}

export function defineOperation(name, parameters, options) {
  const operation = (...args) => {
    const [declared, callback] = splitCallback(args, parameters, options);
    const { stack } = new Error();
    return async state => {
      const resolved = await expandReferences(declared)(state);
      const { data, response, failure } = host.invoke(name, resolved, forAdaptor(state ?? {}));
      if (failure) throw adaptorError(failure, stack);
      const next = composeNextState({ ...state, response }, data);
      return callback ? callback(next) : next;
    };
  };
  Object.defineProperty(operation, 'name', { value: name });
  globalThis[name] = operation;
}
