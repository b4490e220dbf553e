//! One project in every generation of project files: the same runs, the same requests, the same results.

use std::fs;
use std::path::{Path, PathBuf};

use fonio_tests::{Answer, FarSide, Host, Project, Run};
use serde_json::{Value, json};

fn fixture(generation: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .join("../host/project/tests/fixtures/clinic")
        .join(generation)
}

fn copy(from: &Path, project: &Project, below: &str) {
    for entry in fs::read_dir(from).expect("the fixture is there") {
        let path = entry.expect("it can be listed").path();
        let name = path
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        let name = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if path.is_dir() {
            copy(&path, project, &name);
        } else {
            project.write(&name, fs::read(&path).expect("it can be read"));
        }
    }
}

/// What the runs of a generation were: of each its workflow's steps, how they ended, their states and logs.
fn runs_of(generation: &str) -> (Vec<Value>, Vec<String>, String) {
    let far_side = FarSide::answering(|request| {
        if request.body.windows(3).any(|part| part == b"bad") {
            Answer::json(&json!({"why": "no name"})).status(422)
        } else {
            Answer::json(&json!({"id": 7})).status(201)
        }
    });
    let project = Project::new();
    copy(&fixture(generation), &project, "");
    project.write(
        "credentials/emr.json",
        json!({"baseUrl": far_side.origin()}).to_string(),
    );
    let host = Host::serving(project);
    let mut names = Vec::new();
    for message in [
        json!({"form": "intake", "name": "Asha"}),
        json!({"form": "intake", "bad": 1}),
        json!({"form": "other"}),
    ] {
        names.push(host.post(&message).json()["data"].clone());
    }
    let shown = |run: &Run| {
        let steps: Vec<Value> = run
            .steps
            .iter()
            .map(|step| {
                json!([
                    step.job,
                    step.status,
                    step.exit_code,
                    without_chance(&step.output),
                    words(&step.log)
                ])
            })
            .collect();
        json!([run.job, run.status, steps])
    };
    let runs = host.runs_done().iter().map(shown).collect();
    let mut asked: Vec<String> = far_side
        .received()
        .iter()
        .map(|request| {
            format!(
                "{} {} {}",
                request.method,
                request.target,
                String::from_utf8_lossy(&request.body)
            )
        })
        .collect();
    // Two runs go side by side.
    asked.sort();
    (runs, asked, Value::Array(names).to_string())
}

/// A log without the port of the far side, the times, and the places in files.
fn words(log: &[String]) -> Vec<String> {
    let words = |line: &String| {
        let first = line.lines().next().unwrap_or_default();
        first.chars().filter(|c| !c.is_ascii_digit()).collect()
    };
    log.iter().map(words).collect()
}

/// What differs from one run to the next whatever the format: the port of the far side, and times.
fn without_chance(state: &Value) -> Value {
    let mut state = state.clone();
    for error in ["/errors/register", "/error"] {
        if let Some(error) = state.pointer_mut(error).and_then(Value::as_object_mut) {
            error.retain(|name, _| ["name", "severity", "source"].contains(&name.as_str()));
        }
    }
    state
}

#[test]
fn every_generation_of_one_project_gives_the_same_runs_and_results() {
    let (runs, asked, names) = runs_of("v2");
    assert_eq!(names, r#"[["register"],["register"],[]]"#);
    let jobs: Vec<&Value> = runs
        .iter()
        .flat_map(|run| run[2].as_array().expect("steps"))
        .map(|step| &step[0])
        .collect();
    assert_eq!(jobs, ["register", "thank", "register", "warn"]);
    assert_eq!(asked.len(), 2);
    for generation in ["v1", "v3", "v4"] {
        assert_eq!(
            runs_of(generation),
            (runs.clone(), asked.clone(), names.clone()),
            "{generation}"
        );
    }
}
