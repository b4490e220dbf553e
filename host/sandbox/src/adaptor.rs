//! Adaptors: loaded once, described once, instantiated afresh for each step that calls one.
//!
//! There are two shapes, told apart by what they export: a component that exports operations, which describes itself when
//! asked; and a package from npm in an expression runtime of its own, whose description stands in its file.

use std::sync::Arc;

use wasmtime::component::Component;
use wasmtime::{Engine, Store};

use crate::bindings::adaptor::exports::fonio::operations::operations as wit;
use crate::bindings::adaptor::{Adaptor as Instance, AdaptorPre};
use crate::capabilities::collections::StepCollections;
use crate::capabilities::events::StepEvents;
use crate::capabilities::http::step::{Refusals, StepHttp, StepOutside};
use crate::capabilities::log::StepLog;
use crate::code::CodeError;
use crate::description::Description;
use crate::guest::{AdaptorState, Linkers, store};
use crate::meter::{LimitHit, Meter};
use crate::package::{Contents, Package, PackageCode};

/// Why a file is not an adaptor that this host can run.
#[derive(Debug, thiserror::Error)]
pub enum AdaptorError {
    /// It is no component, or does not compile.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// It imports what the host does not have.
    #[error("it wants {}, which this host does not offer. {}", .wanted.join(" and "), OFFERS)]
    Imports {
        /// The interfaces, with versions.
        wanted: Vec<String>,
    },
    /// It does not export the contract.
    #[error("it does not export `fonio:operations/operations@1.0.0`; its exports are: {}", if .exports.is_empty() { "none".to_owned() } else { .exports.join(", ") })]
    Exports {
        /// What it exports instead.
        exports: Vec<String>,
    },
    /// It exports something of that name and another shape.
    #[error("it does not fit the contract `fonio:operations/operations@1.0.0`: {0}")]
    Contract(String),
    /// It is an expression runtime, and what it says about the package in it cannot be read.
    #[error("{0}. `fonio adaptor import` makes such files from npm packages")]
    Package(String),
    /// It failed to describe itself.
    #[error("its `describe` failed: {0}")]
    Describe(String),
}

/// Said where an import is missing.
const OFFERS: &str = "Offered are fonio:log 1.0, fonio:collections 1.0, fonio:events 1.0, wasi:http 0.2 and plain WASI 0.2 (clocks, random, io, cli, filesystem and sockets with nothing in them)";

/// A loaded adaptor.
pub struct Adaptor {
    description: Description,
    imports: Vec<String>,
    pub(crate) code: Code,
}

/// How a job reaches an adaptor's operations.
pub(crate) enum Code {
    /// In a store of its own, call by call.
    Operations(AdaptorPre<AdaptorState>),
    /// In the job's own JavaScript engine, which is the package's.
    Package(PackageCode),
}

impl std::fmt::Debug for Adaptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Adaptor({} {})",
            self.description.name, self.description.version
        )
    }
}

impl Adaptor {
    /// Links the component and has it described: a package by its section, an adaptor of operations by asking it, within
    /// `meter` and without any network.
    pub(crate) async fn load(
        engine: &Engine,
        linkers: &Linkers,
        component: &Component,
        wasm: &[u8],
        meter: &Arc<Meter>,
    ) -> Result<Adaptor, AdaptorError> {
        let imports = interfaces(component, engine);
        if shape(component, engine)? == Shape::Package {
            let package = Package::read(wasm)?;
            let code = PackageCode::link(&linkers.package, component, package.contents)
                .map_err(|error| missing(&imports, &error))?;
            return Ok(Adaptor {
                description: package.description,
                imports,
                code: Code::Package(code),
            });
        }
        let pre = linkers
            .adaptor
            .instantiate_pre(component)
            .map_err(|error| missing(&imports, &error))?;
        let pre =
            AdaptorPre::new(pre).map_err(|error| AdaptorError::Contract(format!("{error:#}")))?;
        Ok(Adaptor {
            description: described(engine, &pre, meter).await?,
            imports,
            code: Code::Operations(pre),
        })
    }

    /// What it says about itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Whether it says that it wants collections. One that only imports them (the tools of some languages import all of
    /// the contract) finds none.
    pub fn wants_collections(&self) -> bool {
        let mut wants = self.description.wants.iter();
        wants.any(|want| want == "collections")
    }

    /// The same for events.
    pub fn wants_events(&self) -> bool {
        self.description.wants.iter().any(|want| want == "events")
    }

    /// The interfaces it imports, with versions.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// What is in it, if it is a package of the JavaScript world in an expression runtime of its own.
    pub fn contents(&self) -> Option<&Contents> {
        self.package().map(|package| &package.contents)
    }

    /// The package, if it is one.
    pub(crate) fn package(&self) -> Option<&PackageCode> {
        match &self.code {
            Code::Operations(_) => None,
            Code::Package(package) => Some(package),
        }
    }

    /// Every name that a job may call: of a namespace also its members, as `http.get`.
    pub(crate) fn names(&self) -> Vec<String> {
        match &self.code {
            Code::Operations(_) => {
                let operations = self.description.operations.iter();
                operations.map(|operation| operation.name.clone()).collect()
            }
            Code::Package(package) => package.contents.exports.names(),
        }
    }
}

