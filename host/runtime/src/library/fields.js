// Building records: fields, merges, groups.

import { expandReferences, when } from 'fonio/references';
import { asData, source, sourceValue } from 'fonio/sources';

export function field(key, value) {
  return [key, value];
}

export function fields(...pairs) {
  return Object.fromEntries(pairs.map(([key, value]) => [key, value]));
}

export function merge(dataSource, values) {
  return state =>
    when(asData(dataSource, state), items =>
      when(expandReferences(values)(state), added => items.map(item => ({ ...item, ...added }))),
    );
}

export function join(targetPath, sourcePath, targetKey) {
  return state => {
    const value = sourceValue(sourcePath)(state);
    return source(targetPath)(state).map(item => ({ [targetKey]: value, ...item }));
  };
}

function at(item, keyPath) {
  return String(keyPath)
    .split(/[.[\]]+/)
    .filter(key => key !== '')
    .reduce((value, key) => value?.[key], item);
}

// Items without the key are in no group.
export function group(items, keyPath, callback) {
  return state =>
    when(expandReferences([items, keyPath])(state), ([records, path]) => {
      const groups = {};
      for (const item of Object.values(records ?? {})) {
        const key = at(item, path);
        if (key === undefined) continue;
        if (!Object.hasOwn(groups, key)) groups[key] = [];
        groups[key].push(item);
      }
      const next = { ...state, data: groups };
      return callback ? callback(next) : next;
    });
}

export function splitKeys(object, keys) {
  const without = {};
  const only = {};
  for (const key of Object.keys(object)) (keys.includes(key) ? only : without)[key] = object[key];
  return [without, only];
}

export function chunk(items, size) {
  if (size <= 0) throw new RangeError(`chunk needs a size of at least 1, but got ${size}`);
  const chunks = [];
  for (let from = 0; from < items.length; from += size) chunks.push(items.slice(from, from + size));
  return chunks;
}

export function toArray(value) {
  return Array.isArray(value) ? value : [value];
}
