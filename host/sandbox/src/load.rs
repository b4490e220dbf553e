//! From what an author wrote to bytecode: the compiler guest first, then the engine that will run it.

use std::future::Future;
use std::sync::Arc;

use wasmtime::Store;

use crate::Sandbox;
use crate::adaptor::{Adaptor, trap_reason};
use crate::bindings::compiler::Compiler;
use crate::bindings::compiler::exports::fonio::compiler::compile::{Compiled, Options, Problem};
use crate::bindings::expression::exports::fonio::expression::engine::Problem as EngineProblem;
use crate::capabilities::collections::StepCollections;
use crate::capabilities::events::StepEvents;
use crate::capabilities::http::step::StepOutside;
use crate::capabilities::log::StepLog;
use crate::expression::RuntimeImports;
use crate::guest::store;
use crate::job::{COMMON_OPERATIONS, CompiledJob, JobProblem, WrittenAddress, source_position};
use crate::meter::{Limiter, Meter, Metered};
use crate::nesting;
use crate::package::PackageCode;
use crate::sandbox::load_limits;

/// Beside the names that a job can call, the members of those that are objects, so that a slip in one is found.
const COLLECTIONS_MEMBERS: &[&str] = &[
    "collections.each",
    "collections.get",
    "collections.remove",
    "collections.set",
];

type Loaded = Result<CompiledJob, Vec<JobProblem>>;

impl Sandbox {
    /// Compiles an expression. `name` appears in stack traces.
    ///
    /// # Errors
    /// Every problem found, by position in the source.
    pub async fn load_job(
        &self,
        name: &str,
        source: &str,
        adaptor: Option<Arc<Adaptor>>,
    ) -> Loaded {
        let loading = Loading::new(self, source);
        let work = async {
            let names = adaptor.iter().flat_map(|adaptor| adaptor.names());
            let known = COMMON_OPERATIONS.iter().chain(COLLECTIONS_MEMBERS);
            let known = known.map(|name| (*name).to_owned()).chain(names).collect();
            let compiled = loading.compile(&Options { known }).await?;
            loading.job(name, compiled, adaptor).await
        };
        loading.within_limits(work, Err).await
    }

    /// Every syntax error in an expression whose adaptor is not here, so that it cannot be compiled.
    pub async fn check_syntax(&self, source: &str) -> Vec<JobProblem> {
        let loading = Loading::new(self, source);
        let work = async {
            let answer = async {
                let (mut store, compiler) = loading.compiler().await?;
                let compiler = compiler.fonio_compiler_compile();
                compiler.call_check_syntax(&mut store, source).await
            };
            match answer.await {
                Ok(problems) => problems.into_iter().map(JobProblem::from).collect(),
                Err(error) => loading.broken(&error),
            }
        };
        loading.within_limits(work, |late| late).await
    }

    /// Compiles a condition on an edge: exactly one expression of `state` and `upstreamStepId`, which sees no operations.
    /// Its job starts from an object of these two, and ends with `{"holds":true}` or `{"holds":false}`.
    ///
    /// # Errors
    /// Every problem found, by position in the source.
    pub async fn load_condition(&self, source: &str) -> Loaded {
        let loading = Loading::new(self, source);
        let work = async {
            let compiled = loading.compile_condition().await?;
            loading.job("condition", compiled, None).await
        };
        loading.within_limits(work, Err).await
    }
}

/// One source on its way, within limits of its own.
struct Loading<'s> {
    sandbox: &'s Sandbox,
    source: &'s str,
    meter: Arc<Meter>,
}

