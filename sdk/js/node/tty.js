// node:tty: nothing is a terminal.

import { missing } from '../missing.js';

export const isatty = () => false;
export const { ReadStream, WriteStream } = missing('tty');
export default { isatty, ReadStream, WriteStream };
