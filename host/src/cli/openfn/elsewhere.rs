//! Commands of OpenFn's that are about its servers, its packages or its own tools.

use crate::cli::paint;

/// Each with what to do instead.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "metadata",
        "no adaptor here gathers metadata of the system behind it; look at that system, or ask it with a job",
    ),
    (
        "pull",
        "projects are not pulled from an OpenFn server; export one there, then: fonio project import FILE",
    ),
    (
        "deploy",
        "projects are not deployed to an OpenFn server; serve one here with: fonio serve DIR",
    ),
    (
        "project",
        "there is no OpenFn server to keep a project in step with; see: fonio project --help",
    ),
    (
        "projects",
        "there is no OpenFn server to keep projects in step with; see: fonio project --help",
    ),
    (
        "checkout",
        "a project is checked out by importing it: fonio project import FILE",
    ),
    (
        "fetch",
        "there is no OpenFn server to fetch from; export the project there, then: fonio project import FILE",
    ),
    (
        "merge",
        "projects are files here; merge them with your version control",
    ),
    (
        "repo",
        "there is no repository of installed packages; adaptors are .wasm files, and `fonio adaptor list` shows them",
    ),
    (
        "install",
        "nothing is installed; bring an npm package in with: fonio adaptor import @openfn/language-NAME",
    ),
    (
        "docgen",
        "an adaptor's documentation is in its own file; see: openfn docs ADAPTOR",
    ),
    (
        "collections",
        "collections are those of a host that serves; jobs reach them by collections.get and collections.set",
    ),
    (
        "apollo",
        "there are no AI services here, and no job is sent to any",
    ),
];

/// Whether it is one of them.
pub(super) fn knows(command: &str) -> bool {
    ELSEWHERE.iter().any(|(name, _)| *name == command)
}

/// Says what to do instead. None of them does what it was called for, so none succeeds.
pub(super) fn tell(words: &[String]) -> bool {
    let command = words.first().map(String::as_str).unwrap_or_default();
    let found = ELSEWHERE.iter().find(|(name, _)| *name == command);
    let instead = found.map_or("see: openfn --help", |(_, instead)| *instead);
    paint::error(&format!("openfn {command}: {instead}"));
    false
}
