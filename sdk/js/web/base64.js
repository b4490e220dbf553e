// atob and btoa.

import { base64Decode, base64Encode, latin1Decode, latin1Encode } from 'fonio:host';
import { DOMException } from './exception.js';

export function btoa(text) {
  const units = String(text);
  if (/[^\0-\xff]/.test(units)) {
    throw new DOMException('btoa takes characters up to U+00FF; encode other text as UTF-8 first', 'InvalidCharacterError');
  }
  return base64Encode(latin1Encode(units), false);
}

export function atob(text) {
  let digits = String(text).replace(/[\t\n\f\r ]/g, '');
  if (digits.length % 4 === 0) digits = digits.replace(/==?$/, '');
  if (digits.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(digits)) {
    throw new DOMException('The string to be decoded is not correctly encoded.', 'InvalidCharacterError');
  }
  return latin1Decode(base64Decode(digits));
}
