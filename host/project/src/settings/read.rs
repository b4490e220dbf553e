//! From fonio.toml to [`Settings`], with a problem for each key that is wrong.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::{
    CredentialSettings, CredentialSource, Keep, OpenIn, OpenInError, Retention, SETTINGS_FILE,
    Settings,
};
use crate::amount::Unit;
use crate::grants::Origin;
use crate::inputs::{Inputs, Read};
use crate::limits::{LIMITS, Limits};
use crate::masked::addresses;
use crate::reading::Reading;
use crate::report::Secrecy;
use crate::sizes::parse_duration;
use crate::tree::{Data, Key, Node, parse_toml};

const TABLES: &[&str] = &[
    "project",
    "network",
    "adaptors",
    "credentials",
    "triggers",
    "limits",
    "retry",
    "circuit_breaker",
    "workflows",
    "retention",
    "signatures",
];
/// Longest name under which a project is known to others.
const ID_MAX: usize = 64;
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Reads fonio.toml; a missing one is an empty one. Nothing if it is not TOML.
pub(crate) fn read(inputs: &mut Inputs<'_>) -> Option<Settings> {
    let file = Path::new(SETTINGS_FILE);
    let text = match inputs.read(file, Secrecy::Settings) {
        Read::Text(text) => text,
        Read::Missing => return Some(Settings::default()),
        Read::Refused => return None,
    };
    match parse_toml(&text) {
        Ok(root) => Reading {
            report: &mut inputs.report,
            file,
            text: &text,
        }
        .settings(&root),
        Err(errors) => {
            for error in errors {
                inputs.report.error(file, error.at, error.message).help = error.help;
            }
            None
        }
    }
}

