// node:console: the console that writes to the step's log.

export const { debug, error, info, log, warn } = globalThis.console;
export default globalThis.console;
