// JSONPath as OpenFn's jobs know it: `$.a.b`, `['a b']`, `[0]`, `[1,2]`, `[-2:]`, `*`, `..`, `[?(filter)]`,
// `[(@.length-1)]`, `~` for keys and `^` for parents. A path without `$` starts at the root all the same.

import { compileFilter } from 'fonio/filter';

const PLAIN = /[^.[\]~^]+/y;
const SLICE = /^(-?\d*):(-?\d*)(?::(-?\d*))?$/;

const compiled = new Map();

// The values at `path`, in the order of the document.
export function query(path, root) {
  if (typeof path !== 'string') throw new TypeError(`a JSONPath must be a string, but this is ${path === null ? 'null' : typeof path}`);
  let steps = compiled.get(path);
  if (steps === undefined) {
    steps = parse(path);
    compiled.set(path, steps);
  }
  const found = [];
  walk(steps, 0, { value: root, property: undefined, above: undefined, root }, found);
  return found;
}

// A place is a value and how it was reached; `above` is the place of its parent.
function child(place, property) {
  return { value: place.value[property], property, above: place, root: place.root };
}

function walk(steps, at, place, found) {
  if (at === steps.length) {
    found.push(place.value);
  } else {
    steps[at](place, next => walk(steps, at + 1, next, found), steps, at);
  }
}

const isObject = value => typeof value === 'object' && value !== null;

function eachChild(place, visit) {
  const { value } = place;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) visit(child(place, index));
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) visit(child(place, key));
  }
}

// Steps: functions of a place that hand on the places they lead to.

const name = key => (place, go) => {
  if (place.value && Object.hasOwn(Object(place.value), key)) go(child(place, key));
};

const wildcard = (place, go) => eachChild(place, go);

const keys = (place, go) => go({ ...place, value: place.property });

const parent = (place, go) => {
  if (place.above) go(place.above);
};

function descend(place, go, steps, at) {
  if (at < steps.length - 1 || typeof place.value === 'object') go(place);
  eachChild(place, next => {
    if (typeof next.value === 'object') descend(next, go, steps, at);
  });
}

const slice = (from, to, by) => (place, go) => {
  const { value } = place;
  if (!Array.isArray(value)) return;
  const bound = (index, otherwise) => {
    if (index === undefined) return otherwise;
    return index < 0 ? Math.max(0, index + value.length) : Math.min(index, value.length);
  };
  const end = bound(to, value.length);
  for (let index = bound(from, 0); index < end; index += by) go(child(place, index));
};

const scope = place => ({
  value: place.value,
  property: place.property,
  parent: place.above?.value,
  parentProperty: place.above?.property,
  root: place.root,
});

const filter = test => (place, go) =>
  eachChild(place, next => {
    if (test(scope(next))) go(next);
  });

const computed = key => (place, go) => name(String(key(scope(place))))(place, go);

const union = alternatives => (place, go, steps, at) => {
  for (const alternative of alternatives) alternative(place, go, steps, at);
};

// From text to steps.

function parse(path) {
  const steps = [];
  let at = 0;
  while (at < path.length) {
    if (path.startsWith('..', at)) {
      steps.push(descend);
      at += 2;
    } else if (path[at] === '.' || path[at] === ']') {
      at += 1;
    } else if (path[at] === '~') {
      steps.push(keys);
      at += 1;
    } else if (path[at] === '^') {
      steps.push(parent);
      at += 1;
    } else if (path[at] === '[') {
      const end = closing(path, at);
      steps.push(bracket(path.slice(at + 1, end), path));
      at = end + 1;
    } else {
      PLAIN.lastIndex = at;
      const [word] = PLAIN.exec(path);
      at = PLAIN.lastIndex;
      if (word !== '$') steps.push(word === '*' ? wildcard : name(word.startsWith('`') ? word.slice(1) : word));
    }
  }
  // Nothing is at the empty path, not even the root.
  return path === '' ? [() => undefined] : steps;
}

// Where the bracket that opens at `from` closes, past quoted text, regular expressions' brackets and nested ones.
function closing(path, from) {
  let depth = 0;
  let quote;
  for (let at = from; at < path.length; at += 1) {
    const character = path[at];
    if (quote !== undefined) {
      if (character === '\\') at += 1;
      else if (character === quote) quote = undefined;
    } else if (character === '"' || character === "'") {
      quote = character;
    } else if (character === '[') {
      depth += 1;
    } else if (character === ']') {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  throw new SyntaxError(`the JSONPath "${path}" has a [ without its ]`);
}

function bracket(inner, path) {
  const text = inner.trim();
  if (text.startsWith('?(') && text.endsWith(')')) return filter(compileFilter(text.slice(2, -1)));
  if (text.startsWith('(') && text.endsWith(')')) return computed(compileFilter(text.slice(1, -1)));
  const parts = split(text);
  const alternatives = parts.map(part => single(part.trim(), path));
  return alternatives.length === 1 ? alternatives[0] : union(alternatives);
}

function single(text) {
  if (text === '*') return wildcard;
  const range = SLICE.exec(text);
  if (range) {
    const [from, to, by] = range.slice(1).map(bound => (bound ? Number(bound) : undefined));
    return slice(from, to, Math.max(1, by ?? 1));
  }
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  return name(quoted ? quoted[2].replace(/\\(.)/g, '$1') : text);
}

// At commas outside quotes.
function split(text) {
  return text.match(/(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^,])+/g) ?? [''];
}
