//! The JavaScript that jobs see, as ES modules that are declared in the order of their imports.

use rquickjs::module::Declared;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Error, Exception, Module, Object, Result};

macro_rules! modules {
    ($($name:literal),+ $(,)?) => {
        &[$((concat!("fonio/", $name), include_str!(concat!("library/", $name, ".js")))),+]
    };
}

/// A module may import from those above it, as `fonio/name`. The last one puts everything in place.
const MODULES: &[(&str, &str)] = modules![
    "host",
    "timers",
    "inspect",
    "console",
    "errors",
    "filter",
    "jsonpath",
    "references",
    "sources",
    "state",
    "operations",
    "fields",
    "strings",
    "cursor",
    "csv",
    "util",
    "collections",
    "events",
    "adaptor",
    "network",
    "package",
    "run",
    "start",
];

/// Loads the library and gives what the last module exports to the engine.
pub(crate) fn load<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let mut last = None;
    for (name, source) in MODULES {
        last = Some(Module::declare(ctx.clone(), *name, *source)?);
    }
    evaluated(ctx, last.ok_or(Error::Unknown)?)
}

/// Evaluates a module that waits for nothing, and gives what it exports.
pub(crate) fn evaluated<'js>(ctx: &Ctx<'js>, module: Module<'js, Declared>) -> Result<Object<'js>> {
    let (module, promise) = module.eval()?;
    while ctx.execute_pending_job() {}
    match promise.state() {
        PromiseState::Resolved => module.namespace(),
        PromiseState::Pending => Err(Exception::throw_message(
            ctx,
            "it waits for something while it loads, and nothing runs then",
        )),
        // `result` of a rejected promise is the error that rejected it.
        _ => promise
            .result::<()>()
            .unwrap_or(Err(Error::Unknown))
            .and(Err(Error::Unknown)),
    }
}
