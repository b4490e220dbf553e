//! `fonio run`: one job, or a whole workflow.

mod compile;
mod listener;
pub(super) mod walk;
pub(super) mod workflow;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use fonio_project::{
    Credential, Grants, Job, JobCollections, JobEvents, Limits, Loaded, NoSuchJob, Origin, Problem,
    Project, Settings, Workflow,
};
use fonio_sandbox::{
    Adaptor, Collections, CompiledJob, Egress, FailureKind, Publishing, Sandbox, StepFailure,
    StepOutcome, StepRequest,
};
use serde_json::{Map, Value, json};

pub(super) use self::compile::{compile, compiled};
use self::listener::ToPerson;
use super::output::println;
use super::{Exit, Failure, named, paint, sandbox};
use crate::authored::{Authored, Place};
use crate::bring::{holds_project, word};
use crate::collections::{PassingCollections, granted};
use crate::host::{load_project, load_project_file};
use crate::live::Live;
use crate::oauth;
use crate::sealed::{self, Held};
use crate::wants;

/// Runs one job or workflow, here and now, in the sandbox that `serve` uses.
///
/// The final state goes to standard output or to OUT, the log to standard error. Jobs may reach what the project grants
/// (--project, or fonio.toml beside the workflow or in this directory), what --allow names, and their credential's own
/// system.
///
/// Exits 0 on success, 1 when the job failed, 2 on wrong use, 3 when a limit or a denied capability stopped it, and 10
/// when it could not be loaded.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A JavaScript file, a workflow's file (.json, .yaml), or with --project the name of a job or workflow.
    #[arg(value_name = "JOB_OR_WORKFLOW")]
    job: String,
    /// The adaptor: a name (`http` stands for `@openfn/language-http`) or a `.wasm` file
    /// [default: the common operations alone].
    #[arg(short, long, value_name = "ADAPTOR")]
    adaptor: Vec<String>,
    /// The state to start with, from a JSON file.
    #[arg(short, long, value_name = "STATE.json", conflicts_with = "state_json")]
    state: Option<PathBuf>,
    /// The state to start with, as JSON.
    #[arg(short = 'S', long, value_name = "JSON")]
    state_json: Option<String>,
    /// The credential: a JSON file that becomes `state.configuration`.
    #[arg(short, long, value_name = "CREDENTIAL.json")]
    credential: Option<PathBuf>,
    /// Where to write the final state [default: standard output].
    #[arg(short, long, value_name = "OUT.json")]
    output: Option<PathBuf>,
    /// The project whose adaptors, grants, limits and credentials to use: its directory, or its file.
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// One more origin that the job may reach, for example https://dhis2.example.org.
    #[arg(long, value_name = "ORIGIN")]
    allow: Vec<String>,
}

/// A job with everything it needs.
struct Prepared {
    file: PathBuf,
    source: String,
    code: Arc<CompiledJob>,
    grants: Grants,
    limits: Limits,
    /// Of the project.
    credential: Option<Arc<Held>>,
    adaptor: Option<Arc<Adaptor>>,
    collections: JobCollections,
    events: JobEvents,
    variables: Vec<(String, String)>,
    /// The job as the project's files have it, in which its expression may be a part of a larger file.
    of_project: Option<(Job, Option<Workflow>)>,
    settings: Settings,
    /// Where fonio.toml is.
    dir: PathBuf,
}

impl Prepared {
    /// A credential that was given for this run, with access tokens if the settings say where they come from.
    fn held(&self, given: &Credential) -> Held {
        let data = oauth::usual_data(&self.dir);
        let tokens = given.oauth.as_ref();
        let tokens = tokens.map(|wanted| oauth::tokens(given, wanted, &self.settings, &data));
        Held::of(given, self.adaptor.as_deref(), tokens)
    }

    /// Where in its file the job failed, if that is known.
    fn place(&self, failure: &StepFailure) -> String {
        let Some((line, column)) = failure.position else {
            return String::new();
        };
        if let Some((job, workflow)) = &self.of_project {
            let authored = Authored::new(job, workflow.as_ref());
            return authored.place(line, column).shown();
        }
        let text = self.source.lines().nth(line as usize - 1);
        let (file, text) = (self.file.as_path(), text.map(str::to_owned));
        let place = Place {
            file,
            line,
            column,
            text,
        };
        place.shown()
    }
}

