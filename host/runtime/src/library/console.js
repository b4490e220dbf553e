// `console`, to the step's log.

import { host, level } from 'fonio/host';
import { bounded, inspect } from 'fonio/inspect';

// The substitutions of `console.log('%s has %d', name, count)`.
const SUBSTITUTION = /%[sdifjoOc%]/g;

function substitute(format, args) {
  let used = 0;
  const text = format.replace(SUBSTITUTION, mark => {
    if (mark === '%%') return '%';
    if (used >= args.length) return mark;
    const value = args[used++];
    switch (mark) {
      case '%d': return typeof value === 'object' ? 'NaN' : String(Number(value));
      case '%i': return String(parseInt(value, 10));
      case '%f': return String(parseFloat(value));
      case '%c': return '';
      default: return inspect(value);
    }
  });
  return [text, ...args.slice(used)];
}

export function write(severity, values) {
  const [first, ...rest] = values;
  const parts = typeof first === 'string' && rest.length > 0 ? substitute(first, rest) : values;
  host.log(severity, bounded(parts.map(inspect).join(' ')));
}

export const console = {
  debug: (...values) => write(level.debug, values),
  log: (...values) => write(level.info, values),
  info: (...values) => write(level.info, values),
  success: (...values) => write(level.info, values),
  always: (...values) => write(level.info, values),
  dir: value => write(level.info, [value]),
  table: value => write(level.info, [value]),
  trace: (...values) => write(level.debug, values),
  warn: (...values) => write(level.warn, values),
  error: (...values) => write(level.error, values),
  assert(condition, ...values) {
    if (!condition) write(level.error, values.length > 0 ? ['Assertion failed:', ...values] : ['Assertion failed']);
  },
};
