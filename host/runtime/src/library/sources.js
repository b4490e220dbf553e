// Where values come from: paths into state, and what stands for them.

import { query } from 'fonio/jsonpath';

// What follows `$.` in a path, whatever stands before it.
function relative(path, helper) {
  const match = typeof path === 'string' ? /^[$.]*(.+)/s.exec(path) : null;
  if (!match) throw new TypeError(`${helper} needs a path, such as ${helper}('form.name')`);
  return match[1];
}

export function source(path) {
  return state => query(path, state);
}

export function sourceValue(path) {
  return state => query(path, state)[0];
}

export function dataPath(path) {
  return `$.data.${relative(path, 'dataPath')}`;
}

export function dataValue(path) {
  return sourceValue(`$.data.${relative(path, 'dataValue')}`);
}

export function referencePath(path) {
  return `$.references${relative(path, 'referencePath')}`;
}

// Despite its name, the first of the references: the order in which adaptors once kept them.
export function lastReferenceValue(path) {
  return sourceValue(`$.references[0].${relative(path, 'lastReferenceValue')}`);
}

export function jsonValue(object, path) {
  return query(path, object)[0];
}

export function index() {
  return state => state.index;
}

// A path, a function of state, or the data itself.
export function asData(data, state) {
  switch (typeof data) {
    case 'string': return query(data, state);
    case 'object': return data;
    case 'function': return data(state);
    default: return undefined;
  }
}
