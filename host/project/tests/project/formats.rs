//! One project in every format: the same model, and no format loses what another has.

use std::path::{Path, PathBuf};

use fonio_project::{
    Condition, Exported, Generation, Loaded, Project, TriggerKind, export, export_workspace, load,
    load_file,
};
use serde_json::json;

use crate::{line, shape};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Without errors. Warnings are of credentials that are not there, which is right of fixtures.
fn whole(loaded: Loaded) -> Project {
    let problems: Vec<String> = loaded.problems.iter().map(line).collect();
    let others = problems
        .iter()
        .filter(|text| !text.contains("has no values yet"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
    loaded.project.expect("a project")
}

fn project(name: &str) -> Project {
    whole(load(&fixture(name), &|_| None))
}

/// Written to a folder and read again.
fn again(exported: &Exported) -> Project {
    let dir = tempfile::tempdir().expect("a folder");
    for (path, text) in &exported.files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    whole(load(dir.path(), &|_| None))
}

#[test]
fn one_project_is_the_same_in_v1_v2_v3_and_v4() {
    let shapes = ["v1", "v2", "v3", "v4"].map(|version| {
        let project = project(&format!("clinic/{version}"));
        assert_eq!(
            format!("{:?}", project.generation),
            version.to_uppercase(),
            "{}",
            project.file.display()
        );
        shape::of(&project)
    });
    for (index, shape) in shapes.iter().enumerate() {
        assert_eq!(*shape, shapes[1], "v{} against v2", index + 1);
    }
    assert_eq!(shapes[1]["workflows"].as_array().map(Vec::len), Some(2));
}

#[test]
fn one_project_is_the_same_in_v3_v4_and_checked_out() {
    let v3 = project("referral/v3");
    let v4 = project("referral/v4");
    let workspace = project("referral/workspace");
    assert_eq!(shape::of(&v3), shape::of(&v4));
    assert_eq!(shape::of(&workspace), shape::of(&v4));
    let body = &workspace.credentials["ana@example.org-hospital-emr"].body;
    assert_eq!(body["password"], "hush", "from credentials.yaml");
    assert!(
        v4.credentials["ana@example.org-hospital-emr"]
            .body
            .is_empty()
    );
}

#[test]
fn keys_of_jobs_are_bare_in_v2_and_have_their_workflow_in_v4() {
    let keys = |name| -> Vec<String> { project(name).jobs().map(|job| job.key.clone()).collect() };
    assert_eq!(keys("clinic/v2"), ["register", "thank", "warn", "report"]);
    assert_eq!(
        keys("clinic/v4"),
        [
            "inbox/register",
            "inbox/thank",
            "inbox/warn",
            "every-night/report"
        ]
    );
    let v4 = project("clinic/v4");
    assert_eq!(v4.find_job("thank").expect("one").key, "inbox/thank");
    assert_eq!(v4.find_job("inbox/thank").expect("one").key, "inbox/thank");
    let unknown = v4.find_job("thanks").expect_err("none").to_string();
    assert!(unknown.starts_with("there is no job `thanks`"), "{unknown}");
}

#[test]
fn what_is_exported_is_read_back_the_same() {
    for name in ["clinic/v1", "clinic/v2", "clinic/v3", "clinic/v4"] {
        let project = project(name);
        for generation in [Generation::V2, Generation::V3, Generation::V4] {
            let exported = export(&project, generation).expect(name);
            let read = again(&exported);
            assert_eq!(read.generation, generation);
            assert_eq!(
                shape::of(&read),
                shape::of(&project),
                "{name} to {generation:?}"
            );
        }
    }
    for name in ["referral/v3", "referral/v4", "referral/workspace"] {
        let project = project(name);
        for generation in [Generation::V3, Generation::V4] {
            let exported = export(&project, generation).expect(name);
            assert_eq!(
                shape::of(&again(&exported)),
                shape::of(&project),
                "{name} to {generation:?}"
            );
        }
        let exported = export_workspace(&project).expect(name);
        assert_eq!(
            shape::of(&again(&exported)),
            shape::of(&project),
            "{name} checked out"
        );
        for (path, text) in &exported.files {
            assert!(!text.contains("hush"), "{} has a secret", path.display());
        }
    }
}

/// Found by the fuzz target `projects`: what was written could not be read.
#[test]
fn a_project_without_workflows_is_not_written_as_a_workspace() {
    let text = "schema_version: '4.0'\nid: p\nworkflows: []\n".to_owned();
    let project = again(&Exported {
        files: vec![("project.yaml".into(), text)],
        notes: vec![],
    });
    let refused = export_workspace(&project).expect_err("it could not be read");
    assert_eq!(
        refused.reasons,
        ["a workspace has a folder for each workflow, and this project has none"]
    );
}

/// Found by the fuzz target `projects`: v3 may have a workflow that is only begun, and v4 wants its list.
#[test]
fn a_workflow_with_nothing_in_it_is_written_with_an_empty_list() {
    let text = "name: p\nworkflows:\n  begun:\n    name: begun\n".to_owned();
    let project = again(&Exported {
        files: vec![("project.yaml".into(), text)],
        notes: vec![],
    });
    let v4 = export(&project, Generation::V4).expect("there is room for it");
    assert_eq!(
        shape::of(&again(&v4))["workflows"],
        shape::of(&project)["workflows"]
    );
    let workspace = export_workspace(&project).expect("there is room for it");
    assert_eq!(
        shape::of(&again(&workspace))["workflows"],
        shape::of(&project)["workflows"]
    );
}

/// Found by the fuzz target `projects`: the job had the key, which v4 does not know.
#[test]
fn a_credential_of_nobody_whose_key_is_not_its_name_goes_by_its_name_in_v4() {
    let text = "name: p\ncredentials:\n  the-key: { name: registry }\nworkflows:\n  w:\n    name: w\n    jobs:\n      j: { name: j, adaptor: common, credential: the-key, body: 'fn(s => s)' }\n    triggers: { t: { type: webhook, enabled: true } }\n    edges: { t->j: { source_trigger: t, target_job: j, condition_type: always, enabled: true } }\n";
    let project = again(&Exported {
        files: vec![("project.yaml".into(), text.to_owned())],
        notes: vec![],
    });
    for exported in [export(&project, Generation::V4), export_workspace(&project)] {
        let read = again(&exported.expect("there is room for it"));
        let job = read.job("w/j").expect("the job");
        assert!(read.credential_for(job).is_some());
    }
}

#[test]
fn an_export_reads_as_a_person_would_write_it() {
    for (name, generation, golden) in [
        ("clinic/v4", Generation::V2, "clinic.v2.yaml"),
        ("clinic/v2", Generation::V3, "clinic.v3.yaml"),
        ("clinic/v2", Generation::V4, "clinic.v4.yaml"),
        ("referral/v4", Generation::V3, "referral.v3.yaml"),
        ("referral/v3", Generation::V4, "referral.v4.yaml"),
    ] {
        let expected = std::fs::read_to_string(fixture("golden").join(golden)).expect(golden);
        let exported = export(&project(name), generation).expect(golden);
        assert_eq!(
            exported.files,
            [(PathBuf::from("project.yaml"), expected)],
            "{golden}"
        );
    }
}

#[test]
fn a_project_without_jobs_is_one_in_every_format() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("project.yaml"), "id: p\njobs: {}\n").expect("a file");
    let empty = whole(load(dir.path(), &|_| None));
    for generation in [Generation::V2, Generation::V3, Generation::V4] {
        let exported = export(&empty, generation).expect("nothing is in the way");
        let read = again(&exported);
        assert_eq!((read.id.as_str(), read.generation), ("p", generation));
        assert!(read.workflows.is_empty());
    }
}

