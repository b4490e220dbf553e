// collections.get, set, each and remove: values that stay from one run to the next, in the host's own store.

import { host, level } from 'fonio/host';
import { write } from 'fonio/console';
import { isThenable, when, expandReferences } from 'fonio/references';

// One request to the host brings or takes at most so many.
const BATCH = 1000;

const times = { createdBefore: 0, createdAfter: 1, updatedBefore: 2, updatedAfter: 3 };

function fail(code, description, fix) {
  throw Object.assign(new Error(`${code}: ${description}`), { code, description, fix });
}

function answer({ failure, data }) {
  if (failure) fail(failure.code, failure.message);
  return data;
}

// What a job may say: a key, or an object with `key` and more.
function read(query) {
  const { key = '*', limit = Infinity, pageSize = BATCH, cursor, ...others } =
    typeof query === 'string' ? { key: query } : query ?? {};
  const moments = [];
  for (const [name, value] of Object.entries(others)) {
    if (!(name in times)) fail('ILLEGAL_ARGUMENTS', `collections have no filter ${name}`, `use key, limit, cursor, ${Object.keys(times).join(', ')}`);
    const at = new Date(value).getTime();
    if (Number.isNaN(at)) fail('ILLEGAL_ARGUMENTS', `${name} is no date: ${value}`, 'use a Date or an ISO date');
    moments[times[name]] = at;
  }
  return { key: String(key), limit, pageSize: Math.min(pageSize, BATCH), cursor, moments };
}

const isPattern = query => query.key.includes('*') || query.moments.length > 0;

const resolved = (state, name, query) => expandReferences([name, query])(state);

export function each(name, query = {}, callback = () => {}) {
  return async state => {
    const [collection, asked] = await resolved(state, name, query);
    const { key, limit, pageSize, moments, cursor: from } = read(asked);
    let cursor = from;
    let count = 0;
    do {
      const page = answer(host.collectionList(collection, key, moments, Math.min(pageSize, limit - count), cursor));
      for (const [itemKey, value] of page.items) {
        const given = callback(state, JSON.parse(value), itemKey);
        if (isThenable(given)) await given;
      }
      count += page.items.length;
      cursor = page.cursor;
    } while (cursor && count < limit);
    state.data = { cursor };
    return state;
  };
}

export function get(name, query = {}) {
  return async state => {
    const [collection, asked] = await resolved(state, name, query);
    const wanted = read(asked);
    if (isPattern(wanted)) {
      const data = [];
      const scope = { ...state, data: {} };
      await each(collection, asked, (_, value, key) => { data.push({ value, key }); })(scope);
      data.cursor = scope.data.cursor;
      state.data = data;
      return state;
    }
    const value = answer(host.collectionGet(collection, wanted.key));
    if (value === undefined) write(level.warn, [`the collection ${collection} has no key ${wanted.key}`]);
    state.data = value === undefined ? {} : JSON.parse(value);
    return state;
  };
}

export function set(name, key, ...values) {
  return async state => {
    if (values.length === 0) {
      fail('ILLEGAL_ARGUMENTS', 'collections.set takes three arguments', 'call it as set(name, key or function of value, values)');
    }
    const [collection, given] = await resolved(state, name, values[0]);
    const items = itemsOf(key, given, state);
    for (let from = 0; from < items.length; from += BATCH) {
      answer(host.collectionSet(collection, items.slice(from, from + BATCH)));
    }
    return state;
  };
}

function itemsOf(key, values, state) {
  if (typeof key === 'string' && Array.isArray(values)) return [[key, JSON.stringify(values)]];
  const keyOf = typeof key === 'function' ? key : () => key;
  return [values].flat(1).map((value, index) => {
    const made = keyOf(value, state, index);
    if (typeof made !== 'string') {
      fail('KEYGEN_ERROR', `the key of value ${index} is no text but ${typeof made}`, 'return a text from the function that makes keys');
    }
    return [made, JSON.stringify(value) ?? 'null'];
  });
}

export function remove(name, query = {}) {
  return async state => when(resolved(state, name, query), ([collection, asked]) => {
    const { key, moments } = read(asked);
    answer(host.collectionRemove(collection, key, moments));
    return state;
  });
}