impl Run {
    pub(crate) async fn execute(self) -> Result<Exit, Failure> {
        let state = self.initial_state()?;
        let allowed = origins(&self.allow)?;
        if let Some(workflow) = self.workflow(&allowed).await? {
            return workflow.run(self, state).await;
        }
        let sandbox = sandbox::start().await?;
        let prepared = match &self.project {
            Some(dir) => self.prepare_in_project(&sandbox, dir).await?,
            None => self.prepare_file(&sandbox, Path::new(".")).await?,
        };
        let mut grants = prepared.grants.clone().and(allowed.clone());
        let mut held = prepared.credential.clone();
        if let Some(given) = self.given_credential(&state)? {
            let name = self.credential_name();
            let given = sealed::given(
                &name,
                given,
                &allowed,
                prepared.adaptor.as_deref(),
                Some(&prepared.settings),
            );
            grants = grants.and(given.origins.clone());
            held = Some(Arc::new(prepared.held(&given)));
        }
        let minted = sealed::mint(held.as_deref()).await;
        let (seals, configuration) =
            minted.map_err(|failure| Failure(Exit::of_step(&failure), failure.message))?;
        let mut state = state;
        state["configuration"] = configuration.unwrap_or_default();
        let passing: Arc<dyn Collections> = Arc::new(PassingCollections::default());
        let request = StepRequest {
            job: Arc::clone(&prepared.code),
            state: state.to_string(),
            egress: Egress::new(grants),
            variables: prepared.variables.clone(),
            seals,
            collections: Some(granted(&passing, prepared.collections.clone())),
            events: Some(Publishing {
                grants: prepared.events.clone(),
                chain: Vec::new(),
            }),
            limits: prepared.limits,
            requests: Default::default(),
            listener: Some(Arc::new(ToPerson)),
        };
        self.finish(&prepared, sandbox.run(request).await)
    }

    fn initial_state(&self) -> Result<Value, Failure> {
        let (from, text) = match (&self.state, &self.state_json) {
            (Some(path), _) => (path.display().to_string(), read(path)?),
            (None, Some(text)) => ("-S".to_owned(), text.clone()),
            (None, None) => return Ok(json!({})),
        };
        let state: Value = serde_json::from_str(&text).map_err(|error| {
            // serde_json has no kind for this one.
            let deep = error.to_string().starts_with("recursion limit");
            let help = if deep {
                " (a state is at most 127 levels deep)"
            } else {
                ""
            };
            Failure::usage(format!("the state in {from} is not JSON: {error}{help}"))
        })?;
        if state.is_object() {
            Ok(state)
        } else {
            Err(Failure::usage(format!(
                "the state in {from} is not a JSON object"
            )))
        }
    }

    /// A job of a project by name, or a file with the project's adaptors, grants and limits.
    async fn prepare_in_project(&self, sandbox: &Sandbox, dir: &Path) -> Result<Prepared, Failure> {
        let loaded = load_dir_or_file(dir).await;
        let Some(project) = loaded.project else {
            for problem in &loaded.problems {
                paint::problem(problem);
            }
            return Err(Failure(
                Exit::NotLoaded,
                format!("the project in {} cannot be loaded", dir.display()),
            ));
        };
        let job = match project.find_job(&self.job) {
            Ok(job) => job.clone(),
            Err(NoSuchJob::Unknown { .. }) => {
                return self.prepare_file_in_project(sandbox, project).await;
            }
            Err(several @ NoSuchJob::Ambiguous { .. }) => {
                return Err(Failure::usage(several.to_string()));
            }
        };
        if loaded.problems.iter().any(Problem::is_error) {
            paint::note(&format!(
                "the project has errors elsewhere, in {}; to see them: fonio check {}",
                workflow::files_with_errors(&loaded.problems),
                word(&dir.display().to_string())
            ));
        }
        let live = Live::load(project, loaded.problems, sandbox, None).await;
        let ready = live
            .job(&job.key)
            .map(|live| live.ready().map(|(code, _)| (code, live)));
        let (code, live_job) = match ready {
            Some(Ok(ready)) => ready,
            Some(Err(failure)) => return Err(Failure(Exit::NotLoaded, failure.message)),
            None => {
                return Err(Failure(
                    Exit::NotLoaded,
                    format!("the job {} is not in the project", job.id),
                ));
            }
        };
        Ok(Prepared {
            file: job.expression.file.clone(),
            source: job.expression.source.clone(),
            code,
            grants: live.project.grants_for(&job),
            limits: live_job.limits,
            credential: live_job.credential.clone(),
            adaptor: None,
            collections: live.project.collections_for(&job),
            events: live.project.events_for(&job),
            variables: live.project.variables_for(&job).to_vec(),
            of_project: Some((job.clone(), live.project.workflow_of(&job).cloned())),
            settings: live.project.settings.clone(),
            dir: live.project.dir.clone(),
        })
    }

