//! Who may do what: each adaptor with what it wants and what its jobs are granted, and each credential with what it opens
//! and where.

use std::collections::BTreeMap;
use std::path::Path;

use fonio_project::{
    Access, AdaptorName, Credential, Job, JobCollections, JobEvents, Origin, Unfinished, in_a_line,
};
use fonio_sandbox::Vault;
use serde::Serialize;

use crate::adaptors::LoadedAdaptor;
use crate::cli::output::tell;
use crate::cli::paint::wrapped;
use crate::live::Live;
use crate::sealed::Held;
use crate::wants::{listed, wants};

/// Columns of what a person reads.
const WIDTH: usize = 100;
/// Where the second column begins.
const DETAIL: usize = 14;

/// All of a project.
#[derive(Debug, Default, Serialize)]
pub(super) struct Shown {
    adaptors: Vec<AdaptorShown>,
    credentials: Vec<CredentialShown>,
}

/// One that jobs have, or that is in `adaptors/`.
#[derive(Debug, Serialize)]
struct AdaptorShown {
    name: String,
    /// `built in`, or the file.
    from: String,
    /// The jobs that have it.
    jobs: Vec<String>,
    /// Those that would have it, and are left out because something about them is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jobs_with_errors: Vec<String>,
    /// Capabilities.
    wants: Vec<String>,
    /// Origins that its jobs may reach, besides those of their credentials, if it wants the network at all.
    network: Vec<String>,
    /// The collections of the project that its jobs may use, and how.
    collections: BTreeMap<String, String>,
    /// Whether the adaptor may use them, too: it has a table of its own for that, or is in one engine with the job.
    collections_for_adaptor: bool,
    /// Events that its jobs may publish.
    events: Vec<String>,
    /// Whether the adaptor may publish them, too.
    events_for_adaptor: bool,
    /// Whether there is anything to say of events: jobs may publish any as long as nobody says otherwise.
    #[serde(skip)]
    of_events: bool,
    /// What the credentials of its jobs are for, which they may reach besides.
    by_credential: BTreeMap<String, Vec<String>>,
    /// Variables that it sees, by name.
    environment: Vec<String>,
    /// Credentials whose secrets it sees.
    revealed: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CredentialShown {
    name: String,
    /// As fonio.toml has it, or the file.
    from: String,
    jobs: Vec<String>,
    /// What it belongs to; its jobs may reach these.
    hosts: Vec<String>,
    /// Where in a request to these a secret may stand.
    open_in: Vec<String>,
    /// Fields with secrets.
    sealed: Vec<String>,
    /// Fields that jobs see as they are.
    plain: Vec<String>,
    /// Whether jobs get the secrets themselves.
    reveal: bool,
    /// Where the host gets access tokens for it.
    tokens_from: Option<String>,
}

/// With the jobs that are not in the project, whose adaptors are granted what they are all the same.
pub(super) fn of(live: &Live, unfinished: &[Unfinished]) -> Shown {
    Shown {
        adaptors: adaptors(live, unfinished),
        credentials: credentials(live),
    }
}

fn adaptors(live: &Live, unfinished: &[Unfinished]) -> Vec<AdaptorShown> {
    let mut by_name: BTreeMap<&AdaptorName, Vec<&Job>> = BTreeMap::new();
    for job in live.project.jobs() {
        by_name.entry(&job.adaptor).or_default().push(job);
    }
    for named in unfinished.iter().filter_map(|job| job.adaptor.as_ref()) {
        by_name.entry(named).or_default();
    }
    let mut shown: Vec<AdaptorShown> = by_name
        .iter()
        .map(|(name, jobs)| {
            let found = live.adaptors().find(name).ok();
            let mut one = adaptor(live, &name.name, found.flatten());
            one.name = name.to_string();
            if found.is_none() {
                one.from = "not here".to_owned();
            }
            one.jobs = jobs.iter().map(|job| job.key.clone()).collect();
            let wrong = unfinished.iter();
            let wrong = wrong.filter(|job| job.adaptor.as_ref() == Some(*name));
            one.jobs_with_errors = wrong.map(|job| job.key.clone()).collect();
            for credential in jobs
                .iter()
                .filter_map(|job| live.project.credential_for(job))
            {
                let origins = texts(credential.origins.iter());
                if one.wants_network() && !origins.is_empty() {
                    one.by_credential.insert(credential.name.clone(), origins);
                }
            }
            let revealed = jobs.iter().filter_map(|job| vault_of(live, job));
            let revealed = revealed.filter(|vault| vault.reveals());
            one.revealed = each_once(revealed.map(|vault| vault.name().to_owned()));
            one
        })
        .collect();
    let files = live.adaptors().all.iter().filter(|one| one.file.is_some());
    for unused in files {
        let from = from(Some(unused));
        if !shown.iter().any(|shown| shown.from == from) {
            let short = unused.short_name();
            let name = short.parse::<AdaptorName>();
            let name = name.map_or_else(|_| short.clone(), |name| name.name);
            shown.push(adaptor(live, &name, Some(unused)));
        }
    }
    shown
}

/// By its full name; without its jobs.
fn adaptor(live: &Live, name: &str, found: Option<&LoadedAdaptor>) -> AdaptorShown {
    let settings = &live.project.settings;
    let granted = settings.collections_with(name);
    let events = settings.events_with(name);
    let wants = found.map_or_else(
        || vec!["log", "collections", "events"],
        |found| wants(&found.adaptor),
    );
    AdaptorShown {
        name: name.to_owned(),
        from: from(found),
        jobs: Vec::new(),
        jobs_with_errors: Vec::new(),
        network: match wants.contains(&"network") {
            true => texts(settings.grants(name, Vec::new()).origins()),
            false => Vec::new(),
        },
        wants: wants.into_iter().map(str::to_owned).collect(),
        collections: collections(live, &granted),
        collections_for_adaptor: found.is_none_or(|found| {
            let apart = found.adaptor.contents().is_none();
            !apart || (found.adaptor.wants_collections() && granted.are_for_the_adaptor())
        }),
        of_events: events != JobEvents::any() || says_events(found),
        events: events.patterns().iter().map(ToString::to_string).collect(),
        events_for_adaptor: found.is_none_or(|found| {
            let apart = found.adaptor.contents().is_none();
            !apart || (says_events(Some(found)) && events.are_for_the_adaptor())
        }),
        by_credential: BTreeMap::new(),
        environment: settings.environment_of(name).map(str::to_owned).collect(),
        revealed: Vec::new(),
    }
}

/// Whether it says that it wants them. An import alone says little: some tools import all of the contract.
fn says_events(found: Option<&LoadedAdaptor>) -> bool {
    found.is_some_and(|found| found.adaptor.wants_events())
}

/// Without a file, it is inside the program.
fn from(found: Option<&LoadedAdaptor>) -> String {
    let file = found.and_then(|found| found.file.as_deref());
    file.map_or_else(
        || "built in".to_owned(),
        |file: &Path| file.display().to_string(),
    )
}

fn collections(live: &Live, granted: &JobCollections) -> BTreeMap<String, String> {
    let all = live.project.collections.iter();
    all.map(|name| (name, granted.grants.on(name)))
        .filter(|(_, access)| *access > Access::None)
        .map(|(name, access)| (name.clone(), access.to_string()))
        .collect()
}

fn credentials(live: &Live) -> Vec<CredentialShown> {
    let all = live.project.credentials.values();
    all.map(|credential| {
        let jobs: Vec<&Job> = live
            .project
            .jobs()
            .filter(|job| {
                let its = live.project.credential_for(job);
                its.is_some_and(|its| its.name == credential.name)
            })
            .collect();
        let vaults: Vec<&Vault> = jobs.iter().filter_map(|job| vault_of(live, job)).collect();
        of_credential(credential, &jobs, &vaults)
    })
    .collect()
}

/// `vaults` are the same credential for each job, and differ in where the job's adaptor wants it opened.
fn of_credential(credential: &Credential, jobs: &[&Job], vaults: &[&Vault]) -> CredentialShown {
    let open_in = vaults.iter().flat_map(|vault| vault.open_in());
    let sealed = vaults.iter().flat_map(|vault| vault.sealed_fields());
    let sealed = each_once(sealed.map(str::to_owned));
    let plain = credential.body.keys().filter(|field| {
        let within = |sealed: &String| {
            sealed == *field
                || sealed
                    .strip_prefix(*field)
                    .is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        !vaults.is_empty() && !sealed.iter().any(within)
    });
    CredentialShown {
        name: credential.name.clone(),
        from: credential.from.clone(),
        jobs: jobs.iter().map(|job| job.key.clone()).collect(),
        hosts: texts(credential.origins.iter()),
        open_in: each_once(open_in.map(ToString::to_string)),
        plain: plain.cloned().collect(),
        sealed,
        reveal: credential.reveal,
        tokens_from: credential
            .oauth
            .as_ref()
            .map(|oauth| oauth.token_url.clone()),
    }
}

fn vault_of<'l>(live: &'l Live, job: &Job) -> Option<&'l Vault> {
    live.job(&job.key)?.credential.as_deref().map(Held::vault)
}

