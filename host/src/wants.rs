//! What an adaptor wants, and whether the project lets it: two keys, of which one alone opens nothing.
//!
//! The first is the adaptor's own: what it says that it wants, and what it imports. The second is the project's. Collections
//! and events an adaptor has where both say so, and is not loaded where only the first does. The network has its second key in each
//! origin that is granted, and is asked for it at each request. Files, sockets and variables are imported by what the tools
//! of some languages build, whatever it does; there is nothing behind them but variables that the project names.

use fonio_project::{AdaptorName, Job, JobCollections, JobEvents, Project};
use fonio_sandbox::Adaptor;

use crate::adaptors::Adaptors;

const COLLECTIONS: &str = "collections";
const EVENTS: &str = "events";
/// What an adaptor can say that it wants.
const KNOWN: &[&str] = &["network", "log", COLLECTIONS, EVENTS];

/// Imports and what is behind them, in words.
const CAPABILITIES: &[(&str, &str)] = &[
    ("wasi:http/", "network"),
    ("fonio:log/", "log"),
    ("fonio:collections/", COLLECTIONS),
    ("fonio:events/", EVENTS),
    ("fonio:expression/", "the job's own engine"),
    ("wasi:cli/std", "standard output, which is the log"),
    ("wasi:cli/environment", "variables that are granted by name"),
    ("wasi:cli/", "a process: its end, and no terminal"),
    ("wasi:clocks/", "clocks"),
    ("wasi:random/", "random bytes"),
    ("wasi:filesystem/", "files: there are none"),
    ("wasi:sockets/", "sockets: none can be opened"),
    ("wasi:io/", "streams, of what is here besides"),
];

/// What an interface is for.
pub(crate) fn capability(import: &str) -> &'static str {
    let mut known = CAPABILITIES.iter();
    let found = known.find(|(prefix, _)| import.starts_with(prefix));
    found.map_or("what this version does not know", |(_, capability)| {
        capability
    })
}

/// What it says that it wants, and what of these it imports: a package brings collections in without saying so.
pub(crate) fn wants(adaptor: &Adaptor) -> Vec<&str> {
    let said = adaptor.description().wants.iter().map(String::as_str);
    let mut wants: Vec<&str> = said.collect();
    for import in adaptor.imports() {
        let wanted = capability(import);
        if KNOWN.contains(&wanted) && !wants.contains(&wanted) {
            wants.push(wanted);
        }
    }
    wants
}

/// Why the adaptor of a job must not be loaded for it, and what would help; nothing where it may, or is not there.
pub(crate) fn refusal(
    adaptors: &Adaptors,
    project: &Project,
    job: &Job,
) -> Option<(String, String)> {
    let found = adaptors.find(&job.adaptor).ok().flatten()?;
    let (collections, events) = (project.collections_for(job), project.events_for(job));
    of(&found.adaptor, &job.adaptor, &collections, &events)
}

/// The same of an adaptor by its name.
pub(crate) fn of(
    adaptor: &Adaptor,
    name: &AdaptorName,
    collections: &JobCollections,
    events: &JobEvents,
) -> Option<(String, String)> {
    let said = &adaptor.description().wants;
    let unknown = said.iter().find(|want| !KNOWN.contains(&want.as_str()));
    if let Some(unknown) = unknown {
        let message = format!(
            "the adaptor {name} wants `{unknown}`, and this version has no such capability"
        );
        let help = format!(
            "it wants {}; there are {}",
            said.join(", "),
            KNOWN.join(", ")
        );
        return Some((message, help));
    }
    let lacks = lacks(adaptor, collections, events);
    if lacks.is_empty() {
        return None;
    }
    let lacked = |want: &&str| lacks.iter().any(|(lacking, _)| lacking == want);
    let has: Vec<&str> = said.iter().map(String::as_str).collect();
    let has: Vec<&str> = has.into_iter().filter(|want| !lacked(want)).collect();
    let imported: Vec<String> = adaptor
        .imports()
        .iter()
        .filter(|import| lacked(&capability(import)))
        .map(|import| format!("`{import}`"))
        .collect();
    let names: Vec<&str> = lacks.iter().map(|(name, _)| *name).collect();
    let (all, has, imported) = (said.join(", "), listed(&has), listed(&imported));
    let message = format!(
        "the adaptor {name} wants more than this project grants it: it wants {all}; it has {has}; it lacks {} \
         (it imports {imported})",
        names.join(", ")
    );
    let table = toml_key(name.short());
    let lines: Vec<&str> = lacks.iter().map(|(_, line)| *line).collect();
    let help = format!(
        "to let it have them, write into fonio.toml:\n[adaptors.{table}]\n{}",
        lines.join("\n")
    );
    Some((message, help))
}

/// What it wants and is not granted, each with the line that would grant it. A package is in one engine with the job's
/// code, and has what that has.
fn lacks(
    adaptor: &Adaptor,
    collections: &JobCollections,
    events: &JobEvents,
) -> Vec<(&'static str, &'static str)> {
    let mut lacks = Vec::new();
    if adaptor.contents().is_some() {
        return lacks;
    }
    if adaptor.wants_collections() && !collections.are_for_the_adaptor() {
        let line = "collections = \"write\"\nor \"read\", or a table of names to these";
        lacks.push((COLLECTIONS, line));
    }
    if adaptor.wants_events() && !events.are_for_the_adaptor() {
        let line = "events = [\"intake.*\"]\nor whatever names it may publish";
        lacks.push((EVENTS, line));
    }
    lacks
}

/// Joined, or `nothing`.
pub(crate) fn listed<T: AsRef<str>>(texts: &[T]) -> String {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    if texts.is_empty() {
        "nothing".to_owned()
    } else {
        texts.join(", ")
    }
}

/// A name with a scope is no bare key.
fn toml_key(name: &str) -> String {
    if name.contains(['@', '/', '.']) {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}
