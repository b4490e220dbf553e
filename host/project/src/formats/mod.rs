//! The formats of project files, each read into a [`Draft`].
//!
//! ```text
//! v1 project.js, project.json ┐
//! v2 project.yaml ────────────┴─ flat ── fold ──┐
//! v3 project.yaml, spec ──────── spec ──────────┤
//! v4 project.yaml ────────────── portable ──────┼── Draft
//! v4 openfn.yaml ─────────────── workspace ─────┤
//! a workflow alone ───────────── plan ──────────┘
//! ```
//!
//! [`find`] chooses the file, [`read`] the reader, by what the file holds and never by its name.

mod common;
mod flat;
mod fold;
mod linked;
mod plan;
mod portable;
mod spec;
mod state;
mod steps;
mod trigger;
mod workspace;

use std::path::{Path, PathBuf};
use std::rc::Rc;

pub(crate) use common::slugify;
pub(crate) use fold::cycle_message;

use crate::draft::{Draft, SourceFile};
use crate::inputs::{Inputs, Reach, Read};
use crate::model::Generation;
use crate::reading::Reading;
use crate::report::{Place, Secrecy};
use crate::tree::{Data, Node, parse_literal, parse_yaml};

/// The project file's usual name.
pub const PROJECT_FILE: &str = "project.yaml";
pub(crate) const WORKSPACE_FILE: &str = "openfn.yaml";
/// The names of project files, the first that is there counts.
const PROJECT_FILES: &[&str] = &[
    PROJECT_FILE,
    "project.yml",
    WORKSPACE_FILE,
    "project.json",
    "project.js",
];

const MINIMAL: &str = "\
a project starts with a file project.yaml such as:
jobs:
  double:
    adaptor: common
    trigger: inbox
    expression: |
      fn(state => ({ ...state, data: { number: state.data.number * 2 } }));
triggers:
  inbox:
    criteria: '{}'";

/// How many files of another name are looked into where there is no project file.
const OTHER_NAMES_MAX: usize = 20;

/// The project file of a directory. Of several, the others are reported.
pub(crate) fn find(inputs: &mut Inputs<'_>) -> Option<PathBuf> {
    let mut there = PROJECT_FILES
        .iter()
        .filter(|name| inputs.files.has(Path::new(name)));
    let Some(first) = there.next() else {
        report_missing(inputs);
        return None;
    };
    for other in there {
        inputs
            .report
            .warning(
                Path::new(other),
                Place::FILE,
                format!("this file is not read, because there is {first}"),
            )
            .help("a folder holds one project; remove one of the two");
    }
    Some(PathBuf::from(first))
}

fn report_missing(inputs: &mut Inputs<'_>) {
    let (message, help) = if inputs.dir.is_dir() {
        let found = projects_by_other_names(inputs);
        let help = if found.is_empty() {
            MINIMAL.to_owned()
        } else {
            found.join("\n")
        };
        ("there is no project.yaml".to_owned(), help)
    } else {
        (
            format!("there is no folder {}", inputs.dir.display()),
            "name the folder that holds the project".to_owned(),
        )
    };
    let file = Path::new(PROJECT_FILE);
    inputs.report.error(file, Place::FILE, message).help(help);
}

/// For each file here that holds a project, such as the `clinic-spec.yaml` that OpenFn's command line pulls, what to do.
fn projects_by_other_names(inputs: &Inputs<'_>) -> Vec<String> {
    let dir = inputs.dir;
    // What is wrong with them is told when one of them is named.
    let mut aside = inputs.aside();
    let names = aside.entries_in(Path::new("")).into_iter();
    let yaml = names.filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"));
    yaml.take(OTHER_NAMES_MAX)
        .filter(|name| {
            let parsed = parse_file(&mut aside, Path::new(name), Secrecy::Secret);
            parsed.is_some_and(|parsed| holds_a_project(&parsed.root))
        })
        .map(|name| {
            let path = if dir == Path::new(".") {
                PathBuf::from(&name)
            } else {
                dir.join(&name)
            };
            format!(
                "{name} holds a project: fonio project import {}, or rename it to {PROJECT_FILE}",
                path.display()
            )
        })
        .collect()
}

fn holds_a_project(root: &Node) -> bool {
    let has = |name: &str| root.get(name).is_some();
    has("workflows") || (has("jobs") && has("triggers") && !has("edges"))
}