fn texts<'o>(origins: impl Iterator<Item = &'o Origin>) -> Vec<String> {
    each_once(origins.map(ToString::to_string))
}

/// In order.
fn each_once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    for text in texts {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// For people.
pub(super) fn print(shown: &Shown) {
    if !shown.adaptors.is_empty() {
        tell!("adaptors");
    }
    shown.adaptors.iter().for_each(AdaptorShown::print);
    if !shown.credentials.is_empty() {
        tell!("credentials");
    }
    shown.credentials.iter().for_each(CredentialShown::print);
}

impl AdaptorShown {
    fn print(&self) {
        tell!("  {} ({})", in_a_line(&self.name), in_a_line(&self.from));
        row("jobs", &listed(&self.jobs));
        if !self.jobs_with_errors.is_empty() {
            row("with errors", &listed(&self.jobs_with_errors));
        }
        row("wants", &listed(&self.wants));
        row("may reach", &self.reach());
        if !self.collections.is_empty() {
            let each = self.collections.iter();
            let each: Vec<String> = each
                .map(|(name, access)| format!("{name} ({access})"))
                .collect();
            let whose = if self.collections_for_adaptor {
                ""
            } else {
                "; its jobs' own code alone"
            };
            row("collections", &format!("{}{whose}", each.join(", ")));
        }
        if self.of_events {
            let whose = if self.events_for_adaptor {
                ""
            } else {
                "; its jobs' own code alone"
            };
            row("events", &format!("{}{whose}", listed(&self.events)));
        }
        if !self.environment.is_empty() {
            row("variables", &self.environment.join(", "));
        }
        if !self.revealed.is_empty() {
            row("SEES SECRETS", &format!("of {}", self.revealed.join(", ")));
        }
    }

    fn wants_network(&self) -> bool {
        self.wants.iter().any(|want| want == "network")
    }

    fn reach(&self) -> String {
        let mut reach = self.network.clone();
        for (credential, origins) in &self.by_credential {
            reach.extend(
                origins
                    .iter()
                    .map(|origin| format!("{origin} (by {credential})")),
            );
        }
        listed(&reach)
    }
}

impl CredentialShown {
    fn print(&self) {
        tell!("  {} ({})", in_a_line(&self.name), in_a_line(&self.from));
        row("jobs", &listed(&self.jobs));
        if self.jobs.is_empty() {
            return;
        }
        if !self.sealed.is_empty() {
            row(
                if self.reveal { "REVEALED" } else { "sealed" },
                &self.sealed.join(", "),
            );
        }
        if !self.plain.is_empty() {
            row("plain", &self.plain.join(", "));
        }
        row("is for", &listed(&self.hosts));
        if !self.sealed.is_empty() && !self.reveal {
            let opened = match self.hosts.is_empty() {
                true => "nowhere".to_owned(),
                false => self.open_in.join(", "),
            };
            row("opened in", &opened);
        }
        if let Some(token_url) = &self.tokens_from {
            row("tokens from", token_url);
        }
    }
}

fn row(what: &str, detail: &str) {
    let lines = wrapped(detail, DETAIL + 4, WIDTH);
    let first = format!("    {what:DETAIL$}");
    tell!("{first}{}", lines.get(first.len()..).unwrap_or_default());
}
