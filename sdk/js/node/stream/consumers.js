// node:stream/consumers: a stream, whole.

import { Blob } from '../../web/blob.js';
import { collect } from '../../web/body.js';
import { decodeUtf8 } from '../../web/text.js';
import { Buffer } from '../buffer.js';

export const arrayBuffer = async stream => (await collect(stream)).buffer;
export const buffer = async stream => Buffer.from(await arrayBuffer(stream));
export const blob = async stream => new Blob([await collect(stream)]);
export const text = async stream => decodeUtf8(await collect(stream));
export const json = async stream => JSON.parse(await text(stream));

export default { arrayBuffer, blob, buffer, json, text };