/// Reads a project file. Nothing if it cannot be understood as one. `alone` is whether a person named this very file.
pub(crate) fn read(inputs: &mut Inputs<'_>, file: &Path, alone: bool) -> Option<Draft> {
    let parsed = parse_file(inputs, file, Secrecy::Credentials)?;
    let format = format_of(&parsed.root, file);
    if alone && format == Format::Plan {
        inputs.reach = Reach::Anywhere;
    }
    let mut draft = match format {
        Format::Workspace => workspace::read(inputs, &parsed)?,
        Format::Flat(generation) => {
            let mut reading = parsed.reading(inputs);
            let flat = reading.flat_file(&parsed.root, generation)?;
            fold::fold(&mut reading, flat, Rc::clone(&parsed.source), generation)
        }
        Format::Spec => {
            let mut draft = parsed.reading(inputs).spec(&parsed.root, &parsed.source)?;
            state::adopt_ids(inputs, &mut draft);
            draft
        }
        Format::SpecWorkflow => parsed
            .reading(inputs)
            .spec_alone(&parsed.root, &parsed.source)?,
        Format::Portable => parsed
            .reading(inputs)
            .portable(&parsed.root, &parsed.source)?,
        Format::Plan => parsed.reading(inputs).plan(&parsed.root, &parsed.source)?,
        Format::State => {
            parsed
                .reading(inputs)
                .error(
                    Place::START,
                    "this is the state of a project on a server, not the project",
                )
                .help("name the project's own file, which was pulled together with it");
            return None;
        }
    };
    linked::read(inputs, &mut draft);
    Some(draft)
}

/// What a project file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Flat(Generation),
    Spec,
    /// One workflow of v3.
    SpecWorkflow,
    Portable,
    Workspace,
    Plan,
    State,
}

/// By what the file holds.
fn format_of(root: &Node, file: &Path) -> Format {
    let has = |name: &str| root.get(name).is_some();
    let is_list = |name: &str| matches!(root.get(name).map(|node| &node.data), Some(Data::List(_)));
    let is_map = |name: &str| matches!(root.get(name).map(|node| &node.data), Some(Data::Map(_)));
    let version_2 = root
        .get("cli")
        .and_then(|cli| cli.get("version"))
        .and_then(Node::as_text);
    if has("schema_version") || version_2.as_deref() == Some("2") || is_list("workflows") {
        Format::Portable
    } else if has("project_credentials") {
        Format::State
    } else if has("workflows") {
        Format::Spec
    } else if is_map("workflow") || has("steps") || (is_list("jobs") && !has("triggers")) {
        Format::Plan
    } else if is_map("jobs") && has("edges") {
        Format::SpecWorkflow
    } else if has("workspace")
        || is_map("project")
        || file.file_name().is_some_and(|name| name == WORKSPACE_FILE)
    {
        Format::Workspace
    } else if is_literal(file) {
        Format::Flat(Generation::V1)
    } else {
        Format::Flat(Generation::V2)
    }
}

/// A file and the values in it.
struct Parsed {
    source: Rc<SourceFile>,
    root: Node,
}

impl Parsed {
    fn reading<'r>(&'r self, inputs: &'r mut Inputs<'_>) -> Reading<'r> {
        Reading {
            report: &mut inputs.report,
            file: &self.source.path,
            text: &self.source.text,
        }
    }
}

/// Reads a file as its name says: JSON and JavaScript as literals, all else as YAML.
fn parse_file(inputs: &mut Inputs<'_>, path: &Path, secrecy: Secrecy) -> Option<Parsed> {
    let text = match inputs.read(path, secrecy) {
        Read::Text(text) => text,
        Read::Refused => return None,
        Read::Missing => {
            inputs
                .report
                .error(path, Place::FILE, "there is no such file");
            return None;
        }
    };
    let parsed = if is_literal(path) {
        parse_literal(&text)
    } else {
        parse_yaml(&text)
    };
    match parsed {
        Ok(root) => {
            let source = SourceFile {
                path: path.to_owned(),
                text,
            };
            Some(Parsed {
                source: Rc::new(source),
                root,
            })
        }
        Err(error) => {
            inputs.report.error(path, error.at, error.message).help = error.help;
            None
        }
    }
}

fn is_literal(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("json" | "js" | "cjs" | "mjs"))
}
