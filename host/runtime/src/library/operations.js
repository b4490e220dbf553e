// The operations that carry a job: they take functions of state and give functions of state.

import { level } from 'fonio/host';
import { write } from 'fonio/console';
import { expandReferences, inTurn, when } from 'fonio/references';
import { asData } from 'fonio/sources';

function requireFunction(value, operation, what) {
  if (typeof value !== 'function') {
    throw new TypeError(`${operation} needs ${what}, but got ${value === null ? 'null' : typeof value}`);
  }
}

export function fn(operation) {
  return state => {
    requireFunction(operation, 'fn', 'a function of state');
    return operation(state);
  };
}

export function alterState(operation) {
  return state => {
    requireFunction(operation, 'alterState', 'a function of state');
    return operation(state);
  };
}

export function fnIf(condition, operation) {
  return state =>
    when(expandReferences(condition)(state), holds => {
      if (!holds) return state;
      requireFunction(operation, 'fnIf', 'an operation');
      return operation(state);
    });
}

function checkedState(result, operation) {
  if (result === undefined || result === null) {
    throw new TypeError(`an operation inside ${operation} returned no state: is a return missing?`);
  }
  return result;
}

export function combine(...operations) {
  return state => inTurn(operations, state, (current, operation) => checkedState(operation(current), 'combine'));
}

export function execute(...operations) {
  return async initial => {
    let state = initial;
    for (const operation of operations) state = await operation(state);
    return state;
  };
}

function itemsOf(dataSource, state, operation) {
  if (dataSource === undefined || dataSource === null) {
    throw new TypeError(`${operation} has no data source: give it an array, a JSONPath or a function of state`);
  }
  return when(asData(dataSource, state), items => {
    if (Array.isArray(items)) return items;
    const kind = items === null ? 'null' : typeof items;
    throw new TypeError(`the data source of ${operation} must give an array, but gave ${kind}`);
  });
}

function overItems(items, operation, state) {
  return inTurn(items, state, (current, data, index) =>
    checkedState(operation({ ...current, data, index }), 'each'),
  );
}

// State moves on from item to item: its `data` ends as the last operation left it.
export function each(dataSource, operation) {
  return state => when(itemsOf(dataSource, state, 'each'), items => overItems(items, operation, state));
}

// The same, with `data` put back at the end.
export const beta = {
  each(dataSource, operation) {
    return state =>
      when(itemsOf(dataSource, state, 'beta.each'), items =>
        when(overItems(items, operation, state), result => ({ ...result, data: state.data })),
      );
  },
};

// With a state as third argument it is the old `map`: at once, and for what the operation does, not for what it gives.
export function map(dataSource, callback, oldState) {
  if (oldState !== undefined) {
    const { references } = oldState;
    for (const data of itemsOf(dataSource, oldState, 'map')) callback({ data, references });
    return oldState;
  }
  return async state => {
    const items = await itemsOf(dataSource, state, 'map');
    requireFunction(callback, 'map', 'a function of an item');
    const data = [];
    for (const [index, item] of items.entries()) data.push(await callback(item, index, state));
    return { ...state, data };
  };
}

// Runs an operation for its data, which is kept under `key`.
export function as(key, operation) {
  return async state => {
    const name = await expandReferences(key)(state);
    const { data, references, ...rest } = checkedState(await operation(state), 'as');
    const kept = references === undefined ? rest : { ...rest, references };
    return { ...kept, data: state.data, [name]: data };
  };
}

export function assert(expression, message) {
  return state =>
    when(expandReferences([expression, message])(state), ([holds, text]) => {
      if (!holds) throw new Error(text ?? `assertion statement failed with ${holds}`);
      return state;
    });
}

function writer(severity) {
  return (...args) =>
    state =>
      when(expandReferences(args)(state), values => {
        write(severity, values);
        return state;
      });
}

export const log = writer(level.info);
export const debug = writer(level.debug);
