//! The guests that every host carries.

/// QuickJS with OpenFn's common operations (`host/runtime`).
pub(crate) const RUNTIME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/runtime.wasm"));
/// The same for packages: what `fonio adaptor import` loads one into.
pub(crate) const RUNTIME_PACKAGE: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/runtime-package.wasm"));
/// The job compiler (`host/compiler`).
pub(crate) const COMPILER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/compiler.wasm"));
/// The adaptors that need no file in the project.
pub(crate) const ADAPTORS: &[(&str, &[u8])] = &[(
    "http",
    include_bytes!(concat!(env!("OUT_DIR"), "/http.wasm")),
)];
