//! `fonio check`.
//!
//! Beside what keeps a project from being served it tells what would go wrong later: `addresses` that nothing grants, and
//! `workflows` that nothing starts or that never end, and `credentials` that are less safe than they could be. `grants` shows
//! who may do what. `expressions` looks at the jobs that could not be loaded. `found` is what all of it comes to, and
//! `tenants` does it for each of several projects.

mod addresses;
mod clocks;
mod credentials;
mod expressions;
mod found;
mod grants;
mod tenants;
mod workflows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fonio_project::{AdaptorName, Loaded, Problem};
use fonio_sandbox::Sandbox;
use tokio::sync::OnceCell;

use self::found::{Count, Found};
use super::output::println;
use super::{Exit, Failure, paint, sandbox, triggers};
use crate::adaptors::{Adaptors, wasm_files};
use crate::host::load_project;
use crate::live::Live;
use crate::trust::Trust;

/// Finds every problem in a project, each with its file, line and column and what would help.
///
/// Reads the project, loads its adaptors and compiles its jobs, as `serve` would, and runs nothing. Of a folder with a project
/// in each of its folders, as `serve --projects` takes it, looks at each, and at tenants.toml.
/// Exits 0 when there is no error (warnings are no errors), 1 when there is.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The project's directory, or one with a folder for each tenant.
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
        let looking = Looking::default();
        if tenants::are_in(&self.dir) {
            return tenants::check(&self.dir, self.format, &looking).await;
        }
        let loaded = load_project(&self.dir).await;
        let found = looking.through(&self.dir, loaded).await?;
        match self.format {
            Format::Json => println!("{}", found.json()),
            Format::Text => found.print(),
        }
        Ok(Count::of(&found.problems).exit())
    }
}

/// What looks through projects: one sandbox, which not every look needs.
#[derive(Default)]
struct Looking {
    sandbox: OnceCell<Sandbox>,
}

impl Looking {
    async fn sandbox(&self) -> Result<&Sandbox, Failure> {
        self.sandbox.get_or_try_init(sandbox::start).await
    }

    /// Every problem of the project in `dir`, what else is worth knowing, and what the project has.
    async fn through(&self, dir: &Path, loaded: Loaded) -> Result<Found, Failure> {
        const NOT_LOADED: &str = "the project cannot be loaded";
        let Loaded {
            project,
            unfinished,
            mut problems,
        } = loaded;
        let trust = (!wasm_files(dir).is_empty()).then(|| Trust::read(dir, &mut Vec::new()));
        let Some(project) = project else {
            if !unfinished.is_empty() {
                let sandbox = self.sandbox().await?;
                let adaptors = Adaptors::load(dir, sandbox, None, &mut problems).await;
                problems.extend(expressions::of(&unfinished, &adaptors, sandbox).await);
            }
            return Ok(Found {
                problems: sorted(problems),
                notes: Vec::new(),
                doors: Vec::new(),
                clocks: Vec::new(),
                grants: grants::Shown::default(),
                summary: NOT_LOADED.to_owned(),
                trust,
            });
        };
        let sandbox = self.sandbox().await?;
        let live = Live::load(project, problems, sandbox, None).await;
        let mut problems = live.problems.clone();
        problems.extend(expressions::without_adaptor(&live, sandbox).await);
        problems.extend(expressions::of(&unfinished, live.adaptors(), sandbox).await);
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
            clocks: clocks::of(&live.project),
            grants: grants::of(&live, &unfinished),
            summary: summary.join(", "),
            trust,
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
