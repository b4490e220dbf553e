// The host's functions (see bindings.rs). They are taken off the global object, so that no job trips over them.

export const host = globalThis.__fonio;
delete globalThis.__fonio;

export const level = { debug: 0, info: 1, warn: 2, error: 3 };
