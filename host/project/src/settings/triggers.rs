//! `[triggers.NAME]`: who may send messages to the inbox or to a webhook; what else it may have is in [`super::arrivals`]
//! and [`super::clocks`].
//!
//! A trigger without an entry is open where the host listens on a loopback address, and closed elsewhere: which of the two
//! is the host's to know.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::arrivals::ArrivalSettings;
use super::clocks::ClockSettings;
use super::{SETTINGS_FILE, Settings};
use crate::credential::Credential;
use crate::inputs::Inputs;
use crate::model::{Project, Trigger, TriggerKind, Workflow};
use crate::problem::{Problem, Severity};
use crate::reading::Reading;
use crate::report::Place;
use crate::suggest::did_you_mean;
use crate::tree::{Data, Key, Node};

/// The name of the inbox among the triggers.
pub const INBOX: &str = "inbox";
/// Where a signature stands unless the credential says otherwise, as GitHub and many after it have it.
const SIGNATURE_HEADER: &str = "x-hub-signature-256";
const KINDS: &str = "one of \"api_key:NAME\", \"basic:NAME\", \"hmac:NAME\" (NAME being a credential), \"token\", \"mtls\" and \"none\"";

const KEYS: &[&str] = &[
    "auth",
    "idempotency_key",
    "deduplicate",
    "time_zone",
    "jitter",
    "catch_up",
];

/// `[triggers.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerSettings {
    /// `auth`: any one of these lets a message in. Never empty.
    pub auth: Vec<TriggerAuth>,
    pub(crate) at: Place,
    pub(crate) auth_at: Place,
}

/// One way to show that one may send messages. Names are those of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerAuth {
    /// `api_key:NAME`: its `key`, as `X-API-Key` or `Authorization: Bearer`.
    ApiKey(String),
    /// `basic:NAME`: its `username` and `password`, as HTTP Basic.
    Basic(String),
    /// `hmac:NAME`: a signature of the body with its `secret`.
    Hmac(String),
    /// `token`: a token of the host that is for sending.
    Token,
    /// `mtls`: a certificate of a client, signed by an authority that the host trusts for this.
    Mtls,
    /// `none`: anybody.
    None,
}

/// What a sender has to show, with the secrets. It has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Proof<'p> {
    /// This key.
    ApiKey(&'p str),
    /// These two.
    Basic {
        /// The user.
        username: &'p str,
        /// The password.
        password: &'p str,
    },
    /// A signature of the body.
    Hmac {
        /// The key.
        secret: &'p str,
        /// The header that it is in.
        header: &'p str,
        /// The hash.
        algorithm: SignatureHash,
        /// What stands before it in the header.
        prefix: &'p str,
    },
    /// A token of the host.
    Token,
    /// A client's certificate.
    Mtls,
    /// Nothing.
    Nothing,
}

/// The hash in a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureHash {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// The inbox or a webhook, and what the project says of who may use it.
#[derive(Clone, Debug)]
pub struct Door<'p> {
    /// `inbox`, or `workflow/trigger`.
    pub name: String,
    /// Nothing where the project says nothing.
    pub settings: Option<&'p TriggerSettings>,
}

impl TriggerAuth {
    fn credential(&self) -> Option<&String> {
        match self {
            TriggerAuth::ApiKey(name) | TriggerAuth::Basic(name) | TriggerAuth::Hmac(name) => {
                Some(name)
            }
            TriggerAuth::Token | TriggerAuth::Mtls | TriggerAuth::None => None,
        }
    }

