//! `fonio.toml`: grants, limits and where credentials come from. Every key is optional; none that is wrong is passed over.

mod adaptors;
mod arrivals;
mod breaker;
mod clocks;
mod events;
mod network;
mod oauth;
mod read;
mod retry;
mod triggers;
mod turns;
mod workflows;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use arrivals::ArrivalSettings;
pub use breaker::CircuitBreaker;
pub(crate) use clocks::settle as settle_clocks;
pub use clocks::{CatchUp, ClockSettings};
pub use network::IdempotencyHeader;
pub use oauth::{ClientAuth, OAuthGrant, OAuthSettings, is_oauth_field, oauth_field};
pub(crate) use read::read;
pub use retry::{Retry, RetryOn};
pub(crate) use triggers::settle as settle_triggers;
pub use triggers::{Door, INBOX, Proof, SignatureHash, TriggerAuth, TriggerSettings};
pub use turns::{DELAY_MAX, Priority, Turns};
pub(crate) use workflows::refuse_unknown as refuse_unknown_workflows;
pub use workflows::{JobSettings, WorkflowSettings};

use crate::amount::milliseconds;
use crate::event::EventPattern;
use crate::grants::{CollectionGrants, Origin};
use crate::limits::{LimitInfo, Limits};
use crate::model::WorkflowOptions;
use crate::report::Place;
use crate::tree::Key;

/// The file's name.
pub const SETTINGS_FILE: &str = "fonio.toml";

/// Everything that fonio.toml says, with defaults where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `[project] id`.
    pub project_id: Option<String>,
    /// `[project] collections`: what jobs may do with the project's collections. Default: read and write all of them.
    pub collections: Option<CollectionGrants>,
    /// `[project] events`: what the jobs' own code may publish. Default: any event.
    pub events: Option<Vec<EventPattern>>,
    /// `[network] allow`: what every job of the project may reach. Default: nothing.
    pub allow: Vec<Origin>,
    /// `[network] idempotency_header`. Default: requests are not marked.
    pub idempotency_header: Option<IdempotencyHeader>,
    /// `[adaptors.NAME]`, by the adaptor's full name.
    pub adaptors: BTreeMap<String, AdaptorSettings>,
    /// `[credentials.NAME]`.
    pub credentials: BTreeMap<String, CredentialSettings>,
    /// `[triggers.NAME]`: `inbox`, or a webhook in any of its names.
    pub triggers: BTreeMap<String, TriggerSettings>,
    /// `[triggers.NAME]` of the same, as far as it is about messages that are sent again.
    pub(crate) arrivals: BTreeMap<String, ArrivalSettings>,
    /// `[triggers.NAME]` of clocks.
    pub(crate) clocks: BTreeMap<String, ClockSettings>,
    /// `[limits]`.
    pub limits: Limits,
    /// The names of those limits that the file sets.
    pub(crate) limits_set: Vec<&'static str>,
    /// `[signatures] keys`: by one of which each file in `adaptors/` must be signed. Nothing: they need not be.
    pub signature_keys: Option<Vec<String>>,
    /// `[retry]`; without the table nothing is tried again.
    pub retry: Option<Retry>,
    /// `[circuit_breaker]`; without the table no step waits for a system that is out.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// `[workflows.ID]`.
    pub workflows: BTreeMap<String, WorkflowSettings>,
    /// `[retention]`.
    pub retention: Retention,
}

impl Settings {
    /// The limits of a step in a workflow with these options: they stand in place of defaults, and under what the file sets.
    pub(crate) fn limits_with(&self, options: &WorkflowOptions) -> Limits {
        let mut limits = self.limits;
        let wishes = [
            ("memory", options.memory_bytes),
            ("wall_time", options.timeout.map(milliseconds)),
        ];
        for (name, wish) in wishes {
            let (Some(info), Some(wish)) = (LimitInfo::named(name), wish) else {
                continue;
            };
            let most = if self.limits_set.contains(&info.name) {
                info.value(&self.limits)
            } else {
                info.largest
            };
            info.set(&mut limits, wish.clamp(info.smallest, most));
        }
        limits
    }
}

/// `[adaptors.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdaptorSettings {
    /// `network.allow`, which stands in place of the project's list for jobs with this adaptor.
    pub allow: Option<Vec<Origin>>,
    /// `network.idempotency_header`, in place of the project's.
    pub idempotency_header: Option<IdempotencyHeader>,
    /// `collections`, which stands in place of the project's for jobs with this adaptor, and lets the adaptor itself have
    /// them, too.
    pub collections: Option<CollectionGrants>,
    /// `events`, which stands in place of the project's for jobs with this adaptor, and lets the adaptor itself publish, too.
    pub events: Option<Vec<EventPattern>>,
    /// `environment`: names of variables that the adaptor sees.
    pub(crate) environment: Vec<Key>,
    /// The name as it is written in the file.
    pub written: String,
    pub(crate) at: Place,
}

