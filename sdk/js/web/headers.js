// Headers: names in lower case and sorted, values joined with a comma, `set-cookie` kept apart.

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function checkedName(name) {
  const text = String(name);
  if (!NAME.test(text)) throw new TypeError(`Headers: ${JSON.stringify(text)} is an invalid header name.`);
  return text.toLowerCase();
}

function checkedValue(value) {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (/[\0\n\r]|[^\0-\xff]/.test(text)) throw new TypeError(`Headers: ${JSON.stringify(text)} is an invalid header value.`);
  return text;
}

export class Headers {
  #values = new Map();

  constructor(init) {
    if (init === undefined || init === null) return;
    if (typeof init !== 'object') throw new TypeError('Headers are made of an object or of pairs');
    const pairs = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
    for (const pair of pairs) {
      const [name, value, ...more] = pair;
      if (more.length > 0 || pair.length < 2) throw new TypeError('Headers: expected name/value pairs');
      this.append(name, value);
    }
  }

  append(name, value) {
    const key = checkedName(name);
    const values = this.#values.get(key) ?? [];
    this.#values.set(key, [...values, checkedValue(value)]);
  }

  set(name, value) {
    this.#values.set(checkedName(name), [checkedValue(value)]);
  }

  delete(name) {
    this.#values.delete(checkedName(name));
  }

  get(name) {
    return this.#values.get(checkedName(name))?.join(', ') ?? null;
  }

  has(name) {
    return this.#values.has(checkedName(name));
  }

  getSetCookie() {
    return [...(this.#values.get('set-cookie') ?? [])];
  }

  forEach(callback, self) {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries() {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? [];
      if (name === 'set-cookie') for (const value of values) yield [name, value];
      else yield [name, values.join(', ')];
    }
  }

  *keys() {
    for (const [name] of this) yield name;
  }

  *values() {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get [Symbol.toStringTag]() {
    return 'Headers';
  }
}