    /// With the secrets in `credential`, which is its own; or what that lacks.
    fn proof<'p>(&self, credential: Option<&'p Credential>) -> Result<Proof<'p>, String> {
        let Some(credential) = credential else {
            return match self {
                TriggerAuth::Token => Ok(Proof::Token),
                TriggerAuth::Mtls => Ok(Proof::Mtls),
                TriggerAuth::None => Ok(Proof::Nothing),
                _ => Err("there is no such credential".to_owned()),
            };
        };
        let text = |names: &[&str]| {
            let found = names
                .iter()
                .find_map(|name| credential.body.get(*name)?.as_str());
            found
                .filter(|text| !text.is_empty())
                .ok_or_else(|| format!("it has no `{}`", names.join("`, `")))
        };
        match self {
            TriggerAuth::ApiKey(_) => Ok(Proof::ApiKey(text(&["key", "api_key", "token"])?)),
            TriggerAuth::Basic(_) => Ok(Proof::Basic {
                username: text(&["username"])?,
                password: text(&["password"])?,
            }),
            TriggerAuth::Hmac(_) => signature(credential, text(&["secret"])?),
            TriggerAuth::Token | TriggerAuth::Mtls | TriggerAuth::None => {
                Err("it takes no credential".to_owned())
            }
        }
    }
}

fn signature<'p>(credential: &'p Credential, secret: &'p str) -> Result<Proof<'p>, String> {
    let given = |name: &str| credential.body.get(name).and_then(|value| value.as_str());
    let (algorithm, usual_prefix) = match given("algorithm").unwrap_or("sha256") {
        "sha256" => (SignatureHash::Sha256, "sha256="),
        "sha512" => (SignatureHash::Sha512, "sha512="),
        other => {
            return Err(format!(
                "its `algorithm` is `{other}`, and may be sha256 or sha512"
            ));
        }
    };
    let header = given("header").unwrap_or(SIGNATURE_HEADER);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if header.is_empty() || !header.chars().all(fits) {
        return Err(format!(
            "its `header` is `{header}`, which no header is called"
        ));
    }
    Ok(Proof::Hmac {
        secret,
        header,
        algorithm,
        prefix: given("prefix").unwrap_or(usual_prefix),
    })
}

impl FromStr for TriggerAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<TriggerAuth, String> {
        match text.split_once(':') {
            None if text == "token" => Ok(TriggerAuth::Token),
            None if text == "mtls" => Ok(TriggerAuth::Mtls),
            None if text == "none" => Ok(TriggerAuth::None),
            Some((kind @ ("api_key" | "basic" | "hmac"), "")) => {
                Err(format!("`{kind}:` names no credential"))
            }
            Some(("api_key", name)) => Ok(TriggerAuth::ApiKey(name.to_owned())),
            Some(("basic", name)) => Ok(TriggerAuth::Basic(name.to_owned())),
            Some(("hmac", name)) => Ok(TriggerAuth::Hmac(name.to_owned())),
            None if matches!(text, "api_key" | "basic" | "hmac") => {
                Err(format!("`{text}` names no credential"))
            }
            _ => Err(format!("`{text}` is no way to show who one is")),
        }
    }
}

impl fmt::Display for TriggerAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TriggerAuth::ApiKey(name) => write!(f, "api_key:{name}"),
            TriggerAuth::Basic(name) => write!(f, "basic:{name}"),
            TriggerAuth::Hmac(name) => write!(f, "hmac:{name}"),
            TriggerAuth::Token => f.write_str("token"),
            TriggerAuth::Mtls => f.write_str("mtls"),
            TriggerAuth::None => f.write_str("none"),
        }
    }
}

