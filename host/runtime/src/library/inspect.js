// Values as text for people: strings as they are, everything else like JSON, on one line, whatever it holds.

// As it was before the job could replace it.
const { stringify } = JSON;

const LINE_MAX = 8 * 1024;

// `JSON.stringify` gives up at a cycle or a BigInt and leaves out functions; a person wants to see that they are there.
export function safeJson(value, replaceFunction, replaceConfiguration) {
  const path = [];
  return stringify(value, function (key, item) {
    if (key === 'configuration' && replaceConfiguration) return replaceConfiguration(item);
    while (path.length > 0 && path[path.length - 1] !== this) path.pop();
    if (typeof item === 'bigint') return String(item);
    if (typeof item === 'function') return replaceFunction?.(item);
    if (typeof item !== 'object' || item === null) return item;
    if (path.includes(item)) return '[Circular]';
    path.push(item);
    return item;
  });
}

function describeFunction(fn) {
  return fn.name ? `[Function: ${fn.name}]` : '[Function]';
}

// Logs are stored and shown; a job that logs its whole state does not mean to show its credential.
function mask(configuration) {
  if (typeof configuration !== 'object' || configuration === null) return configuration;
  return Object.fromEntries(Object.keys(configuration).map(key => [key, '****']));
}

// Without the stack: its lines are those of the compiled module, not the author's.
function describeError(error) {
  const fields = safeJson({ ...error });
  return fields === '{}' ? String(error) : `${error} ${fields}`;
}

// Maps and sets hide what they hold.
function unwrap(value) {
  if (value instanceof Map) return { Map: [...value] };
  if (value instanceof Set) return { Set: [...value] };
  return value;
}

export function inspect(value) {
  if (typeof value === 'string') return value;
  if (typeof value === 'function') return describeFunction(value);
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    if (value instanceof Error) return describeError(value);
    return safeJson(unwrap(value), describeFunction, mask) ?? String(value);
  } catch (error) {
    return `[a value that cannot be shown: ${error.message}]`;
  }
}

export function bounded(line) {
  const text = line.toWellFormed();
  if (text.length <= LINE_MAX) return text;
  return `${text.slice(0, LINE_MAX)}… (${text.length - LINE_MAX} more characters)`.toWellFormed();
}
