//! The project as it runs: every job compiled, every adaptor loaded, or the reason why not.
//!
//! A reload builds a new [`Live`] beside the old one. What did not change is taken over as it is. What fails to load is
//! reported, and if the old project had a working version of it, that version goes on serving.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonio_project::{AdaptorName, Job, Limits, Problem, Project, Severity};
use fonio_sandbox::{
    Adaptor, AdaptorError, CompiledJob, Egress, FailureKind, JobProblem, Sandbox, StepFailure,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::wasm_file;

/// The OpenFn package whose operations every job has.
const COMMON: &str = "@openfn/language-common";

/// A project that runs.
#[derive(Debug)]
pub struct Live {
    /// The model it was made from.
    pub project: Arc<Project>,
    /// What to tell the author.
    pub problems: Vec<Problem>,
    adaptors: Adaptors,
    jobs: BTreeMap<String, LiveJob>,
}

/// A job as it runs.
#[derive(Clone, Debug)]
pub struct LiveJob {
    source: Source,
    code: Result<Arc<CompiledJob>, StepFailure>,
    /// The code is of an earlier version, because the present one does not load.
    pub outdated: bool,
    egress: Egress,
    /// What a step of it may use up.
    pub limits: Limits,
    /// `state.configuration`.
    pub configuration: Option<Value>,
}

/// What a job's code is made from; the same source is not compiled again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    expression: String,
    adaptor: Option<String>,
}

impl LiveJob {
    /// The code to run, or why there is none.
    pub fn ready(&self) -> Result<(Arc<CompiledJob>, Egress), StepFailure> {
        self.code.clone().map(|code| (code, self.egress.clone()))
    }
}

/// An adaptor that jobs can name.
#[derive(Clone, Debug)]
pub struct LoadedAdaptor {
    /// Relative to the project; none for one that the program carries.
    pub file: Option<PathBuf>,
    digest: String,
    /// The adaptor itself.
    pub adaptor: Arc<Adaptor>,
}

impl LoadedAdaptor {
    /// The name by which `[adaptors.<name>]` and `adaptors/<name>.wasm` know it.
    pub fn short_name(&self) -> String {
        match &self.file {
            Some(file) => file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            None => self.adaptor.description().name.clone(),
        }
    }

    fn answers_to(&self, name: &AdaptorName) -> bool {
        let description = self.adaptor.description();
        description.answers_to.contains(&name.name) || self.short_name() == name.short()
    }
}

/// Every adaptor of a project: its own files first, then what the program carries.
#[derive(Clone, Debug, Default)]
pub struct Adaptors(pub Vec<LoadedAdaptor>);

impl Adaptors {
    /// Loads `adaptors/*.wasm` and the built-in ones; a file that does not load is a problem, and its old version stays.
    pub async fn load(
        dir: &Path,
        sandbox: &Sandbox,
        old: Option<&Adaptors>,
        problems: &mut Vec<Problem>,
    ) -> Adaptors {
        let mut loaded = Vec::new();
        for path in wasm_files(dir) {
            let file = path.strip_prefix(dir).unwrap_or(&path).to_path_buf();
            let before = old.and_then(|old| {
                old.0
                    .iter()
                    .find(|adaptor| adaptor.file.as_ref() == Some(&file))
            });
            match load_file(&path, &file, sandbox, before).await {
                Ok(adaptor) => loaded.push(adaptor),
                Err(reason) => {
                    problems.push(adaptor_problem(&file, &reason, before.is_some()));
                    loaded.extend(before.cloned());
                }
            }
        }
        for (name, wasm) in Sandbox::built_in_adaptors() {
            match load_bytes(
                wasm,
                None,
                sandbox,
                old.and_then(|old| old.0.iter().find(|a| a.file.is_none())),
            )
            .await
            {
                Ok(adaptor) => loaded.push(adaptor),
                Err(error) => {
                    tracing::error!(name, %error, "an adaptor inside the program does not load")
                }
            }
        }
        Adaptors(loaded)
    }