#[test]
fn channels_survive_in_the_form_of_each_format() {
    let channel = |project: &Project| project.kept["channels"].clone();
    let (v3, v4) = (project("referral/v3"), project("referral/v4"));
    let to_v3 = again(&export(&v4, Generation::V3).expect("v3"));
    let to_v4 = again(&export(&v3, Generation::V4).expect("v4"));
    assert_eq!(channel(&to_v3), channel(&v3));
    assert_eq!(channel(&to_v4), channel(&v4));
}

#[test]
fn kafka_and_disabled_jobs_and_openfns_ids_survive_and_a_password_does_not() {
    let text = "schema_version: '4.0'\nid: p\ncredentials:\n  - { owner: ana@x.org, name: emr, uuid: c-1 }\nworkflows:\n  - id: w\n    history: [a1b2]\n    openfn: { uuid: w-1, lock_version: 3 }\n    steps:\n      - { id: kafka, type: kafka, enabled: false, hosts: ['localhost:9092'], topics: [t], password: hush, next: { a: { condition: always, openfn: { uuid: e-1 } } } }\n      - { id: a, expression: '', openfn: { uuid: a-1 }, next: b }\n      - { id: b, expression: fn(s => s), configuration: ana@x.org|emr }\n";
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("project.yaml"), text).expect("a file");
    let first = load(dir.path(), &|_| None).project.expect("a project");
    assert_eq!(first.workflows[0].jobs[0].expression.source, "none");
    let exported = export(&first, Generation::V4).expect("v4");
    assert!(
        !exported.files[0].1.contains("hush"),
        "{}",
        exported.files[0].1
    );
    std::fs::write(dir.path().join("project.yaml"), &exported.files[0].1).expect("a file");
    let loaded = load(dir.path(), &|_| None);
    assert_eq!(loaded.problems.len(), 2, "{:#?}", loaded.problems);
    let again = loaded.project.expect("a project");
    assert_eq!(shape::of(&again), shape::of(&first));
    let (first, again) = (&first.workflows[0], &again.workflows[0]);
    assert_eq!(again.kept, first.kept);
    assert_eq!(again.edges[0].kept["openfn"]["uuid"], "e-1");
    assert_eq!(again.jobs[0].kept["openfn"]["uuid"], "a-1");
    assert!(
        exported.files[0].1.contains("uuid: c-1"),
        "{}",
        exported.files[0].1
    );
}