impl Reading<'_> {
    pub(super) fn trigger_settings(&mut self, node: &Node, settings: &mut Settings) {
        for (name, value) in self.map(node, "[triggers]").unwrap_or_default() {
            let place = format!("[triggers.{}]", name.text);
            let Some(entries) = self.map(value, &place) else {
                continue;
            };
            if entries.is_empty() {
                self.error(name.at, format!("{place} has no `auth`"))
                    .help(KINDS);
            }
            for (key, value) in entries {
                self.trigger_setting(name, &place, key, value, settings);
            }
        }
    }

    fn trigger_setting(
        &mut self,
        name: &Key,
        place: &str,
        key: &Key,
        value: &Node,
        settings: &mut Settings,
    ) {
        let arrivals = &mut settings.arrivals;
        let arrival = || ArrivalSettings::new(name.at);
        let clocks = &mut settings.clocks;
        let clock = || ClockSettings::new(name.at);
        let name = name.clone();
        match key.text.as_str() {
            "auth" => {
                let (auth, at, auth_at) = (self.auth(value), name.at, value.at);
                // What is wrong in it has been reported where it stands.
                if !auth.is_empty() {
                    let own = TriggerSettings { auth, at, auth_at };
                    settings.triggers.insert(name.text, own);
                }
            }
            "idempotency_key" => {
                let path = self.field_path(value, "`idempotency_key`");
                arrivals
                    .entry(name.text)
                    .or_insert_with(arrival)
                    .idempotency_key = path;
            }
            "deduplicate" => {
                if let Some(window) = self.deduplicate(key, value) {
                    arrivals.entry(name.text).or_insert_with(arrival).window = window;
                }
            }
            "time_zone" => {
                if let Some(zone) = self.time_zone(value) {
                    clocks.entry(name.text).or_insert_with(clock).time_zone = zone;
                }
            }
            "jitter" => {
                if let Some(jitter) = self.jitter(key, value) {
                    clocks.entry(name.text).or_insert_with(clock).jitter = jitter;
                }
            }
            "catch_up" => {
                if let Some(catch_up) = self.catch_up(value) {
                    clocks.entry(name.text).or_insert_with(clock).catch_up = catch_up;
                }
            }
            _ => self.unknown(key, place, KEYS),
        }
    }

    fn auth(&mut self, node: &Node) -> Vec<TriggerAuth> {
        let items = match &node.data {
            Data::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        if items.is_empty() {
            self.error(node.at, "`auth` is empty, and would let nobody in")
                .help(KINDS);
        }
        let mut auth = Vec::new();
        for item in items {
            let Some(text) = self.text(item, "`auth`") else {
                continue;
            };
            match TriggerAuth::from_str(&text) {
                Ok(one) => auth.push(one),
                Err(why) => {
                    self.error(item.at, why).help(KINDS);
                }
            }
        }
        if auth.len() > 1 && auth.contains(&TriggerAuth::None) {
            self.error(
                node.at,
                "`auth` has \"none\" among others, and \"none\" alone would let everybody in",
            )
            .help("leave out \"none\", or the others");
        }
        auth
    }
}

/// Looks the names in `[triggers]` up: of triggers, and of credentials with what they must have. Credentials are named by
/// their keys afterwards.
pub(crate) fn settle(
    inputs: &mut Inputs<'_>,
    settings: &mut Settings,
    workflows: &[Workflow],
    credentials: &BTreeMap<String, Credential>,
    aliases: &BTreeMap<String, String>,
) {
    let file = Path::new(SETTINGS_FILE);
    for (name, arrival) in &settings.arrivals {
        // One that has `auth`, too, is looked up below.
        if !settings.triggers.contains_key(name)
            && let Some((message, help)) = names_no_door(name, workflows)
        {
            inputs.report.error(file, arrival.at, message).help = help;
        }
    }
    for (name, trigger) in &mut settings.triggers {
        if let Some((message, help)) = names_no_door(name, workflows) {
            inputs.report.error(file, trigger.at, message).help = help;
        }
        for auth in &mut trigger.auth {
            if let TriggerAuth::ApiKey(named) | TriggerAuth::Basic(named) | TriggerAuth::Hmac(named) =
                auth
                && let Some(key) = aliases.get(named)
            {
                named.clone_from(key);
            }
            let named = auth.credential();
            let credential = named.and_then(|name| credentials.get(name));
            let Err(why) = auth.proof(credential) else {
                continue;
            };
            let said = format!("`{auth}` keeps everybody out: {why}");
            let named = named.map_or("NAME", String::as_str);
            inputs
                .report
                .error(file, trigger.auth_at, said)
                .help(format!("write it as JSON into credentials/{named}.json, or in fonio.toml:\n[credentials.\"{named}\"]\nfrom = \"env:NAME\""));
        }
    }
}

