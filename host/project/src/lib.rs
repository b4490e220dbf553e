//! From the files of a project directory to a checked model. It knows nothing of WebAssembly or HTTP.
//!
//! ```text
//! .env ───────────── dotenv ──┐
//! fonio.toml ─ tree ─ settings ┤
//! project.yaml ─ tree ─ yaml ──┼── resolve ── model
//! jobs/*.js ───────────────────┤      │
//! credentials/*.json ──────────┘   report: every problem, with its place and what to do
//! ```
//!
//! [`load`] reads a directory once and reports everything that is wrong with it, not only the first. Entry points to
//! read next: `yaml` (what a project file may hold), `resolve` (what must be true of it), [`Grants`] (what a job may
//! reach) and [`LIMITS`] (what a step may use).

mod adaptor;
mod alone;
mod credential;
mod criteria;
mod dotenv;
mod expression;
mod grants;
mod inputs;
mod limits;
mod model;
mod operations;
mod problem;
mod reading;
mod report;
mod resolve;
mod schedule;
mod settings;
mod sizes;
mod suggest;
mod tree;
mod yaml;

use std::path::Path;

pub use adaptor::{AdaptorName, AdaptorNameError};
pub use alone::{load_environment, load_settings, load_variables, origins_of_credential};
pub use credential::Credential;
pub use dotenv::{DEFAULT_PORT, EndpointStyle, Environment, PROCESS as ENVIRONMENT};
pub use expression::Expression;
pub use grants::{Grants, Origin, OriginError};
pub use limits::{LIMITS, LimitInfo, Limits, Unit};
pub use model::{Job, Loaded, Project, Trigger, TriggerKind};
pub use operations::COMMON_OPERATIONS;
pub use problem::{Problem, Severity};
pub use schedule::{Schedule, ScheduleError};
pub use settings::{
    AdaptorSettings, CredentialSettings, CredentialSource, Keep, OpenIn, Retention, Retry,
    SETTINGS_FILE, Settings,
};
pub use sizes::{AmountError, format_duration, format_size, parse_duration, parse_size};
pub use yaml::PROJECT_FILE;

use inputs::Inputs;

/// Reads the project in `dir`. `environment` looks up variables of the process, which win over those in `.env`.
///
/// It never fails: what is wrong is in [`Loaded::problems`], and a project with errors among them must not be served.
/// Files are read up to 4 MiB each.
pub fn load(dir: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let mut inputs = Inputs::new(dir);
    let variables = dotenv::read(&mut inputs, environment);
    let environment = dotenv::environment(&mut inputs, &variables);
    let settings = settings::read(&mut inputs);
    let raw = yaml::read(&mut inputs);
    let project = match (settings, raw) {
        (Some(settings), Some(raw)) => Some(resolve::resolve(
            &mut inputs,
            raw,
            settings,
            environment,
            &variables,
        )),
        _ => None,
    };
    Loaded {
        project,
        problems: inputs.report.into_problems(),
    }
}
