// Helpers for text.

export function arrayToString(items, separator) {
  if (items === null || items === undefined) return '';
  if (!Array.isArray(items)) throw new TypeError(`arrayToString needs an array, but got ${typeof items}`);
  return items.join(separator);
}

// 'first_name' to 'First Name'. What is not a string stays as it is.
export function humanProper(text) {
  if (typeof text !== 'string') return text;
  return text
    .replace(/[-_]/g, ' ')
    .replace(/\w\S*/g, word => word[0].toUpperCase() + word.slice(1).toLowerCase());
}

// The blocks that OpenFn counts as emojis; they take in much punctuation, arrows and letter-like symbols too.
const EMOJIS = /[\u00a9\u00ae\u2000-\u3300\ufe0f\u{1f000}-\u{1fbff}]/gu;

export function scrubEmojis(text, replacement) {
  return text ? text.replace(EMOJIS, () => replacement ?? '\ufffd') : text;
}

export function parseJson(text) {
  return typeof text === 'string' ? JSON.parse(text) : text;
}