    async fn prepare_file_in_project(
        &self,
        sandbox: &Sandbox,
        project: Project,
    ) -> Result<Prepared, Failure> {
        if !Path::new(&self.job).is_file() {
            let names: Vec<&str> = project.jobs().map(|job| job.key.as_str()).collect();
            let mut said = format!(
                "{} is neither a job or workflow of the project nor a file; its jobs are {}",
                self.job,
                names.join(", ")
            );
            if project.generation.has_workflows() {
                let workflows = workflow::ids(&project.workflows).join(", ");
                said += &format!("; its workflows are {workflows}");
            }
            return Err(Failure::usage(said));
        }
        let dir = project.dir.clone();
        self.prepare_file(sandbox, &dir).await
    }

    async fn prepare_file(&self, sandbox: &Sandbox, dir: &Path) -> Result<Prepared, Failure> {
        let file = PathBuf::from(&self.job);
        if self.project.is_none() && !file.exists() && holds_project(dir) {
            return Err(Failure::usage(format!(
                "there is no file {0}; if it is a job or workflow of the project here: fonio run {1} --project .",
                self.job,
                word(&self.job)
            )));
        }
        let source = read(&file)?;
        let named = named::adaptor(sandbox, dir, &self.adaptor).await?;
        let (adaptor, name) = named.map_or((None, None), |named| {
            (Some(named.adaptor), Some(named.name))
        });
        let settings = settings(dir)?;
        let collections = settings.collections_with(name.as_deref().unwrap_or_default());
        let events = settings.events_with(name.as_deref().unwrap_or_default());
        let refusal = adaptor.as_deref().zip(name.as_deref());
        let refusal = refusal.and_then(|(adaptor, name)| {
            wants::of(adaptor, &name.parse().ok()?, &collections, &events)
        });
        if let Some((message, help)) = refusal {
            return Err(Failure(Exit::NotLoaded, format!("{message}\n  = {help}")));
        }
        let code = compiled(sandbox, &file, &source, adaptor.clone()).await?;
        let grants = settings.grants(name.as_deref().unwrap_or_default(), Vec::new());
        let variables = variables(&settings, name.as_deref().unwrap_or_default(), dir)?;
        Ok(Prepared {
            file,
            source,
            code: Arc::new(code),
            grants,
            limits: settings.limits,
            credential: None,
            adaptor,
            collections,
            events,
            variables,
            of_project: None,
            settings,
            dir: dir.to_path_buf(),
        })
    }

    /// The credential that a person gave: the file's wins over what the state brings.
    pub(super) fn given_credential(
        &self,
        state: &Value,
    ) -> Result<Option<Map<String, Value>>, Failure> {
        let Some(path) = &self.credential else {
            let given = state.get("configuration").and_then(Value::as_object);
            return Ok(given.cloned());
        };
        serde_json::from_str(&read(path)?)
            .map(Some)
            .map_err(|error| {
                Failure::usage(format!(
                    "the credential in {} is not a JSON object: {error}",
                    path.display()
                ))
            })
    }

