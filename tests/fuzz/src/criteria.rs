//! Which messages a trigger takes, against a comparison that is naive and slow.
//!
//! The first line is the criteria, the second the message, both JSON.

use std::cell::RefCell;

use fonio_project::load;
use serde_json::{Map, Number, Value, json};
use tempfile::TempDir;

use crate::{Target, projects};

/// The target.
pub const TARGET: Target = Target {
    name: "criteria",
    run,
    seeds,
    words: &[
        "\n",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "null",
        "true",
        "\"a\"",
        "\"a.b\"",
        "1.0",
        "1e0",
        "-0",
        "-0.0",
        "1e400",
        "18446744073709551615",
        "18446744073709551616",
        "9007199254740993",
        "9007199254740992.0",
        "1e19",
        "\\u0061",
    ],
    short: 30_000,
};

fn seeds() -> Vec<Vec<u8>> {
    const SEEDS: &[&str] = &[
        "{}\n{\"a\":1}",
        "{\"a\":1,\"b\":{\"c\":[1,2,{\"d\":null}]}}\n{\"b\":{\"c\":[1.0,2,{\"d\":null}]},\"a\":1e0,\"z\":0}",
        "{\"a.b\":\"x\"}\n{\"a\":{\"b\":\"x\"},\"a.b\":\"x\"}",
        "{\"n\":9007199254740993}\n{\"n\":9007199254740992.0}",
        "{\"n\":18446744073709551615}\n{\"n\":1.8446744073709552e19}",
        "{\"n\":-0.0}\n{\"n\":0}",
        "{\"n\":null}\n{}",
    ];
    SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (criteria, message) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(Value::Object(criteria)) = serde_json::from_str(criteria) else {
        return;
    };
    let Ok(message) = serde_json::from_str::<Value>(message) else {
        return;
    };
    let root = json!({
        "jobs": { "job": { "adaptor": "common", "trigger": "any", "expression": "fn(s => s)" } },
        "triggers": { "any": { "criteria": criteria } },
        "credentials": {},
    });
    let loaded = FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| projects::folder().expect("a folder"));
        std::fs::write(folder.path().join("project.json"), root.to_string()).expect("a file");
        load(folder.path(), &|_| None)
    });
    // Too deep or too large for a project file.
    let Some(project) = loaded
        .project
        .filter(|_| !criteria_refused(&loaded.problems))
    else {
        return;
    };
    let starts = !project.starts_for_message(&message).is_empty();
    assert_eq!(starts, matches(&criteria, &message));
    // What the receiver keeps of a message is enough to match it by.
    if let Value::Object(fields) = &message {
        let keys = project.criteria_keys();
        let kept = fields.iter().filter(|(key, _)| keys.contains(key.as_str()));
        let kept: Map<String, Value> = kept.map(|(k, v)| (k.clone(), v.clone())).collect();
        let glanced = !project.starts_for_message(&Value::Object(kept)).is_empty();
        assert_eq!(glanced, starts, "of what the receiver keeps");
    }
}

fn criteria_refused(problems: &[fonio_project::Problem]) -> bool {
    problems.iter().any(fonio_project::Problem::is_error)
}

fn matches(criteria: &Map<String, Value>, message: &Value) -> bool {
    let Value::Object(message) = message else {
        return criteria.is_empty();
    };
    criteria
        .iter()
        .all(|(key, wanted)| message.get(key).map(plain) == Some(plain(wanted)))
}

/// As one text, the same for values that are equal.
fn plain(value: &Value) -> String {
    match value {
        Value::Number(number) => decimal(number),
        Value::Array(items) => format!("{:?}", items.iter().map(plain).collect::<Vec<_>>()),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(k, v)| (k, plain(v))).collect();
            fields.sort();
            format!("{{{fields:?}}}")
        }
        other => other.to_string(),
    }
}

/// All digits of a number, which floats print in full.
fn decimal(number: &Number) -> String {
    match number.as_f64() {
        Some(0.0) => "0".to_owned(),
        Some(float) if number.is_f64() => format!("{float:.1100}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        _ => number.to_string(),
    }
}
