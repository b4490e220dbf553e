//! From the files of a project directory to a checked model. It knows nothing of WebAssembly or HTTP.
//!
//! ```text
//! .env ─────────────────── dotenv ───┐
//! fonio.toml ─────── tree ─ settings ┤
//! project.yaml, … ── tree ─ formats ─┼── draft ── resolve ── model ── export ── project.yaml, …
//! jobs/*.js, … ──────────────────────┤               │
//! credentials/*.json ────────────────┘            report: every problem, with its place and what to do
//! ```
//!
//! OpenFn's project files come in four generations and some dialects. Each has a reader in `formats`, which makes a
//! draft of it: workflows whose names are not looked up yet. All that follows knows one model only: [`Workflow`]s, in
//! which [`Edge`]s lead from [`Trigger`]s to [`Job`]s and from jobs to jobs. [`export`] writes it as any generation but
//! the first.
//!
//! [`load`] reads a directory once and reports everything that is wrong with it, not only the first. Entry points to
//! read next: `model` (what a project is), `formats` (which file is read how), `resolve` (what must be true of it),
//! [`Grants`] (what a job may reach) and [`LIMITS`] (what a step may use).

mod adaptor;
mod alone;
mod amount;
mod credential;
mod criteria;
mod dotenv;
mod draft;
mod escaped;
mod event;
mod export;
mod expression;
mod field_path;
mod files;
mod formats;
mod grants;
mod inputs;
mod limits;
mod masked;
mod model;
mod naming;
mod oidc;
mod operations;
mod problem;
mod quota;
mod reading;
mod report;
mod resolve;
mod schedule;
mod settings;
mod sizes;
mod suggest;
mod tenants;
mod tree;
mod wiped;

use std::path::Path;

pub use adaptor::{AdaptorName, AdaptorNameError};
pub use alone::{
    load_environment, load_settings, load_settings_of, load_variables, origins_of_credential,
};
pub use amount::{Amount, Unit};
pub use credential::{AGE_KEY, AGE_KEY_FILE, Credential};
pub use dotenv::{DEFAULT_PORT, EndpointStyle, Environment, PROCESS as ENVIRONMENT};
pub use event::{EVENT_NAME_MAX, EventPattern, EventPatternError, is_event_name};
pub use export::{ExportError, Exported, export, export_workspace};
pub use expression::Expression;
pub use field_path::{FieldPath, FieldPathError};
pub use files::{Files, NotRead};
pub use formats::PROJECT_FILE;
pub use grants::{
    Access, CollectionGrants, Grants, JobCollections, JobEvents, Origin, OriginError,
};
pub use limits::{LIMITS, LimitInfo, Limits};
pub use model::{
    AfterCrash, Condition, Edge, Generation, Job, Loaded, NoSuchJob, Project, Reply, Source, Start,
    Trigger, TriggerKind, Unfinished, Webhook, Workflow, WorkflowOptions,
};
pub use oidc::{ClientSecret, OidcClaim, OidcSettings, is_exposed, load_oidc};
pub use operations::COMMON_OPERATIONS;
pub use problem::{Problem, Severity, excerpt, in_a_line, printable, steers};
pub use quota::{QUOTAS, Quota, QuotaInfo};
pub use schedule::{Schedule, ScheduleError, TimeZone};
pub use settings::{
    AdaptorSettings, ArrivalSettings, CatchUp, CircuitBreaker, ClientAuth, ClockSettings,
    CredentialSettings, CredentialSource, DELAY_MAX, Door, INBOX, IdempotencyHeader, JobSettings,
    Keep, OAuthGrant, OAuthSettings, OpenIn, OpenInError, Priority, Proof, Retention, Retry,
    RetryOn, SETTINGS_FILE, Settings, SignatureHash, TriggerAuth, TriggerSettings, Turns,
    WorkflowSettings, is_oauth_field, oauth_field,
};
pub use sizes::{AmountError, format_duration, format_size, parse_duration, parse_size};
pub use tenants::{
    TENANTS_FILE, TenantSettings, Tenants, check_tenant_name, load_tenants, tenant_folders,
};
pub use wiped::Wiped;

use inputs::Inputs;

/// Reads the project in `dir`. `environment` looks up variables of the process, which win over those in `.env`.
///
/// It never fails: what is wrong is in [`Loaded::problems`], and a project with errors among them must not be served.
/// Files are read up to 4 MiB each. Of project.yaml, project.yml, openfn.yaml, project.json and project.js the first
/// counts.
pub fn load(dir: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let mut inputs = Inputs::new(dir);
    let file = formats::find(&mut inputs);
    load_from(inputs, file.as_deref(), false, environment)
}

/// Reads the project of a tenant: as [`load`], but only what is really in its folder, and without the process's
/// environment, which has the secrets of all.
pub fn load_tenant(dir: &Path) -> Loaded {
    let files = Files::of_tenant(dir);
    let mut inputs = Inputs::of(&files);
    inputs.keep_within("adaptors");
    inputs.keep_within("credentials");
    let file = formats::find(&mut inputs);
    load_from(inputs, file.as_deref(), false, &|_| None)
}

/// Reads the project or workflow that is in the file `path`, of any generation. Its folder is the project's: there are
/// its fonio.toml, `.env`, credentials and the files that it names; a workflow for OpenFn's command line may name others,
/// too. Otherwise as [`load`].
pub fn load_file(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let dir = match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    let file = path.file_name().map(Path::new);
    load_from(Inputs::new(dir), file.or(Some(path)), true, environment)
}

fn load_from(
    mut inputs: Inputs<'_>,
    file: Option<&Path>,
    alone: bool,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Loaded {
    let variables = dotenv::read(&mut inputs, environment);
    let environment = dotenv::environment(&mut inputs, &variables);
    let settings = settings::read(&mut inputs);
    let draft = file.and_then(|file| formats::read(&mut inputs, file, alone));
    let (project, unfinished) = match draft {
        None => (None, Vec::new()),
        Some(draft) => resolve::resolve(&mut inputs, draft, settings, environment, &variables),
    };
    Loaded {
        project,
        unfinished,
        problems: inputs.report.into_problems(),
    }
}