#[test]
fn what_v2_has_no_place_for_is_listed_whole() {
    let error = export(&project("referral/v4"), Generation::V2).expect_err("too much for v2");
    let text = error.to_string();
    for part in [
        "this project cannot be written as v2:",
        "v2 has no webhooks, and the trigger `webhook` of the workflow `intake` is one",
        "v2 has no conditions in JavaScript, and the edge from `read` to `send`",
        "a job of v2 has one edge before it, and `intake/mop-up` has 2",
        "a workflow of v2 has one trigger, and `nightly` has 2",
        "v2 has no limits for a workflow, and `nightly` has some",
        "v2 follows a job after its success or after its failure, and the edge from `ask` to `keep`",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(export(&project("clinic/v2"), Generation::V1).is_err());
}

#[test]
fn notes_say_what_openfn_does_otherwise() {
    let exported = export(&project("clinic/v2"), Generation::V4).expect("v4");
    let notes = exported.notes.join("\n");
    for part in [
        "OpenFn has no triggers of messages: `inbox` is a webhook there",
        "OpenFn ends a run in which a job crashed",
    ] {
        assert!(notes.contains(part), "{part} in\n{notes}");
    }
    let exported = export(&project("referral/workspace"), Generation::V4).expect("v4");
    assert_eq!(exported.notes, [""; 0]);
}

#[test]
fn the_oldest_form_of_a_workflow_alone() {
    let project = whole_plan("plans/oldest.json");
    let workflow = &project.workflows[0];
    assert_eq!(
        (project.id.as_str(), workflow.id.as_str()),
        ("oldest", "oldest")
    );
    assert_eq!(workflow.start.as_deref(), Some("a"));
    let first: Vec<&str> = workflow
        .first_jobs()
        .iter()
        .map(|job| job.id.as_str())
        .collect();
    assert_eq!(first, ["a"]);
    let job = |id: &str| workflow.job(id).expect(id);
    assert_eq!(job("a").adaptor.to_string(), "@openfn/language-http");
    assert_eq!(job("b").expression.source, "fn(s => s)\n");
    assert_eq!(json!(job("b").state), json!({"data": {"n": 1}}));
    assert_eq!(json!(job("c").state), json!({"data": {"m": 2}}));
    assert_eq!(job("d").expression.source, "none");
    let body = |id: &str| &project.credential_for(job(id)).expect("a credential").body;
    assert_eq!(body("b")["baseUrl"], "https://emr.example.org");
    assert_eq!(body("c")["password"], "hush");
    let edges: Vec<_> = workflow
        .edges
        .iter()
        .map(|edge| (edge.to.as_str(), &edge.condition))
        .collect();
    assert!(
        matches!(edges[0], ("b", Condition::JavaScript(code)) if code.source == "!state.error")
    );
    assert!(matches!(edges[2], ("d", Condition::Never)));
    let leaves: Vec<&str> = workflow
        .leaves()
        .iter()
        .map(|job| job.id.as_str())
        .collect();
    assert_eq!(
        leaves,
        ["b", "c", "d"],
        "an edge without a condition leads nowhere"
    );
}

/// With the one warning that the oldest plan deserves.
fn whole_plan(name: &str) -> Project {
    let mut loaded = load_file(&fixture(name), &|_| None);
    loaded.problems.retain(|problem| {
        !problem
            .message
            .contains("has no condition, and is never followed")
    });
    whole(loaded)
}

#[test]
fn a_workflow_alone_may_name_files_beside_its_folder_and_a_project_may_not() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("plans")).expect("a folder");
    std::fs::write(dir.path().join("a.js"), "fn(s => s)").expect("a file");
    let steps = r#"[{"id": "a", "expression": "../a.js"}]"#;
    let file = dir.path().join("plans/project.json");
    std::fs::write(&file, format!("{{\"steps\": {steps}}}")).expect("a file");
    let project = whole(load_file(&file, &|_| None));
    assert_eq!(project.workflows[0].jobs[0].expression.source, "fn(s => s)");
    assert!(
        load(&dir.path().join("plans"), &|_| None).has_errors(),
        "served from its folder"
    );
    let text = format!(
        "{{\"schema_version\": \"4.0\", \"workflows\": [{{\"id\": \"w\", \"steps\": {steps}}}]}}"
    );
    std::fs::write(&file, text).expect("a file");
    assert!(
        load_file(&file, &|_| None).has_errors(),
        "a project is complete in its folder"
    );
}

