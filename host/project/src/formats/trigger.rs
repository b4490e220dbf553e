//! When triggers fire, as all formats write it.

use serde_json::{Map, Value};

use crate::draft::DraftTrigger;
use crate::expression::Placement;
use crate::model::{Reply, TriggerKind, Webhook};
use crate::reading::Reading;
use crate::schedule::{Schedule, ScheduleError};
use crate::suggest::did_you_mean;
use crate::tree::{Data, Key, Node, parse_json, to_object};

impl Reading<'_> {
    /// JSON in a text; a map is clear enough, too.
    pub(super) fn criteria(&mut self, trigger: &str, node: &Node) -> Option<Map<String, Value>> {
        let text = match &node.data {
            Data::Map(entries) => return Some(to_object(entries)),
            Data::Text(text) => text,
            _ => {
                return self.wrong_kind(
                    node,
                    &format!("`criteria` of the trigger `{trigger}`"),
                    "a JSON object in a text, such as '{\"form\": \"intake\"}'",
                );
            }
        };
        match parse_json(text) {
            Ok(criteria) => Some(criteria),
            Err(error) => {
                let placement = Placement::of_scalar(self.text, node.written_at, text);
                let at = placement.place(text, error.at);
                self.error(at, format!("in the criteria of the trigger `{trigger}`: {}", error.message))
                    .help("criteria are a JSON object in a text, such as '{\"form\": \"intake\"}'; '{}' matches every message");
                None
            }
        }
    }

    /// `key` is the format's name for it.
    pub(super) fn schedule(&mut self, trigger: &str, key: &str, node: &Node) -> Option<Schedule> {
        let text = self.text(node, &format!("`{key}` of the trigger `{trigger}`"))?;
        match Schedule::parse(&text) {
            Ok(schedule) => Some(schedule),
            Err(error) => {
                let help = match &error {
                    ScheduleError::Malformed(_) | ScheduleError::OutOfRange { .. } => {
                        "five fields: minute hour day month weekday, as in '*/15 8-17 * * 1-5'; times are UTC"
                    }
                    ScheduleError::Never => "no year has this day",
                };
                self.error(node.at, format!("`{text}` is not a schedule: {error}"))
                    .help(help);
                None
            }
        }
    }
}

/// Keys of a trigger in v3 and v4, and the type that each belongs to.
const KEYS: &[(&str, &str)] = &[
    ("webhook_reply", "webhook"),
    ("webhook_response_config", "webhook"),
    ("cron_expression", "cron"),
    ("cron_cursor_job_id", "cron"),
    ("cron_cursor_job", "cron"),
    ("cron_cursor", "cron"),
    ("event", "event"),
    ("kafka_configuration", "kafka"),
    ("hosts", "kafka"),
    ("topics", "kafka"),
    ("initial_offset_reset_policy", "kafka"),
    ("connect_timeout", "kafka"),
    ("group_id", "kafka"),
    ("ssl", "kafka"),
    ("sasl", "kafka"),
    ("username", "kafka"),
    ("password", "kafka"),
];
const TYPES: &[&str] = &["webhook", "cron", "event", "kafka"];

/// A trigger of v3 or v4 being read, key by key.
#[derive(Default)]
pub(super) struct Parts<'n> {
    kind: Option<&'n Node>,
    enabled: Option<bool>,
    webhook: Webhook,
    cron: Option<&'n Node>,
    cursor_job: Option<Key>,
    event: Option<&'n Node>,
    kafka: Map<String, Value>,
    /// From a `fonio` block: the trigger is of messages, for which OpenFn has no type.
    criteria: Option<&'n Node>,
    /// Each key with the type that it belongs to.
    typed: Vec<(&'n Key, &'static str)>,
    pub kept: Map<String, Value>,
}