/// `[credentials.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSettings {
    /// `from`: where the credential is read from, in place of the project's own files.
    pub from: Option<CredentialSource>,
    /// `hosts`: origins that it belongs to, besides those that it names itself.
    pub hosts: Vec<Origin>,
    /// `open_in`: where in a request to those it may stand. Default: headers, and what the adaptor describes.
    pub open_in: Option<Vec<OpenIn>>,
    /// `plain`: fields that are no secrets, besides addresses and names of users; jobs see them as they are.
    pub plain: Vec<String>,
    /// `reveal`: whether an adaptor may see the secrets themselves, to sign with them. Default: no.
    pub reveal: bool,
    /// `oauth`: the host gets access tokens for it. Default: it does not.
    pub oauth: Option<OAuthSettings>,
    pub(crate) at: Place,
    pub(crate) from_at: Place,
}

impl CredentialSettings {
    /// Line and column of its table in fonio.toml, from 1.
    pub fn place(&self) -> (u32, u32) {
        (self.at.line, self.at.column)
    }
}

/// Where a credential is read from: a JSON object in each case but that of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// `env:NAME`, a variable of the process or of `.env`.
    Environment(String),
    /// `file:PATH`, from the project directory; of a folder, each file is a field.
    File(PathBuf),
    /// `age:PATH`, from the project directory, encrypted for the identity in `$FONIO_AGE_KEY` or `$FONIO_AGE_KEY_FILE`.
    Age(PathBuf),
    /// `systemd:NAME`, a file in `$CREDENTIALS_DIRECTORY`.
    Systemd(String),
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialSource::Environment(name) => write!(f, "env:{name}"),
            CredentialSource::File(path) => write!(f, "file:{}", path.display()),
            CredentialSource::Age(path) => write!(f, "age:{}", path.display()),
            CredentialSource::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

/// A place in a request where a secret may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenIn {
    /// `headers`.
    Headers,
    /// `path`.
    Path,
    /// `query:NAME`.
    Query(String),
    /// `body:/POINTER`, a JSON pointer; `body`, anywhere in it, is the empty one.
    Body(String),
}

impl fmt::Display for OpenIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenIn::Headers => f.write_str("headers"),
            OpenIn::Path => f.write_str("path"),
            OpenIn::Query(name) => write!(f, "query:{name}"),
            OpenIn::Body(pointer) if pointer.is_empty() => f.write_str("body"),
            OpenIn::Body(pointer) => write!(f, "body:{pointer}"),
        }
    }
}

/// A text that names no place in a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place in a request")]
pub struct OpenInError(String);

impl FromStr for OpenIn {
    type Err = OpenInError;

    fn from_str(text: &str) -> Result<OpenIn, OpenInError> {
        match text.split_once(':') {
            None if text == "headers" => Ok(OpenIn::Headers),
            None if text == "path" => Ok(OpenIn::Path),
            None if text == "body" => Ok(OpenIn::Body(String::new())),
            Some(("query", name)) if !name.is_empty() => Ok(OpenIn::Query(name.to_owned())),
            Some(("body", pointer)) if pointer.starts_with('/') => {
                Ok(OpenIn::Body(pointer.to_owned()))
            }
            _ => Err(OpenInError(text.to_owned())),
        }
    }
}

/// `[retention]`: how long what is done is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Messages. Default 30 days.
    pub messages: Duration,
    /// Runs and their steps, from their end. Default 30 days.
    pub runs: Duration,
    /// The states that runs leave, from their end. Default: as long as runs.
    pub dataclips: Option<Duration>,
    /// What jobs write, and the errors of attempts, from the end of the step. Default: as long as runs.
    pub logs: Option<Duration>,
    /// Which runs are kept at all.
    pub keep: Keep,
}

impl Default for Retention {
    fn default() -> Retention {
        let month = Duration::from_secs(30 * 24 * 3600);
        Retention {
            messages: month,
            runs: month,
            dataclips: None,
            logs: None,
            keep: Keep::Always,
        }
    }
}

/// Which runs leave their data behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// All.
    #[default]
    Always,
    /// Those that failed.
    Failure,
    /// None.
    Never,
}
