// Bodies read back as FormData: `multipart/form-data` and `application/x-www-form-urlencoded`.

import { latin1Decode } from 'fonio:host';
import { File } from './blob.js';
import { FormData } from './form-data.js';
import { URLSearchParams } from './search-params.js';
import { decodeUtf8 } from './text.js';

export function readForm(bytes, type) {
  const form = new FormData();
  if (/^application\/x-www-form-urlencoded/i.test(type)) {
    for (const [name, value] of new URLSearchParams(decodeUtf8(bytes))) form.append(name, value);
    return form;
  }
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (!boundary) throw new TypeError(`a body of type "${type}" is no form`);
  for (const { head, body } of partsOf(bytes, boundary)) addPart(form, head, body);
  return form;
}

// One byte is one unit of latin1, so positions in the text are positions in the bytes.
function* partsOf(bytes, boundary) {
  const text = latin1Decode(bytes);
  const mark = `--${boundary}`;
  let at = text.indexOf(mark);
  while (at >= 0) {
    const start = at + mark.length;
    if (text.startsWith('--', start)) return;
    const next = text.indexOf(`\r\n${mark}`, start);
    const gap = text.indexOf('\r\n\r\n', start);
    if (next < 0 || gap < 0 || gap > next) throw new TypeError('the multipart body ends in the middle of a part');
    yield { head: decodeUtf8(bytes.subarray(start, gap)), body: bytes.slice(gap + 4, next) };
    at = next + 2;
  }
}

function addPart(form, head, body) {
  const disposition = /content-disposition:[^\r\n]*/i.exec(head)?.[0] ?? '';
  const parameter = name => new RegExp(`[; ]${name}="((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(disposition)?.[1];
  const unescaped = text => text.replace(/%0D%0A/gi, '\r\n').replace(/%22/g, '"').replace(/\\(.)/g, '$1');
  const name = parameter('name');
  if (name === undefined) throw new TypeError('a part of the multipart body has no name');
  const filename = parameter('filename');
  if (filename === undefined) {
    form.append(unescaped(name), decodeUtf8(body));
  } else {
    const type = /content-type:\s*([^\r\n]*)/i.exec(head)?.[1] ?? '';
    form.append(unescaped(name), new File([body], unescaped(filename), { type }));
  }
}