/// A slip in the name of a trigger would leave it open.
fn names_no_door(name: &str, workflows: &[Workflow]) -> Option<(String, Option<String>)> {
    let all = || {
        workflows.iter().flat_map(|workflow| {
            workflow
                .triggers
                .iter()
                .map(move |trigger| (workflow, trigger))
        })
    };
    let called = |(workflow, trigger): &(&Workflow, &Trigger)| {
        names_of(workflow, trigger)
            .iter()
            .any(|known| known == name)
    };
    if name == INBOX || all().any(|both| is_webhook(both.1) && called(&both)) {
        return None;
    }
    if all().any(|both| called(&both)) || workflows.iter().any(|workflow| workflow.id == name) {
        let message = format!("`{name}` is no webhook, and has no address of its own");
        let help = "messages reach it through the inbox: [triggers.inbox]".to_owned();
        return Some((message, Some(help)));
    }
    let known: Vec<String> = all()
        .filter(|(_, trigger)| is_webhook(trigger))
        .map(|(workflow, trigger)| format!("{}/{}", workflow.id, trigger.id))
        .chain([INBOX.to_owned()])
        .collect();
    let help = did_you_mean(name, "there are", known.iter().map(String::as_str));
    Some((format!("there is no webhook `{name}`"), help))
}

fn is_webhook(trigger: &Trigger) -> bool {
    matches!(trigger.kind, TriggerKind::Webhook(_))
}

/// What a webhook or a clock may be called in `[triggers]`; of several entries the one that comes first here counts.
pub(super) fn names_of(workflow: &Workflow, trigger: &Trigger) -> Vec<String> {
    let whole = format!("{}/{}", workflow.id, trigger.id);
    let uuid = trigger.uuid().map(str::to_owned);
    let short = [workflow.id.clone(), trigger.id.clone()];
    // The inbox is called so, and a webhook that is goes by its longer names.
    let short = short.into_iter().filter(|name| name != INBOX);
    [whole].into_iter().chain(uuid).chain(short).collect()
}

impl Project {
    /// What whoever sends a message to the inbox has to show: any one of these. Nothing where the project does not say.
    pub fn inbox_proofs(&self) -> Option<Vec<Proof<'_>>> {
        Some(self.proofs(self.settings.triggers.get(INBOX)?))
    }

    /// The same of the webhook `trigger` of `workflow`.
    pub fn webhook_proofs(&self, workflow: &Workflow, trigger: &Trigger) -> Option<Vec<Proof<'_>>> {
        Some(self.proofs(self.webhook_settings(workflow, trigger)?))
    }

    /// The inbox and all enabled webhooks.
    pub fn doors(&self) -> Vec<Door<'_>> {
        let inbox = Door {
            name: INBOX.to_owned(),
            settings: self.settings.triggers.get(INBOX),
        };
        let webhooks = self
            .triggers()
            .filter(|(_, trigger)| trigger.enabled && is_webhook(trigger))
            .map(|(workflow, trigger)| Door {
                name: format!("{}/{}", workflow.id, trigger.id),
                settings: self.webhook_settings(workflow, trigger),
            });
        [inbox].into_iter().chain(webhooks).collect()
    }

    /// A warning for each `auth = "none"`.
    pub fn open_doors(&self) -> Vec<Problem> {
        let open = self
            .settings
            .triggers
            .iter()
            .filter(|(_, trigger)| trigger.auth.contains(&TriggerAuth::None));
        let warning = |(name, trigger): (&String, &TriggerSettings)| Problem {
            severity: Severity::Warning,
            file: SETTINGS_FILE.into(),
            line: trigger.auth_at.line,
            column: trigger.auth_at.column,
            message: format!("anybody who reaches the host may send messages to `{name}`"),
            help: Some(KINDS.to_owned()),
            source_line: None,
        };
        open.map(warning).collect()
    }

    fn webhook_settings(&self, workflow: &Workflow, trigger: &Trigger) -> Option<&TriggerSettings> {
        let names = names_of(workflow, trigger);
        names
            .iter()
            .find_map(|name| self.settings.triggers.get(name))
    }

    /// One whose credential is not as it should be lets nobody in; such a project is not served anyway.
    fn proofs<'p>(&'p self, settings: &TriggerSettings) -> Vec<Proof<'p>> {
        let proof = |auth: &TriggerAuth| {
            let named = auth.credential();
            auth.proof(named.and_then(|name| self.credentials.get(name)))
        };
        settings
            .auth
            .iter()
            .filter_map(|auth| proof(auth).ok())
            .collect()
    }
}