impl<'s> Loading<'s> {
    fn new(sandbox: &'s Sandbox, source: &'s str) -> Loading<'s> {
        Loading {
            sandbox,
            source,
            meter: Meter::new(load_limits()),
        }
    }

    /// What `work` gives, or `late` of what is wrong with work that takes too long.
    async fn within_limits<R>(
        &self,
        work: impl Future<Output = R>,
        late: impl FnOnce(Vec<JobProblem>) -> R,
    ) -> R {
        let work = Metered::new(Arc::clone(&self.meter), work);
        let done = tokio::time::timeout(self.meter.limits().wall_time, work).await;
        done.unwrap_or_else(|_| {
            let said = "the expression takes too long to compile";
            late(vec![JobProblem::at((1, 1), said)])
        })
    }

    async fn compile(&self, options: &Options) -> Result<Compiled, Vec<JobProblem>> {
        let answer = async {
            let (mut store, compiler) = self.compiler().await?;
            let compiler = compiler.fonio_compiler_compile();
            compiler
                .call_compile(&mut store, self.source, options)
                .await
        };
        self.compiled(answer.await)
    }

    async fn compile_condition(&self) -> Result<Compiled, Vec<JobProblem>> {
        let hidden: Vec<String> = COMMON_OPERATIONS
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        let answer = async {
            let (mut store, compiler) = self.compiler().await?;
            let compiler = compiler.fonio_compiler_compile();
            compiler
                .call_compile_condition(&mut store, self.source, &hidden)
                .await
        };
        self.compiled(answer.await)
    }

    async fn compiler(&self) -> wasmtime::Result<(Store<Limiter>, Compiler)> {
        let limiter = Limiter(Arc::clone(&self.meter));
        let mut store = store(&self.sandbox.engine, limiter, |limiter| limiter);
        let compiler = self.sandbox.compiler.instantiate_async(&mut store).await?;
        Ok((store, compiler))
    }

    fn compiled(
        &self,
        answer: wasmtime::Result<Result<Compiled, Vec<Problem>>>,
    ) -> Result<Compiled, Vec<JobProblem>> {
        let answer = answer.map_err(|error| self.broken(&error))?;
        answer.map_err(|problems| problems.into_iter().map(JobProblem::from).collect())
    }

    async fn job(&self, name: &str, compiled: Compiled, adaptor: Option<Arc<Adaptor>>) -> Loaded {
        let package = adaptor.as_deref().and_then(Adaptor::package);
        let bytecode = self.bytecode(package, name, &compiled.module).await;
        let bytecode = bytecode.map_err(|error| self.broken(&error))?;
        let bytecode = bytecode.map_err(|problem| {
            if nesting::overflowed(&problem.message) {
                return vec![nesting::problem(self.source)];
            }
            let place = problem.at.map_or((1, 1), |at| {
                source_position(&compiled.shifts, at.line, at.column)
            });
            vec![JobProblem::at(place, problem.message)]
        })?;
        let warnings = compiled.warnings.into_iter().map(JobProblem::from);
        let addresses = compiled.addresses.into_iter().map(WrittenAddress::from);
        Ok(CompiledJob {
            module: compiled.module,
            bytecode,
            shifts: compiled.shifts,
            adaptor,
            warnings: warnings.collect(),
            addresses: addresses.collect(),
        })
    }

    /// Bytecode fits the runtime that made it: of a job that uses a package, the package's own.
    async fn bytecode(
        &self,
        package: Option<&PackageCode>,
        name: &str,
        module: &str,
    ) -> wasmtime::Result<Result<Vec<u8>, EngineProblem>> {
        let engine = &self.sandbox.engine;
        let meter = Arc::clone(&self.meter);
        if let Some(package) = package {
            let nowhere = StepOutside::nothing();
            let (collections, events) = (StepCollections::default(), StepEvents::default());
            let (mut store, _) =
                package.store(engine, meter, StepLog::new(0), nowhere, collections, events);
            let runtime = package.runtime.instantiate_async(&mut store).await?;
            let engine = runtime.fonio_expression_engine();
            return engine.call_compile(&mut store, name, module).await;
        }
        let imports = RuntimeImports::new(meter, StepLog::new(0), None);
        let mut store = store(engine, imports, |imports| &mut imports.limiter);
        let runtime = self.sandbox.runtime.instantiate_async(&mut store).await?;
        let engine = runtime.fonio_expression_engine();
        engine.call_compile(&mut store, name, module).await
    }

    /// A guest that broke down over the source: by a limit, or because its stack did not suffice.
    fn broken(&self, error: &wasmtime::Error) -> Vec<JobProblem> {
        let hit = self.meter.hit();
        vec![if hit.is_none() && nesting::exhausted(error) {
            nesting::problem(self.source)
        } else {
            let reason = trap_reason(error, hit);
            JobProblem::at(
                (1, 1),
                format!("the expression cannot be compiled: {reason}"),
            )
        }]
    }
}
