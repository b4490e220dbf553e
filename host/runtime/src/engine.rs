//! `compile` and `run`: the life of one job.

use std::rc::Rc;

use rquickjs::{
    CatchResultExt, Context, Ctx, Function, Module, Object, Persistent, Promise, Runtime, Value,
};

use crate::bindings::{self, Random};
use crate::event_loop::{EventLoop, Outcome};
use crate::host::Host;
use crate::outside::Outside;
use crate::rejections::Rejections;
use crate::report::{JobError, Problem, innermost};
use crate::{library, package};

/// How deep scripts may recurse, measured on the stack that the linker gives a guest: about 950 calls of a function.
///
/// In WebAssembly a call also takes room on the host's stack, up to 16 times as much. With `max_wasm_stack` of 4 MiB
/// (2 MiB was seen to do for half of this) every recursion ends in a `RangeError` that the job can read. With 1 MiB
/// calls, getters and proxies still do, but JSON and source nested some thousand levels deep end in a trap.
const STACK_MAX_BYTES: usize = 256 * 1024;

/// A step's heap seldom grows past this, so a step seldom collects; one that does still collects well before the
/// default memory limit of 64 MiB.
const GC_THRESHOLD_BYTES: usize = 16 * 1024 * 1024;

/// An operation of the step's adaptor.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The name under which jobs call it.
    pub name: String,
    /// How many declared parameters it has; a function beyond them is a callback.
    pub parameters: u32,
    /// The fields of its last parameter, if that is an object of options.
    pub options: Vec<String>,
}

/// What one run needs.
#[derive(Clone, Debug)]
pub struct Job {
    /// From [`Engine::compile`], of this very build: bytecode is trusted, not checked.
    pub bytecode: Vec<u8>,
    /// Of the adaptor; the common operations are always there.
    pub operations: Vec<Operation>,
    /// JSON.
    pub state: String,
}

/// An interpreter with the library in it, good for one run: a job may change every global it sees.
pub struct Engine {
    // Fields drop in this order: values before the context, the context before the runtime.
    library: Persistent<Object<'static>>,
    context: Context,
    random: Rc<Random>,
    rejections: Rc<Rejections>,
    host: Rc<dyn Host>,
    outside: Option<Rc<dyn Outside>>,
    runtime: Runtime,
}

/// The engine, its library or the package did not start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl Engine {
    /// Starts the interpreter and loads the library. Calls nothing of `host`.
    ///
    /// # Errors
    /// If memory does not suffice.
    pub fn new(host: impl Host + 'static) -> Result<Self, StartError> {
        Self::start(Rc::new(host), None)
    }

    /// The same with a package in it, whose exports stand before the common operations; gives their names as JSON:
    /// `{ exports, skipped }`, in `exports` of each function the number of its parameters, of each namespace an object of
    /// the same kind; in `skipped` the names of those that cannot be read, with the reason. Calls nothing of `host` or
    /// `outside`.
    ///
    /// # Errors
    /// If the package is not a module that loads, or asks for the network or for random bytes while it does.
    pub fn for_package(
        host: impl Host + 'static,
        outside: impl Outside + 'static,
        source: &str,
    ) -> Result<(Self, String), StartError> {
        let gate = package::Gate::closed(outside);
        let engine = Self::start(Rc::new(host), Some(Rc::clone(&gate) as Rc<dyn Outside>))?;
        let exports = engine.context.with(|ctx| {
            let library = engine.library.clone().restore(&ctx);
            let library = library.map_err(|error| StartError(error.to_string()))?;
            package::load(&ctx, &library, &gate, source)
                .catch(&ctx)
                .map_err(|fault| StartError(package::thrown(&library, &fault)))
        })?;
        engine.settle_down();
        Ok((engine, exports))
    }

    fn start(host: Rc<dyn Host>, outside: Option<Rc<dyn Outside>>) -> Result<Self, StartError> {
        let start_error = |error: rquickjs::Error| StartError(error.to_string());
        let runtime = Runtime::new().map_err(start_error)?;
        runtime.set_max_stack_size(STACK_MAX_BYTES);
        let context = Context::full(&runtime).map_err(start_error)?;
        let random = Rc::new(Random::default());
        let library = context.with(|ctx| {
            let load = || {
                bindings::install(&ctx, &host, outside.as_ref(), &random)?;
                Ok(Persistent::save(&ctx, library::load(&ctx)?))
            };
            load()
                .catch(&ctx)
                .map_err(|error| StartError(error.to_string()))
        })?;
        let rejections = Rejections::track(&runtime);
        let engine = Self {
            library,
            context,
            random,
            rejections,
            host,
            outside,
            runtime,
        };
        engine.settle_down();
        Ok(engine)
    }

    /// Collects what loading left behind; what remains is not a step's garbage.
    fn settle_down(&self) {
        self.runtime.run_gc();
        let kept = usize::try_from(self.runtime.memory_usage().malloc_size).unwrap_or(0);
        self.runtime.set_gc_threshold(kept + GC_THRESHOLD_BYTES);
    }

    /// Compiles a module, as the job compiler wrote it, to bytecode for [`Engine::run`].
    ///
    /// # Errors
    /// If it is not an ES module.
    pub fn compile(&self, name: &str, module: &str) -> Result<Vec<u8>, Problem> {
        self.context.with(|ctx| {
            Module::declare(ctx.clone(), name, module)
                .and_then(|module| module.write(rquickjs::WriteOptions::default()))
                .catch(&ctx)
                .map_err(|error| match error {
                    rquickjs::CaughtError::Exception(exception) => Problem {
                        message: exception.message().unwrap_or_default(),
                        at: exception.stack().and_then(|stack| innermost(&stack, name)),
                    },
                    other => Problem {
                        message: other.to_string(),
                        at: None,
                    },
                })
        })
    }

    /// Runs a job to its end and gives the final state as JSON.
    ///
    /// # Errors
    /// What the job threw and did not catch, or that it waits for something that cannot happen.
    pub fn run(&self, job: &Job) -> Result<String, Box<JobError>> {
        self.random.seed(self.host.random_seed());
        let ended = self.context.with(|ctx| {
            let run = Run {
                ctx: ctx.clone(),
                host: &*self.host,
                outside: self.outside.as_deref(),
            };
            run.job(&self.library, job)
                .catch(&ctx)
                .unwrap_or_else(|fault| Err(Box::new(JobError::of_engine(&fault))))
        });
        self.rejections.report(&*self.host);
        ended
    }
}

