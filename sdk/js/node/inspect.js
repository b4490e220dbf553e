// `util.inspect`: values as Node writes them, without colours, getters' values and proxies' targets.

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const LINE_MAX = 72;
const ITEMS_MAX = 100;

export const custom = Symbol.for('nodejs.util.inspect.custom');

export function inspect(value, options) {
  const given = typeof options === 'object' && options !== null ? options : {};
  return write(value, { depth: 2, ...given, seen: [] }, 0);
}
inspect.custom = custom;
inspect.defaultOptions = { depth: 2 };

export function quoted(text) {
  const quote = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') ? '`' : "'";
  const escaped = text.replace(/[\0-\x1f\\\x7f]/g, character => {
    const short = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\b': '\\b', '\f': '\\f', '\v': '\\v', '\\': '\\\\' }[character];
    return short ?? `\\x${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return quote + (quote === "'" ? escaped.replace(/'/g, "\\'") : escaped) + quote;
}

function primitive(value) {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'bigint') return `${value}n`;
  return Object.is(value, -0) ? '-0' : String(value);
}

function write(value, context, level) {
  if (typeof value === 'function') return writeObject(value, functionName(value), context, level);
  if (typeof value !== 'object' || value === null) return primitive(value);
  if (typeof value[custom] === 'function') {
    const shown = value[custom](context.depth - level, context, inspect);
    return typeof shown === 'string' ? shown : write(shown, context, level);
  }
  if (context.seen.includes(value)) return '[Circular *1]';
  return writeObject(value, undefined, context, level);
}

function functionName(value) {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : value.constructor?.name || 'Function';
  if (kind === 'class') return `[class ${value.name || '(anonymous)'}]`;
  return value.name ? `[${kind}: ${value.name}]` : `[${kind} (anonymous)]`;
}

// What stands for the value itself, before its fields.
function headOf(value) {
  if (value instanceof Error) return value.stack && value.stack.includes(value.message) ? value.stack.trimEnd() : `[${value}]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return 'Promise {}';
  if (value instanceof WeakMap || value instanceof WeakSet) return `${value.constructor.name} { <items unknown> }`;
  if (value instanceof Boolean || value instanceof Number || value instanceof String) {
    return `[${value.constructor.name}: ${primitive(value.valueOf())}]`;
  }
  return undefined;
}

function prefixOf(value) {
  const name = Object.getPrototypeOf(value) === null ? '[Object: null prototype]' : value.constructor?.name;
  if (Array.isArray(value)) return name === 'Array' ? '' : `${name}(${value.length}) `;
  if (value instanceof Map || value instanceof Set) return `${name}(${value.size}) `;
  if (ArrayBuffer.isView(value) && 'length' in value) return `${name}(${value.length}) `;
  return name === 'Object' || name === undefined ? '' : `${name} `;
}

function writeObject(value, given, context, level) {
  if (globalThis.Buffer?.isBuffer(value)) return bufferText(value);
  const head = given ?? headOf(value);
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
  const keys = Object.keys(value).filter(key => !isList || !/^\d+$/.test(key));
  const symbols = Object.getOwnPropertySymbols(value).filter(key => Object.prototype.propertyIsEnumerable.call(value, key));
  if (head !== undefined && keys.length === 0) return head;
  if (context.depth !== null && level > context.depth) {
    return isList ? '[Array]' : `[${value.constructor?.name ?? 'Object: null prototype'}]`;
  }
  context.seen.push(value);
  const items = [...itemsOf(value, isList, context, level), ...[...keys, ...symbols].map(key => field(value, key, context, level))];
  context.seen.pop();
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  const prefix = head === undefined ? prefixOf(value) : `${head} `;
  if (items.length === 0) return `${prefix}${open}${close}`;
  const line = `${prefix}${open} ${items.join(', ')} ${close}`;
  if (line.length <= LINE_MAX && !line.includes('\n')) return line;
  const indent = '  '.repeat(level + 1);
  return `${prefix}${open}\n${indent}${items.join(`,\n${indent}`)}\n${indent.slice(2)}${close}`;
}

function bufferText(buffer) {
  const bytes = buffer.toString('hex', 0, 50).replace(/..(?=.)/g, '$& ');
  const more = buffer.length > 50 ? ` ... ${buffer.length - 50} more bytes` : '';
  return `<Buffer${bytes && ` ${bytes}`}${more}>`;
}

function itemsOf(value, isList, context, level) {
  const inner = item => write(item, context, level + 1);
  const all = isList ? Array.from(value, inner) : value instanceof Set ? [...value].map(inner) : [];
  if (value instanceof Map) for (const [key, item] of value) all.push(`${inner(key)} => ${inner(item)}`);
  if (all.length <= ITEMS_MAX) return all;
  const more = all.length - ITEMS_MAX;
  return [...all.slice(0, ITEMS_MAX), `... ${more} more item${more > 1 ? 's' : ''}`];
}

function field(value, key, context, level) {
  const { get, set, value: item } = Object.getOwnPropertyDescriptor(value, key);
  const name = typeof key === 'symbol' ? `[${String(key)}]` : IDENTIFIER.test(key) ? key : quoted(key);
  if (get || set) return `${name}: ${get && set ? '[Getter/Setter]' : get ? '[Getter]' : '[Setter]'}`;
  return `${name}: ${write(item, context, level + 1)}`;
}