/// An adaptor's instance while its step lasts.
pub(crate) struct LiveAdaptor {
    store: Store<AdaptorState>,
    instance: Instance,
    pub refusals: Refusals,
}

impl LiveAdaptor {
    /// A fresh instance, for one step.
    pub async fn start(
        pre: &AdaptorPre<AdaptorState>,
        engine: &Engine,
        meter: &Arc<Meter>,
        log: &StepLog,
        outside: &StepOutside,
        collections: &StepCollections,
        events: &StepEvents,
    ) -> wasmtime::Result<LiveAdaptor> {
        let hooks = StepHttp::new(outside.clone(), Arc::clone(meter), log.clone());
        let refusals = hooks.refusals();
        let seen = &outside.variables;
        let mut state = AdaptorState::new(Arc::clone(meter), log.clone(), hooks, seen);
        state.collections = collections.clone().noting(refusals.clone());
        state.events = events.clone().noting(refusals.clone());
        let mut store = store(engine, state, |state| &mut state.limiter);
        let instance = pre.instantiate_async(&mut store).await?;
        Ok(LiveAdaptor {
            store,
            instance,
            refusals,
        })
    }

    pub async fn invoke(
        &mut self,
        operation: String,
        arguments: String,
        state: String,
    ) -> wasmtime::Result<Result<wit::Reply, wit::Error>> {
        self.instance
            .fonio_operations_operations()
            .call_invoke(&mut self.store, &operation, &arguments, &state)
            .await
    }
}

fn interfaces(component: &Component, engine: &Engine) -> Vec<String> {
    component
        .component_type()
        .imports(engine)
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Operations,
    Package,
}

fn shape(component: &Component, engine: &Engine) -> Result<Shape, AdaptorError> {
    let exports: Vec<String> = component
        .component_type()
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let has = |interface: &str| exports.iter().any(|name| name.starts_with(interface));
    if has("fonio:operations/operations@1.") {
        Ok(Shape::Operations)
    } else if has("fonio:expression/engine@1.") {
        Ok(Shape::Package)
    } else {
        Err(AdaptorError::Exports { exports })
    }
}

/// Packages of which the host offers every interface.
const OFFERED: [&str; 11] = [
    "fonio:collections/",
    "fonio:events/",
    "fonio:expression/",
    "fonio:log/",
    "wasi:http/",
    "wasi:io/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:cli/",
    "wasi:filesystem/",
    "wasi:sockets/",
];

/// Names the imports that the host lacks; if all are there by name, says what is wrong with one.
fn missing(imports: &[String], error: &wasmtime::Error) -> AdaptorError {
    let lacking = |name: &&String| !OFFERED.iter().any(|package| name.starts_with(package));
    let wanted: Vec<String> = imports
        .iter()
        .filter(lacking)
        .map(|name| format!("`{name}`"))
        .collect();
    if wanted.is_empty() {
        AdaptorError::Contract(format!("{error:#}"))
    } else {
        AdaptorError::Imports { wanted }
    }
}

/// Asks within the limits of loading.
async fn described(
    engine: &Engine,
    pre: &AdaptorPre<AdaptorState>,
    meter: &Arc<Meter>,
) -> Result<Description, AdaptorError> {
    let describe = describe(engine, pre, Arc::clone(meter));
    let metered = crate::meter::Metered::new(Arc::clone(meter), describe);
    let described = tokio::time::timeout(meter.limits().wall_time, metered).await;
    described.map_err(|_| {
        let hit = meter.record("wall_time");
        AdaptorError::Describe(format!(
            "it met a limit of loading: the limit `{}` is {}",
            hit.name, hit.value
        ))
    })?
}

async fn describe(
    engine: &Engine,
    pre: &AdaptorPre<AdaptorState>,
    meter: Arc<Meter>,
) -> Result<Description, AdaptorError> {
    let failed = |error: wasmtime::Error| AdaptorError::Describe(trap_reason(&error, None));
    let log = StepLog::new(meter.limits().log_bytes);
    let hooks = StepHttp::new(StepOutside::nothing(), Arc::clone(&meter), log.clone());
    let state = AdaptorState::new(meter, log, hooks, &[]);
    let mut store = store(engine, state, |state| &mut state.limiter);
    let instance = pre.instantiate_async(&mut store).await.map_err(failed)?;
    let said = instance
        .fonio_operations_operations()
        .call_describe(&mut store)
        .await
        .map_err(failed)?;
    said.try_into()
}

/// A trap as one sentence: the limit that caused it, or wasmtime's reason without its backtrace. For loading, whose
/// limits are not the project's to raise; a step's own limits have their sentences in the table.
pub(crate) fn trap_reason(error: &wasmtime::Error, hit: Option<LimitHit>) -> String {
    if let Some(hit) = hit.or_else(|| error.downcast_ref::<LimitHit>().cloned()) {
        return format!(
            "it met a limit of loading: the limit `{}` is {}",
            hit.name, hit.value
        );
    }
    if let Some(trap) = error.downcast_ref::<wasmtime::Trap>() {
        return trap.to_string();
    }
    error.root_cause().to_string()
}