/// One run in progress.
struct Run<'js, 'engine> {
    ctx: Ctx<'js>,
    host: &'engine dyn Host,
    outside: Option<&'engine dyn Outside>,
}

impl<'js> Run<'js, '_> {
    fn job(
        &self,
        library: &Persistent<Object<'static>>,
        job: &Job,
    ) -> rquickjs::Result<Result<String, Box<JobError>>> {
        let library = library.clone().restore(&self.ctx)?;
        self.prepare(&library, job)?;
        // SAFETY: the bytecode comes from `compile` of this build, by the contract of `Job::bytecode`.
        let module = unsafe { Module::load(self.ctx.clone(), &job.bytecode) }?;
        let name: String = module.name()?;
        let report = match self.evaluate(&library, module) {
            // Thrown past the library: by the callback of a timer, or by an import that leads nowhere.
            Err(rquickjs::Error::Exception) => library
                .get::<_, Function<'js>>("failed")?
                .call((self.ctx.catch(),))?,
            report => report?,
        };
        read_report(&report, &name)
    }

    fn prepare(&self, library: &Object<'js>, job: &Job) -> rquickjs::Result<()> {
        let begin: Function<'js> = library.get("begin")?;
        let operation: Function<'js> = library.get("defineOperation")?;
        for declared in &job.operations {
            let options = declared.options.clone();
            operation.call::<_, ()>((declared.name.as_str(), declared.parameters, options))?;
        }
        let state: Value<'js> = self.ctx.json_parse(job.state.as_str())?;
        begin.call((state, !job.operations.is_empty()))
    }

    fn evaluate(
        &self,
        library: &Object<'js>,
        module: Module<'js>,
    ) -> rquickjs::Result<Object<'js>> {
        let execute: Function<'js> = library.get("execute")?;
        let events = EventLoop::new(library, self.host, self.outside)?;
        let (module, evaluation) = module.eval()?;
        let report: Promise<'js> = execute.call((evaluation, module.namespace()?))?;
        match events.drive(&report)? {
            Outcome::Settled => report.finish(),
            Outcome::Stuck => library.get::<_, Function<'js>>("stuck")?.call(()),
        }
    }
}

/// Reads what `run.js` resolves to: `{ state }` with JSON text, or `{ error }` with a description.
fn read_report(
    report: &Object<'_>,
    module: &str,
) -> rquickjs::Result<Result<String, Box<JobError>>> {
    if let Some(error) = report.get::<_, Option<Object<'_>>>("error")? {
        return Ok(Err(Box::new(JobError::from_description(&error, module)?)));
    }
    let state: String = report.get("state")?;
    Ok(Ok(crate::text::well_formed(&state).into_owned()))
}