impl Reading<'_> {
    /// Takes one key of a trigger. Whether it is one.
    pub(super) fn trigger_part<'n>(
        &mut self,
        parts: &mut Parts<'n>,
        key: &'n Key,
        value: &'n Node,
    ) -> bool {
        let known = KEYS.iter().find(|(name, _)| *name == key.text);
        if let Some((_, kind)) = known.filter(|_| !value.is_null()) {
            parts.typed.push((key, kind));
        }
        match key.text.as_str() {
            "type" => parts.kind = Some(value),
            "enabled" => parts.enabled = self.bool(value, "`enabled`"),
            "webhook_reply" => parts.webhook.reply = self.reply(value),
            "webhook_response_config" => self.response_config(value, &mut parts.webhook),
            "cron_expression" => parts.cron = Some(value),
            "event" => parts.event = Some(value),
            "cron_cursor_job_id" | "cron_cursor_job" | "cron_cursor" => {
                parts.cursor_job = self.reference(value, "`cron_cursor_job_id`");
            }
            "kafka_configuration" => {
                let entries = self.map(value, "`kafka_configuration`");
                parts.kafka.extend(to_object(entries.unwrap_or_default()));
            }
            "hosts"
            | "topics"
            | "initial_offset_reset_policy"
            | "connect_timeout"
            | "group_id"
            | "ssl"
            | "sasl"
            | "username"
            | "password" => {
                parts.kafka.insert(key.text.clone(), value.to_json());
            }
            "openfn" => self.openfn_part(parts, value),
            "fonio" => {
                for (key, value) in self.map(value, "`fonio`").unwrap_or_default() {
                    match key.text.as_str() {
                        "criteria" => parts.criteria = Some(value),
                        _ => self.ignored(key, "the `fonio` block of a trigger", &["criteria"]),
                    }
                }
            }
            _ => return false,
        }
        // Nothing here connects with it, and an export must not carry it away.
        parts.kafka.shift_remove("password");
        true
    }

    /// What early drafts of v4 kept under `openfn`, and what still stands there for OpenFn's own use.
    fn openfn_part<'n>(&mut self, parts: &mut Parts<'n>, node: &'n Node) {
        let mut kept = Map::new();
        for (key, value) in self.map(node, "`openfn`").unwrap_or_default() {
            match key.text.as_str() {
                "cron" | "cron_expression" => parts.cron = Some(value),
                "cron_cursor" => parts.cursor_job = self.reference(value, "`cron_cursor`"),
                "webhook_reply" => parts.webhook.reply = self.reply(value),
                "kafka" => {
                    let entries = self.map(value, "`kafka`");
                    parts.kafka.extend(to_object(entries.unwrap_or_default()));
                }
                _ => _ = kept.insert(key.text.clone(), value.to_json()),
            }
        }
        if !kept.is_empty() {
            parts.kept.insert("openfn".to_owned(), Value::Object(kept));
        }
    }

    /// The trigger that the parts make.
    pub(super) fn whole_trigger(&mut self, id: &Key, parts: Parts<'_>) -> DraftTrigger {
        let kind = self.whole_kind(id, &parts);
        DraftTrigger {
            id: id.clone(),
            enabled: parts.enabled.unwrap_or(true),
            kind,
            cursor_job: parts.cursor_job,
            kept: parts.kept,
        }
    }

    fn whole_kind(&mut self, id: &Key, parts: &Parts<'_>) -> Option<TriggerKind> {
        let name = &id.text;
        let Some(node) = parts.kind else {
            self.error(id.at, format!("the trigger `{name}` has no type"))
                .help("give it one: `type: webhook`, `type: cron`");
            return None;
        };
        let kind = self.text(node, &format!("the type of the trigger `{name}`"))?;
        for (key, of) in parts.typed.iter().filter(|(_, of)| *of != kind) {
            self.warning(
                key.at,
                format!(
                    "`{}` is of triggers of type {of}, and is ignored in this one",
                    key.text
                ),
            );
        }
        match (kind.as_str(), parts.criteria) {
            ("webhook", Some(criteria)) => {
                let criteria = self.criteria(name, criteria)?;
                Some(TriggerKind::Message { criteria })
            }
            ("webhook", None) => Some(TriggerKind::Webhook(parts.webhook.clone())),
            ("cron", _) => {
                let Some(cron) = parts.cron else {
                    self.error(id.at, format!("the trigger `{name}` does not say when"))
                        .help("add the clock's times, in UTC: `cron_expression: '0 6 * * *'`");
                    return None;
                };
                Some(TriggerKind::Cron {
                    schedule: self.schedule(name, "cron_expression", cron)?,
                    cursor_job: None,
                })
            }
            ("event", _) => {
                let Some(event) = parts.event else {
                    self.error(id.at, format!("the trigger `{name}` does not say which event"))
                        .help("name it: `event: intake.accepted`, or `event: intake.*` for all that begin so");
                    return None;
                };
                self.event_trigger(name, event)
            }
            ("kafka", _) => {
                self.warning(
                    id.at,
                    format!("the trigger `{name}` never fires here: Kafka is not read from"),
                )
                .help("OpenFn has removed these triggers; let a small consumer post to a webhook");
                Some(TriggerKind::Kafka {
                    configuration: parts.kafka.clone(),
                })
            }
            (other, _) => {
                let help = did_you_mean(other, "the types are", TYPES.iter().copied());
                self.error(node.at, format!("there is no trigger of type `{other}`"))
                    .help = help;
                None
            }
        }
    }

    fn reply(&mut self, node: &Node) -> Reply {
        let text = if node.is_null() {
            None
        } else {
            self.text(node, "`webhook_reply`")
        };
        match text.as_deref() {
            None | Some("before_start") => Reply::BeforeStart,
            Some("after_completion") => Reply::AfterCompletion,
            Some(other) => {
                self.warning(
                    node.at,
                    format!(
                        "`webhook_reply` cannot be `{other}`; the webhook answers before it starts"
                    ),
                )
                .help("one of before_start and after_completion");
                Reply::BeforeStart
            }
        }
    }

    fn response_config(&mut self, node: &Node, webhook: &mut Webhook) {
        for (key, value) in self
            .map(node, "`webhook_response_config`")
            .unwrap_or_default()
        {
            let code = match key.text.as_str() {
                "success_code" => &mut webhook.success_code,
                "error_code" => &mut webhook.error_code,
                _ => {
                    self.ignored(
                        key,
                        "`webhook_response_config`",
                        &["success_code", "error_code"],
                    );
                    continue;
                }
            };
            *code = self.status(key, value);
        }
    }

    /// A status of HTTP, as a number.
    fn status(&mut self, key: &Key, node: &Node) -> Option<u16> {
        if node.is_null() {
            return None;
        }
        let number = node.as_text().and_then(|text| text.parse::<u16>().ok());
        let status = number.filter(|status| (200..=599).contains(status));
        if status.is_none() {
            self.error(node.at, format!("`{}` is not a status of HTTP", key.text))
                .help("a number from 200 to 599");
        }
        status
    }
}
