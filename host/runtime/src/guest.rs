//! The world `runtime`: its imports as a [`Host`], its exports over one [`Engine`] per instance. With the feature
//! `package` the world is `package-runtime`, and the engine one with a package in it.

use std::cell::{Cell, OnceCell};

use crate::host::{Failure, Host, ItemPage, ItemQuery, Level, Reply};
use crate::{Engine, report};

#[cfg(not(feature = "package"))]
wit_bindgen::generate!({
    path: ["../../wit/log", "../../wit/collections", "../../wit/events", "../../wit/expression"],
    world: "fonio:expression/runtime",
    generate_all,
});

#[cfg(feature = "package")]
wit_bindgen::generate!({
    path: ["../../wit/log", "../../wit/collections", "../../wit/events", "../../wit/expression"],
    world: "fonio:expression/package-runtime",
    generate_all,
});

use exports::fonio::expression::engine as wit;
use fonio::collections::collections;
use fonio::events::events;
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

    fn collection_get(&self, collection: &str, key: &str) -> Result<Option<String>, Failure> {
        collections::get(collection, key).map_err(of_collections)
    }

    fn collection_list(
        &self,
        collection: &str,
        query: &ItemQuery,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<ItemPage, Failure> {
        let page = collections::list(collection, &asked(query), limit, cursor);
        let page = page.map_err(of_collections)?;
        let items = page.items.into_iter().map(|item| (item.key, item.value));
        Ok(ItemPage {
            items: items.collect(),
            cursor: page.cursor,
        })
    }

    fn collection_set(
        &self,
        collection: &str,
        items: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        let items: Vec<collections::Item> = items
            .into_iter()
            .map(|(key, value)| collections::Item { key, value })
            .collect();
        collections::set(collection, &items).map_err(of_collections)
    }

    fn collection_remove(
        &self,
        collection: &str,
        query: &ItemQuery,
    ) -> Result<Vec<String>, Failure> {
        collections::remove(collection, &asked(query)).map_err(of_collections)
    }

    fn publish(&self, name: &str, payload: &str) -> Result<(), Failure> {
        events::publish(name, payload).map_err(of_events)
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

fn asked(query: &ItemQuery) -> collections::Query {
    collections::Query {
        keys: query.keys.clone(),
        created_before: query.created_before,
        created_after: query.created_after,
        updated_before: query.updated_before,
        updated_after: query.updated_after,
    }
}

/// The codes are those that OpenFn's jobs know.
fn of_collections(error: collections::Error) -> Failure {
    let (code, message) = match error {
        collections::Error::UnknownCollection(message) => ("COLLECTION_NOT_FOUND", message),
        collections::Error::Invalid(message) => ("ILLEGAL_ARGUMENTS", message),
        collections::Error::Other(message) => ("COLLECTIONS_ERROR", message),
    };
    Failure {
        code: code.to_owned(),
        message,
        details: "{}".to_owned(),
    }
}

fn of_events(error: events::Error) -> Failure {
    let (code, message) = match error {
        events::Error::Invalid(message) => ("ILLEGAL_ARGUMENTS", message),
        events::Error::Denied(message) => ("DENIED", message),
        events::Error::Limit(message) => ("LIMIT", message),
        events::Error::Other(message) => ("EVENTS_ERROR", message),
    };
    Failure {
        code: code.to_owned(),
        message,
        details: "{}".to_owned(),
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

fn start() -> Engine {
    INITIALIZING.set(true);
    let engine = load();
    INITIALIZING.set(false);
    engine
}

/// A library that does not load is a fault of the build, found by its tests; it stops the instance with its message.
#[cfg(not(feature = "package"))]
fn load() -> Engine {
    Engine::new(Imports)
        .unwrap_or_else(|fault| panic!("the expression library did not load: {fault}"))
}

/// A package that does not load is told to the host; what follows is of no use to it.
#[cfg(feature = "package")]
fn load() -> Engine {
    use fonio::expression::loading;
    let outside = crate::wasi::Wasi::default();
    let source = loading::source();
    let loaded = Engine::for_package(Imports, outside, &source);
    drop(source);
    match loaded {
        Ok((engine, exports)) => {
            zero_free_memory();
            loading::loaded(Ok(&exports));
            engine
        }
        Err(fault) => {
            loading::loaded(Err(&fault.to_string()));
            panic!("the package did not load: {fault}")
        }
    }
}

/// What loading left behind in freed memory would stand in the snapshot, byte for byte; zeros do not. Takes all there is,
/// in ever smaller blocks until the memory would have to grow, and gives it back.
#[cfg(feature = "package")]
fn zero_free_memory() {
    let pages = || core::arch::wasm32::memory_size(0);
    let mut blocks = Vec::with_capacity(1 << 14);
    for block_bytes in [1 << 16, 1 << 13, 1 << 10] {
        let before = pages();
        while pages() == before && blocks.len() < blocks.capacity() {
            let mut block = Vec::with_capacity(block_bytes);
            block.resize(block_bytes, 0u8);
            blocks.push(std::hint::black_box(block));
        }
    }
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