impl Reading<'_> {
    fn settings(&mut self, root: &Node) -> Option<Settings> {
        let mut settings = Settings::default();
        for (key, value) in self.map(root, "fonio.toml")? {
            match key.text.as_str() {
                "project" => self.project_table(value, &mut settings),
                "network" => {
                    let network = self.network(value, "[network]");
                    settings.allow = network.allow.unwrap_or_default();
                    settings.idempotency_header = network.idempotency_header;
                }
                "adaptors" => self.adaptors(value, &mut settings),
                "credentials" => self.credentials(value, &mut settings),
                "signatures" => settings.signature_keys = Some(self.signatures(value)),
                "triggers" => self.trigger_settings(value, &mut settings),
                "limits" => (settings.limits, settings.limits_set) = self.limits(value),
                "retry" => settings.retry = Some(self.retry(key, value, "[retry]")),
                "circuit_breaker" => {
                    settings.circuit_breaker = Some(self.circuit_breaker(key, value));
                }
                "workflows" => settings.workflows = self.workflow_settings(value),
                "retention" => settings.retention = self.retention(value),
                _ => self.unknown(key, "fonio.toml", TABLES),
            }
        }
        Some(settings)
    }

    fn project_table(&mut self, node: &Node, settings: &mut Settings) {
        for (key, value) in self.map(node, "[project]").unwrap_or_default() {
            match key.text.as_str() {
                "id" => settings.project_id = self.id(value),
                "collections" => settings.collections = Some(self.collection_grants(key, value)),
                "events" => settings.events = Some(self.event_patterns(value)),
                _ => self.unknown(key, "[project]", &["id", "collections", "events"]),
            }
        }
    }

    fn id(&mut self, node: &Node) -> Option<String> {
        let id = self.text(node, "`id`")?;
        let well_formed = id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.len() <= ID_MAX
            && id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !well_formed {
            self.error(node.at, format!("`{id}` cannot be the id of a project"))
                .help(format!("letters, digits, `-`, `_` and `.`, at most {ID_MAX}, starting with a letter or digit"));
            return None;
        }
        Some(id)
    }

    /// The list at `keys`. A table without it trusts nobody, which is what to do about a slip in it.
    fn signatures(&mut self, node: &Node) -> Vec<String> {
        let mut keys = Vec::new();
        for (key, value) in self.map(node, "[signatures]").unwrap_or_default() {
            match key.text.as_str() {
                "keys" => {
                    let items = self.list(value, "`keys`").unwrap_or_default();
                    keys.extend(items.iter().filter_map(|item| self.text(item, "a key")));
                }
                _ => self.unknown(key, "[signatures]", &["keys"]),
            }
        }
        keys
    }

    pub(super) fn origins(&mut self, node: &Node, what: &str) -> Option<Vec<Origin>> {
        let mut origins = Vec::new();
        for item in self.list(node, what)? {
            let Some(text) = self.text(item, &format!("an origin in {what}")) else {
                continue;
            };
            match Origin::from_str(&text) {
                Ok(origin) => origins.push(origin),
                Err(error) => self
                    .error(item.at, addresses(&format!("`{text}` is not an origin: {error}")))
                    .help("such as https://api.example.org, https://*.example.net:8443 or http://10.1.0.0/16:8080"),
            }
        }
        Some(origins)
    }

    fn credentials(&mut self, node: &Node, settings: &mut Settings) {
        for (key, value) in self.map(node, "[credentials]").unwrap_or_default() {
            let read = self.credential(key, value);
            settings.credentials.insert(key.text.clone(), read);
        }
    }

    fn credential(&mut self, name: &Key, node: &Node) -> CredentialSettings {
        let place = format!("[credentials.{}]", name.text);
        let mut read = CredentialSettings {
            from: None,
            hosts: Vec::new(),
            open_in: None,
            plain: Vec::new(),
            reveal: false,
            oauth: None,
            at: name.at,
            from_at: name.at,
        };
        for (key, value) in self.map(node, &place).unwrap_or_default() {
            match key.text.as_str() {
                "from" => (read.from, read.from_at) = (self.source(value), value.at),
                "hosts" => read.hosts = self.origins(value, "`hosts`").unwrap_or_default(),
                "open_in" => read.open_in = Some(self.open_in(value)),
                "plain" => read.plain = self.texts(value, "`plain`"),
                "reveal" => read.reveal = self.bool(value, "`reveal`").unwrap_or_default(),
                "oauth" => read.oauth = self.oauth(value),
                _ => self.unknown(
                    key,
                    &place,
                    &["from", "hosts", "open_in", "plain", "reveal", "oauth"],
                ),
            }
        }
        read
    }

    fn source(&mut self, node: &Node) -> Option<CredentialSource> {
        let text = self.text(node, "`from`")?;
        let (kind, name) = text.split_once(':').unwrap_or((&text, ""));
        let message = match (kind, name) {
            ("env" | "file" | "age" | "systemd", "") => format!("`{kind}:` names nothing to read"),
            ("env", name) => return Some(CredentialSource::Environment(name.to_owned())),
            ("file", path) => return Some(CredentialSource::File(PathBuf::from(path))),
            ("systemd", name) if name.contains('/') || name == ".." => {
                format!("`{name}` is not the name of a systemd credential, which is a file name")
            }
            ("systemd", name) => return Some(CredentialSource::Systemd(name.to_owned())),
            ("age", path) => return Some(CredentialSource::Age(PathBuf::from(path))),
            // Not what it is: somebody may have put the secret itself there.
            _ => "`from` is no place to read a credential from".to_owned(),
        };
        self.error(node.at, message)
            .help("one of env:NAME, file:PATH, age:PATH and systemd:NAME, each holding a JSON object, and file:FOLDER, with a file for each field");
        None
    }

    fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        let items = self.list(node, what).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| self.text(item, &format!("a name in {what}")))
            .collect()
    }

    fn open_in(&mut self, node: &Node) -> Vec<OpenIn> {
        let mut places = Vec::new();
        for item in self.list(node, "`open_in`").unwrap_or_default() {
            let Some(text) = self.text(item, "a place in `open_in`") else {
                continue;
            };
            match text.parse() {
                Ok(place) => places.push(place),
                Err(error) => self
                    .error(item.at, OpenInError::to_string(&error))
                    .help("one of headers, path, query:NAME, body:/FIELD/IN/JSON and body"),
            }
        }
        places
    }

    fn limits(&mut self, node: &Node) -> (Limits, Vec<&'static str>) {
        let mut limits = Limits::default();
        let set = self.amounts(node, "[limits]", LIMITS, &mut limits);
        (limits, set)
    }

    fn retention(&mut self, node: &Node) -> Retention {
        let mut retention = Retention::default();
        for (key, value) in self.map(node, "[retention]").unwrap_or_default() {
            match key.text.as_str() {
                "messages" => {
                    retention.messages = self.duration(key, value).unwrap_or(retention.messages)
                }
                "runs" => retention.runs = self.duration(key, value).unwrap_or(retention.runs),
                "dataclips" => retention.dataclips = self.duration(key, value),
                "logs" => retention.logs = self.duration(key, value),
                "keep" => retention.keep = self.keep(value).unwrap_or_default(),
                _ => self.unknown(
                    key,
                    "[retention]",
                    &["messages", "runs", "dataclips", "logs", "keep"],
                ),
            }
        }
        retention
    }

    fn keep(&mut self, node: &Node) -> Option<Keep> {
        match self.text(node, "`keep`")?.as_str() {
            "always" => return Some(Keep::Always),
            "failure" => return Some(Keep::Failure),
            "never" => return Some(Keep::Never),
            other => self
                .error(node.at, format!("`keep` cannot be `{other}`"))
                .help("one of always, failure and never"),
        };
        None
    }

    pub(super) fn duration(&mut self, key: &Key, node: &Node) -> Option<Duration> {
        let text = match &node.data {
            Data::Text(text) => text,
            _ => return self.wrong_kind(node, &format!("`{}`", key.text), &Unit::Time.to_string()),
        };
        match parse_duration(text) {
            Ok(duration) if duration <= TEN_YEARS => return Some(duration),
            Ok(_) => self.error(
                node.at,
                format!("`{}` cannot be {text}: ten years is the most", key.text),
            ),
            Err(error) => self.error(
                node.at,
                format!("`{}` should be {}: {error}", key.text, Unit::Time),
            ),
        };
        None
    }
}
