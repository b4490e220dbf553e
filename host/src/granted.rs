//! What a project grants goes into the audit log whenever it is not what was last written there, also if it changed while the
//! host was down.

use std::collections::BTreeMap;
use std::sync::Arc;

use fonio_access::{Access, AccessError, Event, What};
use fonio_project::{Access as May, Job, JobEvents, Project};
use sha2::{Digest, Sha256};

use crate::host::Host;

/// Follows the project until the host stops.
pub async fn run(host: Arc<Host>, access: Access) {
    let mut generations = host.generations();
    loop {
        generations.mark_unchanged();
        if let Some(live) = host.live() {
            let (access, name) = (access.clone(), host.name());
            let noted =
                tokio::task::spawn_blocking(move || note(&access, &name, &live.project)).await;
            if let Ok(Err(error)) = noted {
                tracing::error!(%error, "changed grants could not be written into the audit log");
            }
        }
        tokio::select! {
            changed = generations.changed() => if changed.is_err() { return },
            () = host.stopping() => return,
        }
    }
}

fn note(access: &Access, name: &str, project: &Project) -> Result<(), AccessError> {
    let text = in_words(project);
    let digest: String = Sha256::digest(&text)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let last = access.last(What::Grants, name)?;
    if last.is_some_and(|last| last.subject == digest) {
        return Ok(());
    }
    let event = Event::new("host", What::Grants).in_tenant(name);
    access.record(&event.of(&digest, &text))
}

/// Who may reach, keep and see what, and who may send: names and origins, in an order that only changes with them.
fn in_words(project: &Project) -> String {
    let mut lines = BTreeMap::new();
    for job in project.jobs() {
        let grants = project.grants_for(job);
        let origins: Vec<String> = grants.origins().map(ToString::to_string).collect();
        let mut line = format!("may reach {}", none_or(&origins.join(" ")));
        line += &collections(project, job);
        line += &events(project, job);
        let variables = project.variables_for(job).iter();
        let variables: Vec<&str> = variables.map(|(name, _)| name.as_str()).collect();
        if !variables.is_empty() {
            line += &format!(", sees {}", variables.join(" "));
        }
        if let Some(credential) = project.credential_for(job) {
            line += &format!(", has {}", credential.name);
            if credential.reveal {
                line += " (revealed)";
            }
        }
        lines.insert(format!("job {}", job.key), line);
    }
    for door in project.doors() {
        let auth = door.settings.map(|settings| settings.auth.iter());
        let auth: Vec<String> = auth
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        lines.insert(
            format!("trigger {}", door.name),
            format!("takes {}", none_or(&auth.join(" "))),
        );
    }
    let lines = lines.iter().map(|(name, line)| format!("{name} {line}"));
    lines.collect::<Vec<_>>().join("; ")
}

/// What the job may do with those that the project has, and whether its adaptor may, too.
fn collections(project: &Project, job: &Job) -> String {
    let granted = project.collections_for(job);
    let mut names: Vec<&String> = project.collections.iter().collect();
    names.sort();
    let said = names
        .into_iter()
        .map(|name| (name, granted.grants.on(name)));
    let said: Vec<String> = said
        .filter(|(_, access)| *access > May::None)
        .map(|(name, access)| format!("{access} {name}"))
        .collect();
    let adaptors = match granted.are_for_the_adaptor() {
        true => " (its adaptor, too)",
        false => "",
    };
    match said.is_empty() {
        true => String::new(),
        false => format!(", may {}{adaptors}", said.join(" ")),
    }
}

/// Nothing where the project says nothing: then its jobs' own code may publish any.
fn events(project: &Project, job: &Job) -> String {
    let granted = project.events_for(job);
    if granted == JobEvents::any() {
        return String::new();
    }
    let patterns: Vec<String> = granted.patterns().iter().map(ToString::to_string).collect();
    let adaptors = match granted.are_for_the_adaptor() {
        true => " (its adaptor, too)",
        false => "",
    };
    format!(", may publish {}{adaptors}", none_or(&patterns.join(" ")))
}

fn none_or(text: &str) -> &str {
    if text.is_empty() {
        "(nothing named)"
    } else {
        text
    }
}
