// Whether two values are the same all the way down: `util.isDeepStrictEqual` and what `assert` asks.

export const isDeepStrictEqual = (left, right) => same(left, right, true, []);
export const isDeepEqual = (left, right) => same(left, right, false, []);

function same(left, right, strict, seen) {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) {
    return !strict && typeof left !== 'object' && typeof right !== 'object' && left == right;
  }
  if (strict && Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if (Object.prototype.toString.call(left) !== Object.prototype.toString.call(right)) return false;
  if (seen.some(pair => pair[0] === left && pair[1] === right)) return true;
  const path = [...seen, [left, right]];
  return sameInside(left, right, strict, path) && sameFields(left, right, strict, path);
}

function sameInside(left, right, strict, seen) {
  if (left instanceof Date) return Object.is(left.getTime(), right.getTime());
  if (left instanceof RegExp) return String(left) === String(right);
  if (left instanceof Error) return left.message === right.message && left.name === right.name;
  if (left instanceof Boolean || left instanceof Number || left instanceof String) return Object.is(left.valueOf(), right.valueOf());
  if (left instanceof Set) {
    const has = item => right.has(item) || [...right].some(other => same(item, other, strict, seen));
    return left.size === right.size && [...left].every(has);
  }
  if (left instanceof Map) {
    return left.size === right.size && [...left].every(([key, item]) => right.has(key) && same(item, right.get(key), strict, seen));
  }
  return true;
}

function sameFields(left, right, strict, seen) {
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length || left.length !== right.length) return false;
  return keys.every(key => Object.hasOwn(right, key) && same(left[key], right[key], strict, seen));
}