#[test]
fn a_plan_has_its_options_beside_its_workflow() {
    let project = whole(load_file(&fixture("plans/plan.json"), &|_| None));
    let workflow = &project.workflows[0];
    assert_eq!(
        (workflow.id.as_str(), workflow.name.as_str()),
        ("night-shift", "Night Shift")
    );
    assert_eq!(workflow.start.as_deref(), Some("b"));
    assert_eq!(workflow.options.timeout.map(|time| time.as_secs()), Some(5));
    assert_eq!(project.limits_for(&workflow.jobs[0]).wall_time.as_secs(), 5);
    let globals = workflow.globals.as_ref().expect("globals");
    assert_eq!(globals.source, "export const twice = n => 2 * n;\n");
    assert_eq!(
        workflow.jobs[0].adaptor.to_string(),
        "@openfn/language-http@6"
    );
    assert_eq!(workflow.jobs[1].name, "Second Step");
    assert_eq!(
        workflow.jobs[1].credential.as_deref(),
        Some("ana@example.org-emr")
    );
    let text = export(&project, Generation::V3)
        .expect_err("globals")
        .to_string();
    assert!(text.contains("v3 has no `globals`"), "{text}");
    let exported = export(&project, Generation::V4).expect("v4");
    assert_eq!(shape::of(&again(&exported)), shape::of(&project));
}

