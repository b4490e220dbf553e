//! `fonio check`.
//!
//! Beside what keeps a project from being served it tells what would go wrong later: `addresses` that nothing grants, and
//! `workflows` that nothing starts or that never end, and `credentials` that are less safe than they could be. `grants` shows
//! who may do what. `expressions` looks at the jobs that could not be loaded.

mod addresses;
mod credentials;
mod expressions;
mod grants;
mod workflows;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fonio_project::{AdaptorName, Loaded, Problem, Severity};
use serde_json::json;

use super::output::println;
use super::{Exit, Failure, paint, sandbox, triggers};
use crate::adaptors::{Adaptors, wasm_files};
use crate::host::load_project;
use crate::live::Live;
use crate::trust::Trust;

/// Finds every problem in a project, each with its file, line and column and what would help.
///
/// Reads the project, loads its adaptors and compiles its jobs, as `serve` would, and runs nothing.
/// Exits 0 when there is no error (warnings are no errors), 1 when there is.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The project's directory.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// How to print the problems.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

impl Check {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        if self.dir.is_file() {
            let file = self.dir.display();
            return Err(Failure::usage(format!(
                "{file} is a file, and `check` takes a project's folder: name it project.yaml in a folder of its own, or run \
                 `fonio project import {file} -o DIR`; a workflow alone runs by `fonio run {file}`"
            )));
        }
        let loaded = load_project(&self.dir).await;
        let Found {
            problems,
            notes,
            doors,
            grants,
            summary,
        } = self.look_through(loaded).await?;
        let errors = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count();
        // Where there is nothing to lock, nothing is said of it.
        let trust =
            (!wasm_files(&self.dir).is_empty()).then(|| Trust::read(&self.dir, &mut Vec::new()));
        match self.format {
            Format::Json => {
                let mut said = json!({ "ok": errors == 0, "problems": problems, "doors": doors, "grants": grants });
                if !notes.is_empty() {
                    said["notes"] = json!(notes);
                }
                if let Some(trust) = &trust {
                    said["locked"] = trust.is_locked().into();
                }
                println!("{said}");
            }
            Format::Text => {
                triggers::print(&doors);
                grants::print(&grants);
                notes.iter().for_each(|note| paint::note(note));
                print(&problems, errors, &summary);
                if let Some(trust) = &trust {
                    println!("{}", trust.in_words());
                }
            }
        }
        Ok(if errors == 0 {
            Exit::Success
        } else {
            Exit::Failed
        })
    }
}

/// What there is to tell of a project.
struct Found {
    problems: Vec<Problem>,
    notes: Vec<String>,
    doors: Vec<triggers::Shown>,
    grants: grants::Shown,
    summary: String,
}

impl Check {
    /// Every problem, what else is worth knowing, and what the project has.
    async fn look_through(&self, loaded: Loaded) -> Result<Found, Failure> {
        const NOT_LOADED: &str = "the project cannot be loaded";
        let Loaded {
            project,
            unfinished,
            mut problems,
        } = loaded;
        let Some(project) = project else {
            if !unfinished.is_empty() {
                let sandbox = sandbox::start().await?;
                let adaptors = Adaptors::load(&self.dir, &sandbox, None, &mut problems).await;
                problems.extend(expressions::of(&unfinished, &adaptors, &sandbox).await);
            }
            return Ok(Found {
                problems: sorted(problems),
                notes: Vec::new(),
                doors: Vec::new(),
                grants: grants::Shown::default(),
                summary: NOT_LOADED.to_owned(),
            });
        };
        let sandbox = sandbox::start().await?;
        let live = Live::load(project, problems, &sandbox, None).await;
        let mut problems = live.problems.clone();
        problems.extend(expressions::without_adaptor(&live, &sandbox).await);
        problems.extend(expressions::of(&unfinished, live.adaptors(), &sandbox).await);
        problems.extend(workflows::warnings(&live.project, &problems));
        problems.extend(addresses::warnings(&live));
        problems.extend(credentials::warnings(&live));
        problems.extend(live.project.open_doors());
        let summary = [
            paint::count(live.project.jobs().count(), "job"),
            paint::count(live.project.triggers().count(), "trigger"),
            paint::count(live.project.credentials.len(), "credential"),
        ];
        Ok(Found {
            problems: sorted(problems),
            notes: versions(&live)
                .into_iter()
                .chain(credentials::notes(&live.project))
                .collect(),
            doors: triggers::of(&live.project),
            grants: grants::of(&live),
            summary: summary.join(", "),
        })
    }
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| a.place().cmp(&b.place()));
    problems
}

/// Jobs that name one version of an adaptor and get what stands for all versions.
fn versions(live: &Live) -> Vec<String> {
    let names: BTreeSet<&AdaptorName> = live.project.jobs().map(|job| &job.adaptor).collect();
    let noted = names.into_iter().filter_map(|name| {
        let choice = live.adaptors().choose(name).ok()?;
        let why = choice.missing.is_some().then(|| choice.why())?;
        Some(format!("jobs that name {name} get {why}"))
    });
    noted.collect()
}

fn print(problems: &[Problem], errors: usize, summary: &str) {
    for problem in problems {
        paint::problem(problem);
    }
    let warnings = problems.len() - errors;
    println!(
        "{summary}: {}, {}",
        paint::count(errors, "error"),
        paint::count(warnings, "warning")
    );
}
