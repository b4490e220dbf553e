// events.publish: tells other workflows that something has happened, once the step has succeeded.

import { host } from 'fonio/host';
import { expandReferences } from 'fonio/references';

function fail(code, description) {
  throw Object.assign(new Error(`${code}: ${description}`), { code, description });
}

// Without data of its own an event carries the state's.
export function publish(name, data = state => state.data) {
  return async state => {
    const [event, payload] = await expandReferences([name, data])(state);
    if (typeof event !== 'string') {
      fail('ILLEGAL_ARGUMENTS', `the name of an event is a text, and this is ${event === null ? 'null' : typeof event}`);
    }
    const { failure } = host.publish(event, JSON.stringify(payload) ?? 'null');
    if (failure) fail(failure.code, failure.message);
    return state;
  };
}
