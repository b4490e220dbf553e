//! Commands of OpenFn's that are about its servers, its packages or its own tools.

use fonio_project::AdaptorName;

use crate::bring::word;
use crate::cli::paint;

/// Each with what to do instead; of two words before the first of them alone. PACKAGES stands for what was named.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "metadata",
        "no adaptor here gathers metadata of the system behind it; ask that system with a job: openfn JOB.js -a ADAPTOR",
    ),
    (
        "pull",
        "projects are not pulled from an OpenFn server; export one there, then: fonio project import FILE -o DIR",
    ),
    (
        "deploy",
        "projects are not deployed to an OpenFn server; serve one here with: fonio serve DIR",
    ),
    ("project", THERE_IS_NO_SERVER),
    ("projects", THERE_IS_NO_SERVER),
    (
        "checkout",
        "a project is checked out by importing it: fonio project import FILE -o DIR",
    ),
    (
        "fetch",
        "there is no OpenFn server to fetch from; export the project there, then: fonio project import FILE -o DIR",
    ),
    (
        "merge",
        "projects are files here; merge them with your version control, and see what came of it: fonio check DIR",
    ),
    (
        "repo install",
        "adaptors are .wasm files here, made once of a package: PACKAGES",
    ),
    (
        "repo clean",
        "adaptors are .wasm files in a project's adaptors/ here; delete those that you do not want: fonio adaptor list",
    ),
    (
        "repo",
        "adaptors are .wasm files in a project's adaptors/ here; see them: fonio adaptor list",
    ),
    (
        "install",
        "adaptors are .wasm files here, made once of a package: PACKAGES",
    ),
    (
        "docgen",
        "an adaptor's documentation is in its own file; see: openfn docs ADAPTOR",
    ),
    (
        "collections",
        "collections are those of a host that serves, to its jobs: fonio serve DIR, and collections.get and collections.set in a job",
    ),
    (
        "apollo",
        "there are no AI services here, and no job is sent to any; write jobs by hand, and see what is wrong with them: fonio check DIR",
    ),
];

const THERE_IS_NO_SERVER: &str = "there is no OpenFn server to keep a project in step with; files come and go with: \
     fonio project import FILE -o DIR, fonio project export DIR";

/// Whether it is one of them.
pub(super) fn knows(command: &str) -> bool {
    ELSEWHERE.iter().any(|(name, _)| *name == command)
}

/// Says what to do instead. None of them does what it was called for, so none succeeds.
pub(super) fn tell(words: &[String]) -> bool {
    let (command, instead) = instead(words);
    paint::error(&format!("openfn {command}: {instead}"));
    false
}

fn instead(words: &[String]) -> (String, String) {
    let first = words.first().cloned().unwrap_or_default();
    let two = words.get(..2).unwrap_or_default().join(" ");
    let find = |command: String| {
        let found = ELSEWHERE.iter().find(|(name, _)| *name == command);
        found.map(|(_, instead)| (command, *instead))
    };
    let found = find(two).or_else(|| find(first.clone()));
    let (command, instead) = found.unwrap_or((first, "see: openfn --help"));
    let rest = words.get(command.split(' ').count()..).unwrap_or_default();
    (command, instead.replace("PACKAGES", &imports(rest)))
}

/// The commands that bring the packages named; options are OpenFn's own.
fn imports(words: &[String]) -> String {
    let named = words.iter().filter(|word| !word.starts_with('-'));
    let packages = named.filter(|word| word.parse::<AdaptorName>().is_ok());
    let commands: Vec<String> = packages
        .map(|package| format!("fonio adaptor import {}", word(package)))
        .collect();
    if commands.is_empty() {
        return "fonio adaptor import @openfn/language-NAME".to_owned();
    }
    commands.join(" && ")
}
