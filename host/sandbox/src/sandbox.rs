//! The sandbox as the host holds it: the engine, the runtime and the compiler, ready to load jobs and run steps.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fonio_project::Limits;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::adaptor::{Adaptor, AdaptorError, trap_reason};
use crate::bindings::compiler::CompilerPre;
use crate::bindings::compiler::exports::fonio::compiler::compile::Options;
use crate::bindings::expression::ExpressionPre;
use crate::bindings::expression::exports::fonio::expression::engine::Problem;
use crate::capabilities::collections::StepCollections;
use crate::capabilities::http::step::StepOutside;
use crate::capabilities::log::StepLog;
use crate::code::{CodeCache, CodeError};
use crate::compile::Shape;
use crate::engine::{Allocation, Ticker, engine};
use crate::expression::{RuntimeImports, link_runtime};
use crate::guest::{Linkers, store};
use crate::guests;
use crate::job::{COMMON_OPERATIONS, CompiledJob, JobProblem, source_position};
use crate::meter::{Limiter, Meter, Metered, STORE_MEMORIES_MAX};
use crate::package::PackageCode;

/// How to set up a [`Sandbox`].
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// Where compiled code is kept; private to this user.
    pub code_cache: PathBuf,
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
fn load_limits() -> Limits {
    Limits {
        memory_bytes: 256 << 20,
        cpu_time: Duration::from_secs(10),
        wall_time: Duration::from_secs(30),
        ..Limits::default()
    }
}

/// Beside the names that a job can call, the members of those that are objects, so that a slip in one is found.
const COLLECTIONS_MEMBERS: &[&str] = &[
    "collections.each",
    "collections.get",
    "collections.remove",
    "collections.set",
];

/// Memories that one step may have at once: the runtime's few, and as many as one adaptor's store may have. The pool
/// holds that for every step, so that no adaptor can take a neighbour's place in it.
const MEMORIES_PER_STEP: usize = 4 + STORE_MEMORIES_MAX;

/// Runs steps; cheap to share behind an `Arc`.
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) runtime: ExpressionPre<RuntimeImports>,
    pub(crate) places: Semaphore,
    compiler: CompilerPre<Limiter>,
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
        let code = CodeCache::open(options.code_cache, options.compiler, &engine)
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

    /// Compiles an expression. `name` appears in stack traces.
    ///
    /// # Errors
    /// Every problem found, by position in the source.
    pub async fn load_job(
        &self,
        name: &str,
        source: &str,
        adaptor: Option<Arc<Adaptor>>,
    ) -> Result<CompiledJob, Vec<JobProblem>> {
        let meter = Meter::new(load_limits());
        let work = Metered::new(
            Arc::clone(&meter),
            self.compile_job(name, source, adaptor, Arc::clone(&meter)),
        );
        match tokio::time::timeout(meter.limits().wall_time, work).await {
            Ok(result) => result,
            Err(_) => Err(vec![whole_job("the expression takes too long to compile")]),
        }
    }

    async fn compile_job(
        &self,
        name: &str,
        source: &str,
        adaptor: Option<Arc<Adaptor>>,
        meter: Arc<Meter>,
    ) -> Result<CompiledJob, Vec<JobProblem>> {
        let met = Arc::clone(&meter);
        let broken = |error: wasmtime::Error| {
            vec![whole_job(&format!(
                "the expression cannot be compiled: {}",
                trap_reason(&error, met.hit())
            ))]
        };
        let names = adaptor.iter().flat_map(|adaptor| adaptor.names());
        let known = COMMON_OPERATIONS
            .iter()
            .chain(COLLECTIONS_MEMBERS)
            .map(|name| (*name).to_owned())
            .chain(names)
            .collect();
        let mut compiler_store =
            store(&self.engine, Limiter(Arc::clone(&meter)), |limiter| limiter);
        let compiler = self
            .compiler
            .instantiate_async(&mut compiler_store)
            .await
            .map_err(broken)?;
        let answer = compiler
            .fonio_compiler_compile()
            .call_compile(&mut compiler_store, source, &Options { known })
            .await
            .map_err(broken)?;
        let compiled = answer.map_err(|problems| {
            problems
                .into_iter()
                .map(JobProblem::from)
                .collect::<Vec<_>>()
        })?;
        let package = adaptor.as_deref().and_then(Adaptor::package);
        let bytecode = self
            .bytecode(package, name, &compiled.module, meter)
            .await
            .map_err(broken)?
            .map_err(|problem| {
                let (line, column) = problem.at.map_or((1, 1), |at| {
                    source_position(&compiled.shifts, at.line, at.column)
                });
                vec![JobProblem {
                    message: problem.message,
                    line,
                    column,
                    help: None,
                }]
            })?;
        let warnings = compiled
            .warnings
            .into_iter()
            .map(JobProblem::from)
            .collect();
        Ok(CompiledJob {
            module: compiled.module,
            bytecode,
            shifts: compiled.shifts,
            adaptor,
            warnings,
        })
    }

    /// Bytecode fits the runtime that made it: of a job that uses a package, the package's own.
    async fn bytecode(
        &self,
        package: Option<&PackageCode>,
        name: &str,
        module: &str,
        meter: Arc<Meter>,
    ) -> wasmtime::Result<Result<Vec<u8>, Problem>> {
        if let Some(package) = package {
            let nowhere = StepOutside::nothing();
            let (mut store, _) = package.store(
                &self.engine,
                meter,
                StepLog::new(0),
                nowhere,
                StepCollections::default(),
            );
            let runtime = package.runtime.instantiate_async(&mut store).await?;
            let engine = runtime.fonio_expression_engine();
            return engine.call_compile(&mut store, name, module).await;
        }
        let imports = RuntimeImports::new(meter, StepLog::new(0), None);
        let mut store = store(&self.engine, imports, |imports| &mut imports.limiter);
        let runtime = self.runtime.instantiate_async(&mut store).await?;
        let engine = runtime.fonio_expression_engine();
        engine.call_compile(&mut store, name, module).await
    }
}

fn whole_job(message: &str) -> JobProblem {
    JobProblem {
        message: message.to_owned(),
        line: 1,
        column: 1,
        help: None,
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
