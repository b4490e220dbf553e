//! Runs the compatibility layer for npm packages (`sdk/js`) in QuickJS, with a `send` and a clock of the test's own.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rquickjs::{CatchResultExt, Context, Ctx, Module, Object, Promise, Runtime, Value};

/// Timers over a clock that jumps to the next one when nothing else is left to do, and a console that keeps its lines.
const SURROUNDINGS: &str = include_str!("surroundings.js");

pub fn layer() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/js")
}

/// The default export of `module`, which may import from `sdk/js` as `./…`, where every request is refused.
pub fn evaluate(module: &str) -> serde_json::Value {
    let refused = "() => { throw Object.assign(new Error('not granted'), { code: 'DENIED' }) }";
    evaluate_with(refused, module)
}

/// As [`evaluate`], with a far side.
///
/// `script` is an expression for what `send` calls, as `request => ({ status, headers, body })`, with bodies as text; what
/// it throws is how the request fails. `__sent` is the list of requests.
pub fn evaluate_with(script: &str, module: &str) -> serde_json::Value {
    let json = run(script, module).unwrap_or_else(|fault| panic!("{fault}\nin\n{module}"));
    serde_json::from_str(&json).unwrap_or_else(|fault| panic!("{fault} in {json}"))
}

fn run(script: &str, module: &str) -> Result<String, String> {
    let runtime = Runtime::new().expect("an interpreter");
    runtime.set_max_stack_size(256 * 1024);
    let context = Context::full(&runtime).expect("a context");
    context.with(|ctx| {
        let run = || {
            surround(&ctx, script)?;
            let mut layer = Layer::new(&ctx);
            layer.load("globals.js")?;
            let (module, evaluated) = layer.declare("./test.js", module)?.eval()?;
            drive(&ctx, &evaluated)?;
            let value: Value<'_> = module.namespace()?.get("default")?;
            to_json(&ctx, value)
        };
        run().catch(&ctx).map_err(|fault| fault.to_string())
    })
}

fn surround(ctx: &Ctx<'_>, script: &str) -> rquickjs::Result<()> {
    let host = Object::new(ctx.clone())?;
    let state = std::cell::Cell::new(0.125_f64);
    fonio_runtime::natives::install(ctx, &host, move || {
        state.set((state.get() * 9301.0 + 0.2113).fract());
        state.get()
    })?;
    ctx.globals().set("__host", host)?;
    ctx.eval::<(), _>(SURROUNDINGS)?;
    ctx.eval::<(), _>(format!("__respond = {script}"))?;
    let names = fonio_runtime::natives::NAMES.join(", ");
    Module::declare(
        ctx.clone(),
        "fonio:host",
        format!("export const {{ send, {names} }} = globalThis.__host;"),
    )?
    .eval()?
    .1
    .finish()
}

/// The files of `sdk/js`, declared in the order of their imports, which is what the engine wants.
struct Layer<'js> {
    ctx: Ctx<'js>,
    known: HashSet<String>,
}

impl<'js> Layer<'js> {
    fn new(ctx: &Ctx<'js>) -> Self {
        Self {
            ctx: ctx.clone(),
            known: HashSet::from(["fonio:host".to_owned()]),
        }
    }

    fn load(&mut self, file: &str) -> rquickjs::Result<()> {
        let source = std::fs::read_to_string(layer().join(file))
            .unwrap_or_else(|fault| panic!("sdk/js/{file}: {fault}"));
        let (_, evaluated) = self.declare(&format!("./{file}"), &source)?.eval()?;
        drive(&self.ctx, &evaluated)
    }

    fn declare(&mut self, name: &str, source: &str) -> rquickjs::Result<Module<'js>> {
        self.known.insert(name.to_owned());
        for import in imports(source) {
            let file = resolve(name, import);
            if !self.known.contains(&file) {
                let path = file.trim_start_matches("./");
                let source = std::fs::read_to_string(layer().join(path))
                    .unwrap_or_else(|fault| panic!("{name} imports sdk/js/{path}: {fault}"));
                self.declare(&file, &source)?;
            }
        }
        Module::declare(self.ctx.clone(), name, source)
    }
}

/// What stands after `from` or `import` in quotes, one statement a line.
fn imports(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let line = line.trim_end().strip_suffix("';")?;
        let (before, import) = line.rsplit_once('\'')?;
        let statement = before.ends_with("from ") || before == "import ";
        (statement && !before.starts_with("//")).then_some(import)
    })
}

/// `../web/url.js` as `./node/http.js` means it.
fn resolve(from: &str, import: &str) -> String {
    if !import.starts_with('.') {
        return import.to_owned();
    }
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => drop(path.pop()),
            part => path.push(part),
        }
    }
    path.join("/")
}

fn drive<'js>(ctx: &Ctx<'js>, promise: &Promise<'js>) -> rquickjs::Result<()> {
    loop {
        while ctx.execute_pending_job() {}
        if promise.state() != rquickjs::promise::PromiseState::Pending {
            return promise.finish::<Value<'js>>().map(drop);
        }
        let fired: bool = ctx.eval("__nextTimer()")?;
        assert!(fired, "the test waits for what nothing will settle");
    }
}

fn to_json<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> rquickjs::Result<String> {
    match ctx.json_stringify(value)? {
        Some(text) => text.to_string(),
        None => Ok("null".to_owned()),
    }
}
