//! The names that exist in a job without being operations.

/// What QuickJS-ng defines, then what the expression runtime adds, then what every function has.
#[rustfmt::skip]
const GLOBALS: &[&str] = &[
    "AggregateError", "Array", "ArrayBuffer", "AsyncDisposableStack", "Atomics", "BigInt", "BigInt64Array",
    "BigUint64Array", "Boolean", "DOMException", "DataView", "Date", "DisposableStack", "Error", "EvalError",
    "FinalizationRegistry", "Float16Array", "Float32Array", "Float64Array", "Function", "Infinity", "Int16Array",
    "Int32Array", "Int8Array", "InternalError", "Iterator", "JSON", "Map", "Math", "NaN", "Number", "Object",
    "Promise", "Proxy", "RangeError", "ReferenceError", "Reflect", "RegExp", "Set", "SharedArrayBuffer", "String",
    "SuppressedError", "Symbol", "SyntaxError", "TypeError", "URIError", "Uint16Array", "Uint32Array", "Uint8Array",
    "Uint8ClampedArray", "WeakMap", "WeakRef", "WeakSet", "atob", "btoa", "decodeURI", "decodeURIComponent",
    "encodeURI", "encodeURIComponent", "escape", "eval", "globalThis", "isFinite", "isNaN", "parseFloat", "parseInt",
    "performance", "queueMicrotask", "undefined", "unescape",
    "clearInterval", "clearTimeout", "console", "setInterval", "setTimeout", "state",
    "arguments",
];

pub(crate) fn is_global(name: &str) -> bool {
    GLOBALS.contains(&name)
}

pub(crate) fn globals<'a>() -> impl Iterator<Item = &'a str> {
    GLOBALS.iter().copied()
}