    /// Whether an adaptor is still here. One that was deleted must not run on in jobs made with it.
    fn have(&self, digest: Option<&String>) -> bool {
        digest.is_none_or(|digest| self.0.iter().any(|adaptor| adaptor.digest == *digest))
    }

    /// The adaptor that a job names; `None` in `Ok` for the common operations alone.
    ///
    /// # Errors
    /// When nothing here answers to the name: the sentence to show, and what would help.
    pub fn find(&self, name: &AdaptorName) -> Result<Option<&LoadedAdaptor>, (String, String)> {
        if name.name == COMMON {
            return Ok(None);
        }
        if let Some(found) = self.0.iter().find(|adaptor| adaptor.answers_to(name)) {
            return Ok(Some(found));
        }
        let known: Vec<String> = self
            .0
            .iter()
            .flat_map(|a| a.adaptor.description().answers_to.clone())
            .collect();
        let help = format!(
            "put a .wasm that answers to it into adaptors/ (for example adaptors/{}.wasm); here now: {COMMON}, {}",
            name.short(),
            known.join(", ")
        );
        Err((format!("no adaptor here answers to {}", name.name), help))
    }
}

/// Changes when a file in `adaptors/` does. By size, time and inode, so that it costs no reading.
pub fn adaptor_files_stamp(dir: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let stamp = |path: PathBuf| {
        let found = fs::metadata(&path).ok();
        let seen = found.map(|found| {
            (
                found.len(),
                found.mtime(),
                found.mtime_nsec(),
                found.ctime_nsec(),
                found.ino(),
            )
        });
        format!("{} {seen:?}\n", path.display())
    };
    wasm_files(dir).into_iter().map(stamp).collect()
}

fn wasm_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir.join("adaptors")) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "wasm")
    });
    files.sort();
    files
}

async fn load_file(
    path: &Path,
    file: &Path,
    sandbox: &Sandbox,
    before: Option<&LoadedAdaptor>,
) -> Result<LoadedAdaptor, String> {
    let wasm = wasm_file::read(path.to_path_buf()).await?;
    load_bytes(&wasm, Some(file.to_path_buf()), sandbox, before)
        .await
        .map_err(|error| error.to_string())
}

async fn load_bytes(
    wasm: &[u8],
    file: Option<PathBuf>,
    sandbox: &Sandbox,
    before: Option<&LoadedAdaptor>,
) -> Result<LoadedAdaptor, AdaptorError> {
    let digest = Sha256::digest(wasm)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    if let Some(same) = before.filter(|before| before.digest == digest) {
        return Ok(same.clone());
    }
    let adaptor = Arc::new(sandbox.load_adaptor(wasm).await?);
    Ok(LoadedAdaptor {
        file,
        digest,
        adaptor,
    })
}

fn adaptor_problem(file: &Path, reason: &str, old_serves: bool) -> Problem {
    let message = format!("this adaptor does not load: {reason}");
    let help = old_serves.then(|| "the version loaded before goes on serving".to_owned());
    Problem {
        severity: Severity::Error,
        file: file.to_path_buf(),
        line: 1,
        column: 1,
        message,
        help,
        source_line: None,
    }
}

impl Live {
    /// Loads every adaptor and compiles every job of `project`, taking over from `old` what did not change.
    pub async fn load(
        project: Project,
        mut problems: Vec<Problem>,
        sandbox: &Sandbox,
        old: Option<&Live>,
    ) -> Live {
        let project = Arc::new(project);
        let adaptors = Adaptors::load(
            &project.dir,
            sandbox,
            old.map(|old| &old.adaptors),
            &mut problems,
        )
        .await;
        let mut jobs = BTreeMap::new();
        for job in &project.jobs {
            let before = old.and_then(|old| old.jobs.get(&job.name));
            let live = load_job(&project, job, &adaptors, sandbox, before, &mut problems).await;
            jobs.insert(job.name.clone(), live);
        }
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        Live {
            project,
            problems,
            adaptors,
            jobs,
        }
    }

