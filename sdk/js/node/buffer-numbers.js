// The numbers that a Buffer reads and writes, each under the names that Node gives it.

import { rangeError } from './errors.js';

const FIXED = [
  // name, DataView's name, bytes
  ['UInt8', 'Uint8', 1], ['Int8', 'Int8', 1],
  ['UInt16', 'Uint16', 2], ['Int16', 'Int16', 2],
  ['UInt32', 'Uint32', 4], ['Int32', 'Int32', 4],
  ['BigUInt64', 'BigUint64', 8], ['BigInt64', 'BigInt64', 8],
  ['Float', 'Float32', 4], ['Double', 'Float64', 8],
];

const view = buffer => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);

function check(buffer, offset, size) {
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= buffer.length) return;
  if (buffer.length < size) throw rangeError('ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds');
  throw rangeError(
    'ERR_OUT_OF_RANGE',
    `The value of "offset" is out of range. It must be >= 0 and <= ${buffer.length - size}. Received ${offset}`,
  );
}

export function defineNumbers(prototype, define) {
  for (const [name, native, size] of FIXED) {
    for (const end of size === 1 ? [''] : ['LE', 'BE']) {
      const little = end === 'LE';
      const read = function (offset = 0) {
        check(this, offset, size);
        return view(this)[`get${native}`](offset, little);
      };
      const write = function (value, offset = 0) {
        check(this, offset, size);
        view(this)[`set${native}`](offset, value, little);
        return offset + size;
      };
      // Node has `readUint8` beside `readUInt8`.
      for (const alias of new Set([name, name.replace('UInt', 'Uint')])) {
        define(prototype, { [`read${alias}${end}`]: read, [`write${alias}${end}`]: write });
      }
    }
  }
  for (const end of ['LE', 'BE']) defineSized(prototype, define, end);
}

// Integers of one to six bytes.
function defineSized(prototype, define, end) {
  const at = (offset, size, index) => (end === 'LE' ? offset + index : offset + size - 1 - index);
  const readUInt = function (offset, size) {
    check(this, offset, size);
    let value = 0;
    for (let index = size - 1; index >= 0; index -= 1) value = value * 256 + this[at(offset, size, index)];
    return value;
  };
  const readInt = function (offset, size) {
    const value = readUInt.call(this, offset, size);
    return value >= 2 ** (size * 8 - 1) ? value - 2 ** (size * 8) : value;
  };
  const write = function (value, offset, size) {
    check(this, offset, size);
    let rest = value < 0 ? value + 2 ** (size * 8) : value;
    for (let index = 0; index < size; index += 1) {
      this[at(offset, size, index)] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return offset + size;
  };
  define(prototype, {
    [`readUInt${end}`]: readUInt, [`readUint${end}`]: readUInt, [`readInt${end}`]: readInt,
    [`writeUInt${end}`]: write, [`writeUint${end}`]: write, [`writeInt${end}`]: write,
  });
}
