//! Adaptors: loaded once, described once, instantiated afresh for each step that calls one.

use std::sync::Arc;

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::bindings::adaptor::exports::fonio::operations::operations as wit;
use crate::bindings::adaptor::{Adaptor as Instance, AdaptorPre};
use crate::capabilities::http::Egress;
use crate::capabilities::http::step::Refusals;
use crate::capabilities::log::StepLog;
use crate::code::CodeError;
use crate::guest::{AdaptorState, store};
use crate::meter::{LimitHit, Meter};

/// What an adaptor says about itself.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Description {
    /// Short name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it is for.
    pub docs: String,
    /// What a job can call.
    pub operations: Vec<Operation>,
    /// JSON Schema of its credential.
    pub credential_schema: serde_json::Value,
    /// OpenFn package names it stands for.
    pub answers_to: Vec<String>,
    /// Capabilities it wants.
    pub wants: Vec<String>,
}

/// One operation.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Operation {
    /// As a job calls it.
    pub name: String,
    /// What it does.
    pub docs: String,
    /// In order.
    pub parameters: Vec<Parameter>,
}

impl Operation {
    /// The fields of its last parameter, if that is an object of options.
    pub(crate) fn options(&self) -> Vec<String> {
        let last = self
            .parameters
            .last()
            .filter(|parameter| parameter.optional);
        let fields = last.and_then(|parameter| parameter.schema["properties"].as_object());
        fields
            .map(|fields| fields.keys().cloned().collect())
            .unwrap_or_default()
    }
}

/// One parameter of an operation.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Parameter {
    /// For people; arguments go by position.
    pub name: String,
    /// What it means.
    pub docs: String,
    /// JSON Schema of the value.
    pub schema: serde_json::Value,
    /// May be left out.
    pub optional: bool,
}

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
    /// It failed to describe itself.
    #[error("its `describe` failed: {0}")]
    Describe(String),
}

/// Said where an import is missing.
const OFFERS: &str = "Offered are fonio:log 1.0, wasi:http 0.2 and plain WASI 0.2 (clocks, random, io, cli, filesystem and sockets with nothing in them)";

/// A loaded adaptor.
pub struct Adaptor {
    description: Description,
    imports: Vec<String>,
    pre: AdaptorPre<AdaptorState>,
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
    /// Links the component and asks it to describe itself, within `meter` and without any network.
    pub(crate) async fn load(
        engine: &Engine,
        linker: &Linker<AdaptorState>,
        component: &Component,
        meter: &Arc<Meter>,
    ) -> Result<Adaptor, AdaptorError> {
        let imports = interfaces(component, engine);
        require_operations(component, engine)?;
        let pre = linker
            .instantiate_pre(component)
            .map_err(|error| missing(&imports, &error))?;
        let pre =
            AdaptorPre::new(pre).map_err(|error| AdaptorError::Contract(format!("{error:#}")))?;
        let describe = describe(engine, &pre, Arc::clone(meter));
        let description = tokio::time::timeout(
            meter.limits().wall_time,
            crate::meter::Metered::new(Arc::clone(meter), describe),
        )
        .await
        .map_err(|_| {
            let hit = meter.record("wall_time");
            AdaptorError::Describe(format!(
                "it met a limit of loading: the limit `{}` is {}",
                hit.name, hit.value
            ))
        })??;
        Ok(Adaptor {
            description,
            imports,
            pre,
        })
    }

    /// What it says about itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The interfaces it imports, with versions.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// A fresh instance, for one step.
    pub(crate) async fn instantiate(
        &self,
        engine: &Engine,
        meter: &Arc<Meter>,
        log: &StepLog,
        egress: &Egress,
    ) -> wasmtime::Result<LiveAdaptor> {
        let refusals = Refusals::default();
        let state = AdaptorState::new(
            Arc::clone(meter),
            log.clone(),
            egress.clone(),
            refusals.clone(),
        );
        let mut store = store(engine, state, |state| &mut state.limiter);
        let instance = self.pre.instantiate_async(&mut store).await?;
        Ok(LiveAdaptor {
            store,
            instance,
            refusals,
        })
    }
}

/// An adaptor's instance while its step lasts.
pub(crate) struct LiveAdaptor {
    store: Store<AdaptorState>,
    instance: Instance,
    pub refusals: Refusals,
}

impl LiveAdaptor {
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

fn require_operations(component: &Component, engine: &Engine) -> Result<(), AdaptorError> {
    let exports: Vec<String> = component
        .component_type()
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    if exports
        .iter()
        .any(|name| name.starts_with("fonio:operations/operations@1."))
    {
        return Ok(());
    }
    Err(AdaptorError::Exports { exports })
}

/// Packages of which the host offers every interface.
const OFFERED: [&str; 8] = [
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

async fn describe(
    engine: &Engine,
    pre: &AdaptorPre<AdaptorState>,
    meter: Arc<Meter>,
) -> Result<Description, AdaptorError> {
    let failed = |error: wasmtime::Error| AdaptorError::Describe(trap_reason(&error, None));
    let egress = Egress::new(fonio_project::Grants::default());
    let log = StepLog::new(meter.limits().log_bytes);
    let state = AdaptorState::new(meter, log, egress, Refusals::default());
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

fn schema(of: &str, json: &str) -> Result<serde_json::Value, AdaptorError> {
    serde_json::from_str(json)
        .map_err(|error| AdaptorError::Describe(format!("the schema of {of} is not JSON: {error}")))
}

impl TryFrom<wit::Description> for Description {
    type Error = AdaptorError;

    fn try_from(said: wit::Description) -> Result<Description, AdaptorError> {
        let operations = said
            .operations
            .into_iter()
            .map(Operation::try_from)
            .collect::<Result<_, _>>()?;
        let credential_schema = schema("the credential", &said.credential_schema)?;
        Ok(Description {
            name: said.name,
            version: said.version,
            docs: said.docs,
            operations,
            credential_schema,
            answers_to: said.answers_to,
            wants: said.wants,
        })
    }
}

impl TryFrom<wit::Operation> for Operation {
    type Error = AdaptorError;

    fn try_from(said: wit::Operation) -> Result<Operation, AdaptorError> {
        let name = said.name;
        let parameters = said
            .parameters
            .into_iter()
            .map(|parameter| {
                let schema = schema(&format!("{name}({})", parameter.name), &parameter.schema)?;
                Ok(Parameter {
                    name: parameter.name,
                    docs: parameter.docs,
                    schema,
                    optional: parameter.optional,
                })
            })
            .collect::<Result<_, AdaptorError>>()?;
        Ok(Operation {
            name,
            docs: said.docs,
            parameters,
        })
    }
}
