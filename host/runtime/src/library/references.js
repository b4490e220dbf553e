// Functions of state inside arguments, and their results.
//
// Jobs call these helpers both ways: `expandReferences(x)(state).name` at once, and with async functions inside. So a
// result is a promise only if something in it was.

export const isThenable = value => typeof value === 'object' && value !== null && typeof value.then === 'function';

// Calls `use` with the value, now or when it is there.
export function when(value, use) {
  return isThenable(value) ? value.then(use) : use(value);
}

// `step(state, item, index)` for each item in turn, each with the state that the one before gave.
export function inTurn(items, state, step, from = 0) {
  let current = state;
  for (let index = from; index < items.length; index += 1) {
    current = step(current, items[index], index);
    if (isThenable(current)) return current.then(settled => inTurn(items, settled, step, index + 1));
  }
  return current;
}

// Calls every function of state inside `value`, however deep, except those that `skip` names.
export function expandReferences(value, skip) {
  return state => expand(value, state, skip);
}

function isPlain(value) {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function expand(value, state, skip) {
  if (typeof skip === 'function' && skip(value)) return value;
  if (typeof value === 'function') return when(value(state), result => expand(result, state, skip));
  if (isThenable(value)) return value.then(result => expand(result, state, skip));
  if (Array.isArray(value)) return together(value.map(item => expand(item, state, skip)));
  if (!isPlain(value)) return value;
  const keys = Object.keys(value);
  const items = together(keys.map(key => expand(value[key], state, skip)));
  return when(items, settled => Object.fromEntries(keys.map((key, at) => [key, settled[at]])));
}

function together(items) {
  return items.some(isThenable) ? Promise.all(items) : items;
}
