//! One job of the corpus, and a run of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use fonio_tests::{Answer, Ended, FarSide, Program, Project, Received};
use serde_json::Value;

use crate::generated;

/// Stands for the origin of the far side in the files of a case.
const FAR_SIDE: &str = "https://far-side.example";

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The names of all cases, in order.
pub fn names() -> Vec<String> {
    let entries = fs::read_dir(corpus()).expect("the corpus is beside the tests");
    let entries = entries.map(|entry| entry.expect("the corpus can be listed"));
    let cases = entries.filter(|entry| entry.path().join("job.js").is_file());
    let mut names: Vec<String> = cases
        .map(|entry| entry.file_name().into_string().expect("names are plain"))
        .collect();
    names.sort();
    names
}

/// The text of a case's file, if it has it.
fn text(name: &str, file: &str) -> Option<String> {
    fs::read_to_string(corpus().join(name).join(file)).ok()
}

fn json(name: &str, file: &str) -> Option<Value> {
    let value = serde_json::from_str(&text(name, file)?);
    Some(value.unwrap_or_else(|error| panic!("{name}/{file}: {error}")))
}

/// The source of a case.
pub fn source(name: &str) -> String {
    text(name, "job.js").expect("every case has a job")
}

/// The package whose operations a case calls.
pub fn adaptor(name: &str) -> &'static str {
    if text(name, "far-side.json").is_some() {
        "@openfn/language-http"
    } else {
        "@openfn/language-common"
    }
}

/// Runs a case and compares everything that can be seen of it.
pub fn runs(name: &str) {
    let (input, expected) = match generated::of(name) {
        Some((input, expected)) => (Some(input.to_string()), Some(expected)),
        None => (text(name, "input.json"), json(name, "expected.json")),
    };
    let script = json(name, "far-side.json").map(|script| match script {
        Value::Array(exchanges) => exchanges,
        other => panic!("{name}/far-side.json is not a list: {other}"),
    });
    let far_side = script.clone().map(scripted);
    let ended = run(
        name,
        &input.expect("every case has an input"),
        far_side.as_ref(),
    );
    match (expected, json(name, "fails.json")) {
        (Some(expected), None) => {
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            assert_same(&ended.json(), &expected);
        }
        (None, Some(fails)) => assert_failure(ended, &source(name), &fails),
        _ => panic!("{name} needs one of expected.json and fails.json"),
    }
    if let (Some(script), Some(far_side)) = (script, far_side) {
        assert_asked(&far_side.received(), &script);
    }
}

fn run(name: &str, input: &str, far_side: Option<&FarSide>) -> Ended {
    let here = |text: &str| match far_side {
        Some(far_side) => text.replace(FAR_SIDE, &far_side.origin()),
        None => text.to_owned(),
    };
    let project = Project::new()
        .file("job.js", here(&source(name)))
        .file("input.json", here(input));
    let mut program = Program::new(["run", "job.js", "-s", "input.json", "-a", adaptor(name)]);
    if let Some(credential) = text(name, "credential.json") {
        project.write("credential.json", here(&credential));
        program.arg("-c");
        program.arg("credential.json");
    }
    if let Some(settings) = text(name, "fonio.toml") {
        project.write("fonio.toml", settings);
    }
    if let Some(far_side) = far_side {
        program.arg("--allow");
        program.arg(far_side.origin());
    }
    let mut ended = program.run(project.dir());
    if let Some(far_side) = far_side {
        ended.stdout = ended.stdout.replace(&far_side.origin(), FAR_SIDE);
    }
    ended
}

/// Answers as the script says, whatever is asked; what was asked is compared afterwards.
fn scripted(exchanges: Vec<Value>) -> FarSide {
    let count = AtomicUsize::new(0);
    FarSide::answering(move |_| {
        let at = count.fetch_add(1, Ordering::Relaxed);
        exchanges.get(at).map_or_else(
            || Answer::empty().status(500),
            |exchange| answer(&exchange["reply"]),
        )
    })
}

fn answer(reply: &Value) -> Answer {
    let headers = reply["headers"].as_object();
    let content_type = headers
        .and_then(|headers| headers.get("content-type"))
        .map_or("application/json", |value| {
            value.as_str().expect("a header is a text")
        });
    let answer = match &reply["body"] {
        Value::Null => Answer::empty(),
        Value::String(text) => Answer::new(content_type, text.as_str()),
        body => Answer::new(content_type, body.to_string()),
    };
    let status = reply["status"].as_u64().unwrap_or(200);
    answer.status(u16::try_from(status).expect("a status"))
}

/// Every request, and of each what the script expects.
fn assert_asked(received: &[Received], script: &[Value]) {
    for (request, exchange) in received.iter().zip(script) {
        let expected = &exchange["expect"];
        if let Some(method) = expected["method"].as_str() {
            assert_eq!(request.method, method, "{request:?}");
        }
        if let Some(target) = expected["target"].as_str() {
            assert_eq!(request.target, target, "{request:?}");
        }
        for (name, value) in expected["headers"].as_object().into_iter().flatten() {
            assert_eq!(
                request.header(name),
                value.as_str(),
                "{name} of {request:?}"
            );
        }
        match &expected["body"] {
            Value::Null => {}
            Value::String(text) => assert_eq!(&request.text(), text),
            body => assert_eq!(&request.json(), body),
        }
    }
    assert_eq!(received.len(), script.len(), "requests: {received:#?}");
}

/// Large states are not printed whole.
fn assert_same(state: &Value, expected: &Value) {
    if expected.to_string().len() > 10_000 {
        assert!(
            state == expected,
            "the states differ: {:.2000}",
            state.to_string()
        );
    } else {
        assert_eq!(state, expected);
    }
}

/// With its place, the author's line, and the words.
fn assert_failure(ended: Ended, source: &str, fails: &Value) {
    let line = fails["line"].as_u64().expect("`line` is a number") as usize;
    let place = format!("--> job.js:{line}:{}\n", fails["column"]);
    let text = source.lines().nth(line - 1).expect("`line` is in the job");
    let words = fails["says"].as_str().expect("`says` is a text");
    let ended = ended.expect_code(1).expect_said(&place);
    ended.expect_said(text.trim_end()).expect_said(words);
}
