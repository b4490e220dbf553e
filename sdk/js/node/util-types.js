// node:util/types.

import { types } from './util.js';

export default types;
export const {
  isAnyArrayBuffer, isArrayBuffer, isArrayBufferView, isAsyncFunction, isBoxedPrimitive, isDataView, isDate, isGeneratorFunction,
  isMap, isNativeError, isPromise, isProxy, isRegExp, isSet, isSharedArrayBuffer, isTypedArray, isUint8Array, isWeakMap, isWeakSet,
} = types;