    /// What messages call the credential that was given.
    fn credential_name(&self) -> String {
        let stem = self.credential.as_deref().and_then(Path::file_stem);
        stem.map_or_else(
            || "configuration".to_owned(),
            |stem| stem.to_string_lossy().into_owned(),
        )
    }

    fn finish(&self, prepared: &Prepared, outcome: StepOutcome) -> Result<Exit, Failure> {
        let state = match outcome.result {
            Ok(state) => state,
            Err(failure) => {
                let said = format!("{}: {}", failure.name, failure.message)
                    + &prepared.place(&failure)
                    + &advice(&failure);
                return Err(Failure(Exit::of_step(&failure), said));
            }
        };
        // One that is nested too deeply to be read again is given as it is.
        let text = serde_json::from_str::<Value>(&state)
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or(state);
        self.give(&text)?;
        Ok(Exit::Success)
    }

    /// Writes the final state where it was asked for.
    fn give(&self, text: &str) -> Result<(), Failure> {
        match &self.output {
            None => println!("{text}"),
            Some(path) => fs::write(path, format!("{text}\n")).map_err(|error| {
                Failure::failed(format!("{} cannot be written: {error}", path.display()))
            })?,
        }
        Ok(())
    }
}

/// Reads the project in a directory, or the one in a file.
pub(super) async fn load_dir_or_file(path: &Path) -> Loaded {
    if path.is_file() {
        load_project_file(path).await
    } else {
        load_project(path).await
    }
}

/// Grants `origins` to every job of the project, whichever table of fonio.toml counts for it.
pub(super) fn allow(project: &mut Project, origins: &[Origin]) {
    let own = project.settings.adaptors.values_mut();
    for list in own.filter_map(|own| own.allow.as_mut()) {
        list.extend_from_slice(origins);
    }
    project.settings.allow.extend_from_slice(origins);
}

/// What to do about a failure, besides what its sentence says: what its adaptor proposes, and `--allow` for a refusal.
pub(super) fn advice(failure: &StepFailure) -> String {
    let fix = failure.details.get("fix").and_then(Value::as_str);
    let fix = fix.and_then(|fix| fix.split(char::is_control).next());
    let fix = fix.map(|fix| format!("\n  = {fix}")).unwrap_or_default();
    match failure.kind {
        // Other refusals, such as of a sealed value, are not about an origin.
        FailureKind::Denied if failure.message.contains("allow = [") => {
            fix + "\n  = or name that origin with --allow, for this run alone"
        }
        _ => fix,
    }
}

/// fonio.toml, after every problem in it has been shown.
pub(super) fn settings(dir: &Path) -> Result<Settings, Failure> {
    let (settings, problems) = fonio_project::load_settings(dir);
    for problem in &problems {
        paint::problem(problem);
    }
    let settings = settings.filter(|_| !problems.iter().any(Problem::is_error));
    settings.ok_or_else(|| {
        let said = "fonio.toml cannot be understood".to_owned();
        Failure(Exit::NotLoaded, said)
    })
}

/// What `--allow` names.
pub(super) fn origins(allow: &[String]) -> Result<Vec<Origin>, Failure> {
    let parse = |origin: &String| {
        let parsed = origin.parse();
        parsed.map_err(|error| Failure::usage(format!("--allow {origin}: {error}")))
    };
    allow.iter().map(parse).collect()
}

pub(super) fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))
}

/// The values of the variables that an adaptor sees: those of this process, else of `.env` beside fonio.toml.
fn variables(
    settings: &Settings,
    adaptor: &str,
    dir: &Path,
) -> Result<Vec<(String, String)>, Failure> {
    let file = fonio_project::load_variables(dir);
    let mut found = Vec::new();
    for name in settings.environment_of(adaptor) {
        let value = std::env::var(name).ok().or_else(|| file.get(name).cloned());
        let value = value.ok_or_else(|| {
            Failure::usage(format!(
                "the variable `{name}` is not set, and fonio.toml lets the adaptor see it"
            ))
        })?;
        found.push((name.to_owned(), value));
    }
    Ok(found)
}
