// node:punycode, whole: names of hosts in the letters that DNS has, by RFC 3492.

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const FIRST_BIAS = 72;
const FIRST_POINT = 128;

const adapted = (delta, count, first) => {
  let rest = first ? Math.floor(delta / DAMP) : delta >> 1;
  rest += Math.floor(rest / count);
  let bias = 0;
  for (; rest > ((BASE - T_MIN) * T_MAX) >> 1; bias += BASE) rest = Math.floor(rest / (BASE - T_MIN));
  return bias + Math.floor((BASE * rest) / (rest + SKEW));
};

const threshold = (position, bias) => Math.min(T_MAX, Math.max(T_MIN, position - bias));
const digit = value => String.fromCharCode(value < 26 ? 97 + value : 22 + value);

function valueOf(character) {
  const value = parseInt(character, 36);
  if (Number.isNaN(value)) throw new RangeError('Invalid input');
  // parseInt counts the digits first, punycode the letters.
  return value < 10 ? value + 26 : value - 10;
}

// Text as a list of code points, and back.
export const ucs2 = {
  decode: text => Array.from(text, character => character.codePointAt(0)),
  encode: points => String.fromCodePoint(...points),
};

export function encode(text) {
  const points = ucs2.decode(text);
  const basic = points.filter(point => point < FIRST_POINT);
  let coded = ucs2.encode(basic) + (basic.length > 0 ? '-' : '');
  let [point, delta, bias, handled] = [FIRST_POINT, 0, FIRST_BIAS, basic.length];
  while (handled < points.length) {
    const next = points.reduce((least, each) => (each >= point && each < least ? each : least), Infinity);
    delta += (next - point) * (handled + 1);
    point = next;
    for (const each of points) {
      if (each < point) delta += 1;
      if (each !== point) continue;
      coded += variable(delta, bias);
      bias = adapted(delta, handled + 1, handled === basic.length);
      delta = 0;
      handled += 1;
    }
    delta += 1;
    point += 1;
  }
  return coded;
}

function variable(delta, bias) {
  let [text, rest] = ['', delta];
  for (let position = BASE; ; position += BASE) {
    const limit = threshold(position, bias);
    if (rest < limit) return text + digit(rest);
    text += digit(limit + ((rest - limit) % (BASE - limit)));
    rest = Math.floor((rest - limit) / (BASE - limit));
  }
}

export function decode(coded) {
  const hyphen = Math.max(0, coded.lastIndexOf('-'));
  const points = ucs2.decode(coded.slice(0, hyphen));
  let [point, bias, index] = [FIRST_POINT, FIRST_BIAS, 0];
  for (let at = hyphen > 0 ? hyphen + 1 : 0; at < coded.length; ) {
    const before = index;
    for (let [weight, position] = [1, BASE]; ; position += BASE) {
      const value = valueOf(coded[at++] ?? '?');
      index += value * weight;
      const limit = threshold(position, bias);
      if (value < limit) break;
      weight *= BASE - limit;
    }
    const count = points.length + 1;
    bias = adapted(index - before, count, before === 0);
    point += Math.floor(index / count);
    index %= count;
    points.splice(index, 0, point);
    index += 1;
  }
  return ucs2.encode(points);
}

// Label by label; what stands before the `@` of a mail address is left alone.
function mapLabels(name, map) {
  const [local, domain] = name.includes('@') ? name.split(/@(?=[^@]*$)/) : [undefined, name];
  const labels = domain.replace(/[\u3002\uff0e\uff61]/g, '.').split('.').map(map);
  return `${local === undefined ? '' : `${local}@`}${labels.join('.')}`;
}

export const toASCII = name => mapLabels(name, label => (/[^\0-\x7f]/.test(label) ? `xn--${encode(label)}` : label));
export const toUnicode = name => mapLabels(name, label => (/^xn--/i.test(label) ? decode(label.slice(4).toLowerCase()) : label));
export const version = '2.3.1';
export default { decode, encode, toASCII, toUnicode, ucs2, version };
