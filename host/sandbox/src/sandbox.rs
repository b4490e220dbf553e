//! The sandbox as the host holds it: the engine, the runtime and the compiler, ready to load jobs and run steps.

use std::path::PathBuf;
use std::time::Duration;

use fonio_project::Limits;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::adaptor::{Adaptor, AdaptorError};
use crate::bindings::compiler::CompilerPre;
use crate::bindings::expression::ExpressionPre;
use crate::code::{CodeCache, CodeError, CodeKey};
use crate::compile::Shape;
use crate::engine::{Allocation, Ticker, engine};
use crate::expression::{RuntimeImports, link_runtime};
use crate::guest::Linkers;
use crate::guests;
use crate::meter::{Limiter, Meter, STORE_MEMORIES_MAX};

/// How to set up a [`Sandbox`].
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// Where compiled code is kept; private to this user.
    pub code_cache: PathBuf,
    /// By which that code is known as our own.
    pub code_key: CodeKey,
    /// The program that compiles guests when called with `compile-guest`.
    pub compiler: PathBuf,
    /// How many steps may run at once. 8 with the default memory limit is at most 512 MiB, and a mapping step takes
    /// about 2 MiB.
    pub steps: usize,
}

/// Why the sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine does not start on this machine.
    #[error("the WebAssembly engine does not start: {0:#}")]
    Engine(wasmtime::Error),
    /// One of the guests that the program carries does not load.
    #[error("the {0} inside the program does not load: {1}")]
    Guest(&'static str, CodeError),
    /// No thread for the deadlines.
    #[error("no thread could be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The code cache cannot be used.
    #[error(transparent)]
    Cache(CodeError),
}

/// Loading an adaptor or a job is limited too; the project's own limits are for steps.
pub(crate) fn load_limits() -> Limits {
    Limits {
        memory_bytes: 256 << 20,
        cpu_time: Duration::from_secs(10),
        wall_time: Duration::from_secs(30),
        ..Limits::default()
    }
}

/// Memories that one step may have at once: the runtime's few, and as many as one adaptor's store may have. The pool
/// holds that for every step, so that no adaptor can take a neighbour's place in it.
const MEMORIES_PER_STEP: usize = 4 + STORE_MEMORIES_MAX;

/// Runs steps; cheap to share behind an `Arc`.
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) runtime: ExpressionPre<RuntimeImports>,
    pub(crate) places: Semaphore,
    pub(crate) compiler: CompilerPre<Limiter>,
    linkers: Linkers,
    code: CodeCache,
    _ticker: Ticker,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts the engine and loads the runtime and the compiler, compiling them if this is the first time.
    ///
    /// # Errors
    /// When the engine does not start, or the code cache cannot be used.
    pub async fn start(options: SandboxOptions) -> Result<Sandbox, SandboxError> {
        // One step more than may run: a project being loaded needs a place too.
        let memories = u32::try_from((options.steps + 1) * MEMORIES_PER_STEP).unwrap_or(u32::MAX);
        let engine = engine(Allocation::Pooled(memories)).or_else(|error| {
            tracing::warn!(%error, "no address space for a pool of instances; they are mapped one by one, at about twice the cost");
            engine(Allocation::OnDemand)
        });
        let engine = engine.map_err(SandboxError::Engine)?;
        let code = CodeCache::open(
            options.code_cache,
            options.code_key,
            options.compiler,
            &engine,
        )
        .map_err(SandboxError::Cache)?;
        let linkers = Linkers::new(&engine).map_err(SandboxError::Engine)?;
        let ticker = Ticker::start(&engine)?;
        let (runtime, compiler) =
            tokio::join!(load_runtime(&engine, &code), load_compiler(&engine, &code));
        let places = Semaphore::new(options.steps);
        Ok(Sandbox {
            runtime: runtime?,
            compiler: compiler?,
            engine,
            places,
            linkers,
            code,
            _ticker: ticker,
        })
    }

    /// Loads an adaptor from the bytes of its `.wasm` file.
    ///
    /// # Errors
    /// When it is no component, does not compile, wants what the host has not, or does not keep to the contract.
    pub async fn load_adaptor(&self, wasm: &[u8]) -> Result<Adaptor, AdaptorError> {
        let component = self.code.load(&self.engine, wasm, Shape::Plain).await?;
        Adaptor::load(
            &self.engine,
            &self.linkers,
            &component,
            wasm,
            &Meter::new(load_limits()),
        )
        .await
    }

    /// The adaptors that need no file: name and bytes.
    pub fn built_in_adaptors() -> &'static [(&'static str, &'static [u8])] {
        guests::ADAPTORS
    }
}

async fn load_runtime(
    engine: &Engine,
    code: &CodeCache,
) -> Result<ExpressionPre<RuntimeImports>, SandboxError> {
    let failed = |error| SandboxError::Guest("expression runtime", error);
    let component = code
        .load(engine, guests::RUNTIME, Shape::Snapshot)
        .await
        .map_err(failed)?;
    let mut linker = Linker::new(engine);
    link_runtime(&mut linker, |imports| imports).map_err(SandboxError::Engine)?;
    linker
        .instantiate_pre(&component)
        .and_then(ExpressionPre::new)
        .map_err(SandboxError::Engine)
}

async fn load_compiler(
    engine: &Engine,
    code: &CodeCache,
) -> Result<CompilerPre<Limiter>, SandboxError> {
    let failed = |error| SandboxError::Guest("job compiler", error);
    let component = code
        .load(engine, guests::COMPILER, Shape::Plain)
        .await
        .map_err(failed)?;
    let linker = Linker::new(engine);
    linker
        .instantiate_pre(&component)
        .and_then(CompilerPre::new)
        .map_err(SandboxError::Engine)
}
