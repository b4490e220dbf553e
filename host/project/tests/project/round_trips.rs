//! Projects made at random survive every format that has room for them.

use fonio_project::{Generation, Project, export, export_workspace, load};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::shape;

/// Code with all that a format could spoil.
const CODE: &[&str] = &[
    "fn(s => s)",
    "get('/a: b'); // # no comment of YAML\n",
    "fn(s => {\r\n\treturn s; \r\n})\r\n",
    "  // indented\nfn(s => `${s.data} 😀 'x' \"y\"`);\n\n\n",
    "\n\n  fn(s => s)\n  ",
    "fn(s => 'a\\n\\u0041\u{a0}\u{2028}')",
    "none",
    "- a\n- b: c\n%x\n---\n...\n",
    "fn(s => ({ '|': '>', '&a': '*a', '!': '@' }))\n \n",
];
const CONDITIONS: &[&str] = &[
    "on_job_success",
    "on_job_failure",
    "!state.errors",
    "state.data['a: b'] > 1 // x",
];
const NAMES: &[&str] = &["a", "b c", "1", "true", "d-e", "null", "ü: #"];

/// A workflow of v4 as a value: the steps are a chain with some more edges forward.
fn workflow(id: usize) -> impl Strategy<Value = Value> {
    let steps = prop::collection::vec(
        (
            0..CODE.len(),
            any::<bool>(),
            0..CONDITIONS.len(),
            any::<bool>(),
        ),
        1..NAMES.len(),
    );
    (steps, 0..5_usize, any::<bool>()).prop_map(move |(steps, trigger, enabled)| {
        let names = &NAMES[..steps.len()];
        let mut all = vec![trigger_step(id, trigger, enabled, names[0])];
        for (index, (code, labelled, condition, off)) in steps.iter().enumerate() {
            let mut next = Map::new();
            for (distance, to) in names.iter().enumerate().skip(index + 1).take(2) {
                let condition = CONDITIONS[(condition + distance) % CONDITIONS.len()];
                let edge = match (labelled, off) {
                    (false, false) => json!(condition),
                    _ => json!({"condition": condition, "label": labelled.then_some("L: 1"), "disabled": off}),
                };
                next.insert((*to).to_owned(), edge);
            }
            let adaptor = ["http", "@openfn/language-dhis2@5.0.1"][index % 2];
            all.push(json!({"id": names[index], "adaptor": adaptor, "expression": quoted(CODE[*code]), "next": next}));
        }
        json!({"id": format!("w{id}"), "steps": all})
    })
}

/// `none` in v3 is written as code that does nothing, so it is left to other tests.
fn quoted(code: &str) -> &str {
    if code == "none" { "fn(s => s)\n" } else { code }
}

fn trigger_step(of: usize, kind: usize, enabled: bool, first: &str) -> Value {
    let next = json!({first: true});
    match kind {
        0 => {
            json!({"id": "t", "type": "webhook", "enabled": enabled, "next": next, "webhook_reply": "after_completion"})
        }
        1 => {
            json!({"id": "t", "type": "cron", "enabled": enabled, "next": next, "cron_expression": "*/5 * * * *", "cron_cursor_job_id": first})
        }
        2 => {
            json!({"id": "t", "type": "webhook", "enabled": enabled, "next": next, "fonio": {"criteria": {"a: b": [1, null, {"c": "😀"}]}}})
        }
        3 => {
            json!({"id": "t", "type": "event", "enabled": enabled, "next": next, "event": "intake.*"})
        }
        _ => {
            json!({"id": "t", "type": "webhook", "enabled": enabled, "next": next, "openfn": {"uuid": of.to_string()}, "webhook_response_config": {"error_code": 500}})
        }
    }
}

fn read(files: &[(std::path::PathBuf, String)]) -> Project {
    let dir = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let loaded = load(dir.path(), &|_| None);
    assert!(!loaded.has_errors(), "{:#?} in {files:#?}", loaded.problems);
    loaded.project.expect("a project")
}

#[test]
fn a_trigger_of_events_is_the_same_in_every_generation() {
    let yaml = "jobs:\n  hear: { adaptor: common, trigger: told, expression: 'fn(s => s)' }\ntriggers:\n  told: { event: 'intake.*' }\n";
    let mut model = read(&[("project.yaml".into(), yaml.to_owned())]);
    let kind = model.workflows[0].triggers[0].kind.clone();
    for generation in [Generation::V2, Generation::V3, Generation::V4] {
        let exported = export(&model, generation).expect("there is room for it");
        model = read(&exported.files);
        assert_eq!(model.workflows[0].triggers[0].kind, kind, "{generation:?}");
    }
    let starts = |name: &str| model.starts_for_event(name).len();
    assert_eq!((starts("intake.accepted"), starts("other")), (1, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn v4_and_v3_and_the_workspace_hold_the_same(first in workflow(1), second in workflow(2)) {
        let root = json!({"schema_version": "4.0", "id": "p", "name": "p", "workflows": [first, second]});
        let project = read(&[("project.json".into(), root.to_string())]);
        let wanted = shape::of(&project);
        let mut model = project;
        for generation in [Generation::V3, Generation::V4, Generation::V3] {
            let exported = export(&model, generation).expect("there is room for it");
            model = read(&exported.files);
            prop_assert_eq!(&shape::of(&model), &wanted, "{:?}: {:#?}", generation, exported.files);
        }
        let exported = export_workspace(&model).expect("there is room for it");
        prop_assert_eq!(&shape::of(&read(&exported.files)), &wanted, "{:#?}", exported.files);
    }

    /// Each job follows the trigger or a job before it, as all jobs of v2 do.
    #[test]
    fn v2_holds_what_has_one_edge_before_each_job(parents in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0..CODE.len()), 1..9)) {
        let mut jobs = Map::new();
        let mut triggers = Map::new();
        triggers.insert("inbox".to_owned(), json!({"criteria": "{\"x\": 1}"}));
        triggers.insert("clock".to_owned(), json!({"cron": "0 6 * * *"}));
        for (index, (parent, failure, code)) in parents.iter().enumerate() {
            let trigger = match parent.index(index + 2) {
                0 => "inbox".to_owned(),
                1 => "clock".to_owned(),
                job => {
                    let key = if *failure { "failure" } else { "success" };
                    let name = format!("{key} {job}");
                    triggers.insert(name.clone(), json!({key: format!("job {}", job - 1)}));
                    name
                }
            };
            jobs.insert(format!("job {}", index + 1), json!({"adaptor": "common", "trigger": trigger, "expression": CODE[*code]}));
        }
        let text = json!({"id": "p", "jobs": jobs, "triggers": triggers}).to_string();
        let project = read(&[("project.json".into(), text)]);
        let wanted = shape::of(&project);
        for generation in [Generation::V2, Generation::V4] {
            let exported = export(&project, generation).expect("there is room for it");
            let again = read(&exported.files);
            prop_assert_eq!(&shape::of(&again), &wanted, "{:?}: {:#?}", generation, exported.files);
            let back = export(&again, Generation::V2).expect("it came from there");
            prop_assert_eq!(&shape::of(&read(&back.files)), &wanted, "{:#?}", back.files);
        }
    }
}