#[test]
fn a_webhook_is_found_by_each_of_its_addresses() {
    let project = project("referral/v4");
    for address in [
        "0b7c5d1e-0000-4000-8000-000000000001",
        "intake/webhook",
        "intake",
        "webhook",
    ] {
        let (workflow, trigger) = project.webhook(address).expect(address);
        assert_eq!(
            (workflow.id.as_str(), trigger.id.as_str()),
            ("intake", "webhook")
        );
        assert!(
            matches!(&trigger.kind, TriggerKind::Webhook(webhook) if webhook.error_code == Some(422))
        );
    }
    for address in ["nightly", "cron", "nightly/cron", "", "intake/"] {
        assert!(project.webhook(address).is_none(), "{address}");
    }
    let crons: Vec<&str> = project
        .crons()
        .iter()
        .map(|(_, trigger, _)| trigger.id.as_str())
        .collect();
    assert_eq!(crons, ["cron"], "the other is switched off");
}

#[test]
fn a_v3_project_has_the_webhooks_addresses_from_its_state_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let spec = "name: p\nworkflows:\n  w:\n    triggers:\n      webhook: { type: webhook, enabled: false }\n";
    let state = r#"{"id": "p-1", "workflows": {"w": {"id": "w-1", "triggers": {"webhook": {"id": "t-1"}}}}}"#;
    let file = dir.path().join("openfn-1-spec.yaml");
    std::fs::write(&file, spec).expect("a file");
    let project = || whole(load_file(&file, &|_| None));
    assert!(project().webhook("t-1").is_none());
    for name in [".state.json", "projectState.json", "openfn-1-state.json"] {
        std::fs::write(dir.path().join(name), state).expect("a file");
        let project = project();
        let (workflow, trigger) = project.webhook("t-1").expect(name);
        assert_eq!((workflow.id.as_str(), trigger.enabled), ("w", false));
        assert_eq!(project.kept["openfn"]["uuid"], "p-1");
        std::fs::remove_file(dir.path().join(name)).expect("removed");
    }
    std::fs::write(dir.path().join("projectState.json"), "{").expect("a file");
    let loaded = load_file(&file, &|_| None);
    assert!(!loaded.has_errors());
    assert!(
        line(&loaded.problems[0])
            .starts_with("warning projectState.json:1:2 webhooks are not known by OpenFn's ids")
    );
}

#[test]
fn a_workflows_limits_stand_in_place_of_defaults_and_under_those_of_fonio_toml() {
    let dir = tempfile::tempdir().expect("a folder");
    let source = fixture("referral/v4/project.yaml");
    std::fs::copy(source, dir.path().join("project.yaml")).expect("a file");
    let limits = || {
        let project = whole(load(dir.path(), &|_| None));
        let of = |key: &str| project.limits_for(project.job(key).expect(key));
        (of("nightly/ask"), of("intake/read"))
    };
    let (nightly, intake) = limits();
    assert_eq!(
        (nightly.memory_bytes, nightly.wall_time.as_secs()),
        (128 << 20, 90)
    );
    assert_eq!(
        (intake.memory_bytes, intake.wall_time.as_secs()),
        (64 << 20, 60)
    );
    let toml = "[limits]\nmemory = \"32MiB\"\nwall_time = \"10m\"\n";
    std::fs::write(dir.path().join("fonio.toml"), toml).expect("a file");
    let (nightly, intake) = limits();
    assert_eq!(
        (nightly.memory_bytes, nightly.wall_time.as_secs()),
        (32 << 20, 90)
    );
    assert_eq!(
        (intake.memory_bytes, intake.wall_time.as_secs()),
        (32 << 20, 600)
    );
}
