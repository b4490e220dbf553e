//! The world `runtime`: its imports as a [`Host`], its exports over one [`Engine`] per instance.

use std::cell::{Cell, OnceCell};

use crate::host::{Failure, Host, Level, Reply};
use crate::{Engine, report};

wit_bindgen::generate!({
    path: ["../../wit/log", "../../wit/expression"],
    world: "fonio:expression/runtime",
    generate_all,
});

use exports::fonio::expression::engine as wit;
use fonio::expression::step;
use fonio::log::log;

struct Imports;

impl Host for Imports {
    fn invoke(&self, operation: &str, arguments: &str, state: &str) -> Result<Reply, Failure> {
        match step::invoke(operation, arguments, state) {
            Ok(reply) => Ok(Reply {
                data: reply.data,
                response: reply.response,
            }),
            Err(failure) => Err(Failure {
                code: failure.code,
                message: failure.message,
                details: failure.details,
            }),
        }
    }

    fn random_seed(&self) -> u64 {
        step::random_seed()
    }

    fn sleep(&self, milliseconds: u64) {
        step::sleep(milliseconds);
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, message);
    }
}

thread_local! {
    static ENGINE: OnceCell<Engine> = const { OnceCell::new() };
    static INITIALIZING: Cell<bool> = const { Cell::new(false) };
}

/// QuickJS reads the clock through this: for `Date`, and once when a context starts, to seed a generator that we
/// replace. The second must not reach the host, because no import may be called before the snapshot.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    if INITIALIZING.get() {
        0.0
    } else {
        step::now_us()
    }
}

/// Runs `use_engine` on the instance's engine, starting one first if `initialize` was never called.
fn with_engine<T>(use_engine: impl FnOnce(&Engine) -> T) -> T {
    ENGINE.with(|cell| use_engine(cell.get_or_init(start)))
}

/// A library that does not load is a fault of the build, found by its tests; it stops the instance with its message.
fn start() -> Engine {
    INITIALIZING.set(true);
    let engine = Engine::new(Imports);
    INITIALIZING.set(false);
    engine.unwrap_or_else(|fault| panic!("the expression library did not load: {fault}"))
}

struct Runtime;

impl Guest for Runtime {
    fn initialize() {
        with_engine(|_| ());
    }
}

impl wit::Guest for Runtime {
    fn compile(name: String, module: String) -> Result<Vec<u8>, wit::Problem> {
        with_engine(|engine| engine.compile(&name, &module)).map_err(|problem| wit::Problem {
            message: problem.message,
            at: problem.at.map(position),
        })
    }

    fn run(job: wit::Job) -> Result<wit::Json, wit::JobError> {
        let job = crate::Job {
            bytecode: job.bytecode,
            operations: job
                .operations
                .into_iter()
                .map(|operation| crate::Operation {
                    name: operation.name,
                    parameters: operation.parameters,
                    options: operation.options,
                })
                .collect(),
            state: job.state,
        };
        with_engine(|engine| engine.run(&job)).map_err(|error| wit::JobError {
            name: error.name,
            message: error.message,
            code: error.code,
            details: error.details,
            at: error.at.map(position),
            state: error.state,
        })
    }
}

fn position(at: report::Position) -> wit::Position {
    wit::Position {
        line: at.line,
        column: at.column,
    }
}

export!(Runtime);