    /// The job of that name.
    pub fn job(&self, name: &str) -> Option<&LiveJob> {
        self.jobs.get(name)
    }

    /// The top-level keys of messages that matching looks at.
    pub fn criteria_keys(&self) -> BTreeSet<&str> {
        self.project.criteria_keys()
    }

    /// The project's adaptors.
    pub fn adaptors(&self) -> &Adaptors {
        &self.adaptors
    }
}

async fn load_job(
    project: &Project,
    job: &Job,
    adaptors: &Adaptors,
    sandbox: &Sandbox,
    before: Option<&LiveJob>,
    problems: &mut Vec<Problem>,
) -> LiveJob {
    let (source, code) = compile(job, adaptors, sandbox, before, problems).await;
    let (source, code, outdated) = match (&code, before) {
        (
            Err(_),
            Some(LiveJob {
                source: old,
                code: Ok(working),
                ..
            }),
        ) if adaptors.have(old.adaptor.as_ref()) => (old.clone(), Ok(Arc::clone(working)), true),
        _ => (source, code, false),
    };
    let configuration = project
        .credential_for(job)
        .map(|credential| Value::Object(credential.body.clone()));
    // A grant may have been taken back: connections made under the old one must not live on.
    let egress = Egress::new(project.grants_for(job));
    LiveJob {
        source,
        code,
        outdated,
        egress,
        limits: project.limits_for(job),
        configuration,
    }
}

async fn compile(
    job: &Job,
    adaptors: &Adaptors,
    sandbox: &Sandbox,
    before: Option<&LiveJob>,
    problems: &mut Vec<Problem>,
) -> (Source, Result<Arc<CompiledJob>, StepFailure>) {
    let expression = job.expression.source.clone();
    let found = match adaptors.find(&job.adaptor) {
        Ok(found) => found,
        Err((message, help)) => {
            let failure = StepFailure::new(
                FailureKind::Load,
                "LoadError",
                format!("{message}\n  = {help}"),
            );
            problems.push(at_job(job, message, help));
            return (
                Source {
                    expression,
                    adaptor: None,
                },
                Err(failure),
            );
        }
    };
    let source = Source {
        expression,
        adaptor: found.map(|found| found.digest.clone()),
    };
    if let Some(LiveJob {
        source: same,
        code: Ok(code),
        ..
    }) = before
        && *same == source
    {
        return (source, Ok(Arc::clone(code)));
    }
    let adaptor = found.map(|found| Arc::clone(&found.adaptor));
    match sandbox
        .load_job(&job.name, &source.expression, adaptor)
        .await
    {
        Ok(compiled) => {
            problems.extend(
                compiled
                    .warnings
                    .iter()
                    .map(|warning| at_source(job, warning, Severity::Warning)),
            );
            (source, Ok(Arc::new(compiled)))
        }
        Err(found) => {
            let found: Vec<Problem> = found
                .iter()
                .map(|problem| at_source(job, problem, Severity::Error))
                .collect();
            let sentence = found
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n");
            problems.extend(found);
            (
                source,
                Err(StepFailure::new(FailureKind::Load, "LoadError", sentence)),
            )
        }
    }
}

fn at_job(job: &Job, message: String, help: String) -> Problem {
    Problem {
        severity: Severity::Error,
        file: PathBuf::from(fonio_project::PROJECT_FILE),
        line: job.line,
        column: 1,
        message: format!("job {}: {message}", job.name),
        help: Some(help),
        source_line: None,
    }
}

fn at_source(job: &Job, problem: &JobProblem, severity: Severity) -> Problem {
    let (line, column) = job.expression.position(problem.line, problem.column);
    Problem {
        severity,
        file: job.expression.file.clone(),
        line,
        column,
        message: format!("job {}: {}", job.name, problem.message),
        help: problem.help.clone(),
        source_line: job.expression.file_line(problem.line, problem.column),
    }
}
