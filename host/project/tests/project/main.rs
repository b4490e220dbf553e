//! Projects on disk, loaded as the host loads them.

mod credential_sources;
mod credentials;
mod expressions;
mod format_problems;
mod formats;
mod grants_oracle;
mod model;
mod mutations;
mod portable_problems;
mod project_problems;
mod round_trips;
mod settings_problems;
mod shape;
mod tenants;
mod variants;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fonio_project::{Loaded, Problem, Project, load};
use tempfile::TempDir;

/// A project directory that is deleted at the end of the test.
struct Fixture {
    dir: TempDir,
    variables: BTreeMap<String, String>,
}

/// A job and a trigger that are right, for tests of something else.
const WORKING: &str = "\
jobs:
  job-1:
    expression: fn(state => state)
    adaptor: '@openfn/language-http'
    trigger: trigger-1
triggers:
  trigger-1: { criteria: '{}' }
";

impl Fixture {
    fn new(project: &str) -> Fixture {
        Fixture::empty().with("project.yaml", project)
    }

    fn empty() -> Fixture {
        Fixture {
            dir: tempfile::tempdir().expect("a temporary directory"),
            variables: BTreeMap::new(),
        }
    }

    fn with(self, file: &str, content: impl AsRef<[u8]>) -> Fixture {
        let path = self.dir.path().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
        self
    }

    fn with_variable(mut self, name: &str, value: &str) -> Fixture {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn load(&self) -> Loaded {
        load(self.path(), &|name| self.variables.get(name).cloned())
    }

    /// The project, which must be without problems.
    fn project(&self) -> Project {
        let loaded = self.load();
        assert_eq!(loaded.problems, [], "problems in\n{self}");
        loaded.project.expect("a project")
    }

    /// All problems as `severity file:line:column message | help`, the help's first line only.
    fn problems(&self) -> Vec<String> {
        self.load().problems.iter().map(line).collect()
    }
}

impl std::fmt::Display for Fixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&fs::read_to_string(self.path().join("project.yaml")).unwrap_or_default())
    }
}

fn line(problem: &Problem) -> String {
    let Problem {
        severity,
        file,
        line,
        column,
        message,
        help,
        ..
    } = problem;
    let help = help
        .as_deref()
        .and_then(|help| help.lines().next())
        .map(|help| format!(" | {help}"))
        .unwrap_or_default();
    format!(
        "{severity} {}:{line}:{column} {message}{help}",
        file.display()
    )
}

/// The one problem of a project, as text.
fn only_problem(fixture: &Fixture) -> String {
    let mut problems = fixture.problems();
    assert_eq!(problems.len(), 1, "{problems:#?} in\n{fixture}");
    problems.remove(0)
}

#[test]
fn a_project_without_problems_loads_whole() {
    let project = Fixture::new(WORKING).project();
    assert_eq!(project.jobs().count(), 1);
    assert_eq!(project.job("job-1").map(|job| job.line), Some(2));
    assert_eq!(project.workflows[0].triggers[0].line, 7);
    assert!(project.job("job-2").is_none());
}

#[test]
fn a_problem_shows_the_line_and_underlines_the_word() {
    let fixture = Fixture::new(&WORKING.replace("trigger: trigger-1", "trigger: trigr-1"));
    let problem = &fixture.load().problems[0];
    let expected = "\
error: the job `job-1` has the trigger `trigr-1`, which is not there
 --> project.yaml:5:14
  |
5 |     trigger: trigr-1
  |              ^^^^^^^
  = did you mean `trigger-1`?";
    assert_eq!(problem.to_string(), expected);
    let json = serde_json::to_value(problem).expect("JSON");
    assert_eq!(json["source_line"], "    trigger: trigr-1");
    assert_eq!(json["help"], "did you mean `trigger-1`?");
}

#[test]
fn the_fingerprint_changes_with_every_input_and_with_nothing_else() {
    let base = || {
        Fixture::new(WORKING)
            .with(
                "fonio.toml",
                "[credentials.c]\nfrom = \"env:C\"\n[project]\nid = \"p\"\n",
            )
            .with("jobs/job-2.js", "fn(s => s)")
            .with(
                "project.yaml",
                WORKING.replace(
                    "triggers:",
                    "  job-2: { adaptor: http, trigger: trigger-1 }\ntriggers:",
                ),
            )
            .with(".env", "PORT=4001\n")
            .with("credentials/d.json", "{}")
            .with_variable("C", "{\"a\": 1}")
    };
    let fingerprint = |fixture: Fixture| fixture.project().fingerprint;
    let first = fingerprint(base());
    assert_eq!(first.len(), 64);
    assert_eq!(first, fingerprint(base()));
    assert_eq!(
        first,
        fingerprint(
            base()
                .with("README.md", "unrelated")
                .with_variable("HOME", "/x")
        )
    );
    let mut seen = vec![first];
    for changed in [
        base().with(
            "fonio.toml",
            "[credentials.c]\nfrom = \"env:C\"\n[project]\nid = \"q\"\n",
        ),
        base().with("jobs/job-2.js", "fn(s => s);"),
        base().with(".env", "PORT=4002\n"),
        base().with("credentials/d.json", "{\"x\": 1}"),
        base().with_variable("C", "{\"a\": 2}"),
        base().with_variable("ENDPOINT_STYLE", "sync"),
    ] {
        let fingerprint = fingerprint(changed);
        assert!(!seen.contains(&fingerprint));
        seen.push(fingerprint);
    }
}

#[test]
fn a_folder_that_is_not_there_is_a_problem_and_no_project() {
    let loaded = load(&PathBuf::from("/nonexistent/project"), &|_| None);
    assert!(loaded.project.is_none());
    assert_eq!(
        loaded.problems.iter().map(line).collect::<Vec<_>>(),
        [
            "error project.yaml:0:0 there is no folder /nonexistent/project | name the folder that holds the project"
        ]
    );
}
