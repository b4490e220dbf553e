//! Forms that files of OpenFn's programs have had over the years.

use fonio_project::{Condition, Generation, Loaded, Project, TriggerKind, export, load_file};
use serde_json::json;

use crate::{Fixture, line};

fn problems(loaded: &Loaded) -> Vec<String> {
    loaded.problems.iter().map(line).collect()
}

fn conditions(project: &Project) -> Vec<(&str, String)> {
    let edges = project
        .workflows
        .iter()
        .flat_map(|workflow| &workflow.edges);
    edges
        .map(|edge| {
            let condition = match &edge.condition {
                Condition::JavaScript(code) => code.source.clone(),
                other => format!("{other:?}"),
            };
            (edge.to.as_str(), condition)
        })
        .collect()
}

#[test]
fn a_workflow_of_v3_alone_names_its_credentials_as_v4_does() {
    let fixture = Fixture::empty().with(
        "flow.yaml",
        "name: My flow\njobs:\n  get-it:\n    name: get it\n    adaptor: http\n    credential: ana@x.org|http creds\n    body: fn(s => s)\n\
         triggers:\n  cron: { type: cron, enabled: false, cron_expression: '0 6 * * *', cron_cursor_job: get-it }\n\
         edges:\n  cron->get-it: { source_trigger: cron, target_job: get-it, condition_type: always, enabled: true }\n",
    )
    .with("credentials/http-creds.json", "{\"a\": 1}");
    let loaded = load_file(&fixture.path().join("flow.yaml"), &|_| None);
    assert_eq!(problems(&loaded), Vec::<String>::new());
    let project = loaded.project.expect("a project");
    assert_eq!(
        (project.generation, project.workflows[0].id.as_str()),
        (Generation::V3, "My-flow")
    );
    let job = project.find_job("get-it").expect("a job");
    assert_eq!(job.credential.as_deref(), Some("ana@x.org-http-creds"));
    assert_eq!(
        project.credential_for(job).expect("a credential").body["a"],
        1
    );
    assert!(
        matches!(&project.workflows[0].triggers[0].kind, TriggerKind::Cron { cursor_job: Some(job), .. } if job == "get-it")
    );
}

#[test]
fn early_v4_keeps_its_triggers_under_openfn_and_its_adaptors_in_a_list() {
    let fixture = Fixture::empty().with(
        "flow.yaml",
        "id: f\nname: f\nsteps:\n  - { id: cron, name: cron, enabled: true, type: cron, openfn: { cron: '0 6 * * *', cron_cursor: a }, next: a }\n  \
         - { id: hook, name: hook, type: webhook, openfn: { webhook_reply: after_completion, uuid: h-1 }, next: a }\n  \
         - { id: kafka, type: kafka, openfn: { kafka: { hosts: ['localhost:9092'], topics: [t] } }, next: a }\n  \
         - { id: a, name: a, adaptors: ['@openfn/language-common@latest'], expression: fn(s => s), next: { b: { condition: '!!state.errors', label: L } } }\n  \
         - { id: b, adaptor: common, expression: fn(s => s) }\n",
    );
    let loaded = load_file(&fixture.path().join("flow.yaml"), &|_| None);
    assert_eq!(problems(&loaded).len(), 1, "{:#?}", problems(&loaded));
    let project = loaded.project.expect("a project");
    let kinds: Vec<_> = project
        .triggers()
        .map(|(_, trigger)| &trigger.kind)
        .collect();
    assert!(
        matches!(kinds[0], TriggerKind::Cron { schedule, cursor_job: Some(job) } if schedule.text() == "0 6 * * *" && job == "a")
    );
    assert!(
        matches!(kinds[2], TriggerKind::Kafka { configuration } if configuration["topics"] == json!(["t"]))
    );
    assert!(project.webhook("h-1").is_some());
    assert_eq!(conditions(&project)[3], ("b", "!!state.errors".to_owned()));
}

#[test]
fn an_older_workspace_has_what_the_server_sent_beside_its_folders() {
    let state = "name: P\nid: p-1\ncollections: [{ id: c-1, name: seen }]\nproject_credentials:\n  - { id: 0fa0d3d1, name: EMR, owner: ana@x.org }\n\
        workflows:\n  - id: w-1\n    name: Wf One\n    triggers: [{ id: t-1, type: webhook, enabled: true }]\n    jobs: [{ id: j-1, name: Get It, project_credential_id: 0fa0d3d1, body: x }]\n    edges: []\n";
    let fixture = Fixture::empty()
        .with("openfn.yaml", "project: { uuid: p-1, id: p, endpoint: 'https://openfn.example.org' }\nworkspace: { workflowRoot: flows }\n")
        .with(".projects/p@openfn.example.org.yaml", state)
        .with("flows/wf-one/wf-one.yaml", "id: wf-one\nname: Wf One\noptions: {}\nsteps:\n  - { id: webhook, type: webhook, enabled: true, next: { start: { disabled: false, condition: true } } }\n  \
             - { id: start, next: { get-it: { condition: true } } }\n  - { id: get-it, name: Get It, adaptor: http, configuration: 0fa0d3d1, state: ./tmp/state.json, expression: ./get-it.js }\n")
        .with("flows/wf-one/get-it.js", "get('/')")
        .with("credentials/EMR.json", "{\"a\": 1}");
    assert_eq!(
        fixture.problems(),
        [
            "warning flows/wf-one/wf-one.yaml:7:80 there is no file flows/wf-one/tmp/state.json, and its place stays empty"
        ]
    );
    let project = fixture.load().project.expect("a project");
    assert_eq!(
        (project.id.as_str(), &project.collections),
        ("p", &vec!["seen".to_owned()])
    );
    assert_eq!(project.webhook("t-1").expect("a webhook").0.id, "wf-one");
    let job = project.job("wf-one/get-it").expect("a job");
    assert_eq!(
        project.credential_for(job).expect("a credential").body["a"],
        1
    );
    assert_eq!(
        (job.kept["openfn"]["uuid"].as_str(), job.state.as_ref()),
        (Some("j-1"), None)
    );
    assert_eq!(
        project
            .job("wf-one/start")
            .expect("a job")
            .expression
            .source,
        "none"
    );
    let exported = export(&project, Generation::V4).expect("v4");
    assert!(
        exported.files[0]
            .1
            .contains("configuration: 'ana@x.org|EMR'"),
        "{}",
        exported.files[0].1
    );
}

#[test]
fn a_credential_file_that_is_not_there_is_a_warning_and_an_empty_credential() {
    let fixture = Fixture::empty().with(
        "w.json",
        r#"{"workflow": {"steps": [{"id": "a", "adaptor": "http", "configuration": "../tmp/creds.json", "expression": "fn(s => s)"}]}}"#,
    );
    let loaded = load_file(&fixture.path().join("w.json"), &|_| None);
    assert_eq!(
        problems(&loaded),
        ["warning w.json:1:73 there is no file ../tmp/creds.json, and its place stays empty"]
    );
    let project = loaded.project.expect("a project");
    let job = project.find_job("a").expect("a job");
    assert!(
        project
            .credential_for(job)
            .expect("a credential")
            .body
            .is_empty()
    );
}

#[test]
fn an_empty_credential_that_a_step_writes_out_is_meant_and_one_in_a_file_is_to_be_filled_in() {
    let fixture = Fixture::empty()
        .with(
            "w.json",
            r#"{"workflow": {"steps": [{"id": "a", "configuration": {}, "expression": "fn(s => s)", "next": "b"}, {"id": "b", "configuration": "creds.json", "expression": "fn(s => s)"}]}}"#,
        )
        .with("creds.json", "{}");
    let loaded = load_file(&fixture.path().join("w.json"), &|_| None);
    assert_eq!(
        problems(&loaded),
        [
            "warning w.json:1:129 the credential `creds` has no values yet, and is empty to the jobs that have it | fill in credentials/creds.json, or in fonio.toml:"
        ]
    );
}

#[test]
fn conditions_may_be_words_code_or_yes_and_no() {
    let project = Fixture::new(
        "schema_version: '4.0'\nid: p\nworkflows:\n  - id: w\n    steps:\n      - id: a\n        expression: none\n        next:\n          b: true\n          c: false\n          \
         d: always\n          e: on_job_failure\n          f: state.x\n          g: { condition: true }\n          h: { condition: never }\n          i: null\n      \
         - { id: b }\n      - { id: c }\n      - { id: d }\n      - { id: e }\n      - { id: f }\n      - { id: g }\n      - { id: h }\n      - { id: i }\n",
    )
    .project();
    let expected = [
        ("b", "Always"),
        ("c", "Never"),
        ("d", "Always"),
        ("e", "OnFailure"),
        ("f", "state.x"),
        ("g", "Always"),
        ("h", "Never"),
        ("i", "Never"),
    ];
    assert_eq!(
        conditions(&project),
        expected.map(|(to, condition)| (to, condition.to_owned()))
    );
    let followed: Vec<&str> = project
        .edges_from_job("w/a")
        .iter()
        .map(|(edge, _)| edge.to.as_str())
        .collect();
    assert_eq!(followed, ["b", "d", "e", "f", "g"]);
}

#[test]
fn collections_and_credentials_may_be_lists_or_maps() {
    for collections in [
        "[seen]",
        "[{ name: seen }]",
        "{ seen: { name: seen } }",
        "{ seen: }",
    ] {
        for credentials in [
            "[{ owner: ana@x.org, name: the emr }]",
            "['ana@x.org|the emr']",
            "{ ana@x.org-the-emr: { owner: ana@x.org, name: the emr } }",
        ] {
            let project = Fixture::new(&format!(
                "schema_version: '4.0'\nid: p\ncollections: {collections}\ncredentials: {credentials}\nworkflows:\n  - id: w\n    steps: [{{ id: a, configuration: ana@x.org|the emr }}]\n"
            ))
            .with("credentials/the-emr.json", "{\"a\": 1}")
            .project();
            assert_eq!(project.collections, ["seen"], "{collections}");
            assert_eq!(
                project.workflows[0].jobs[0].credential.as_deref(),
                Some("ana@x.org-the-emr"),
                "{credentials}"
            );
        }
    }
}

#[test]
fn two_edges_between_the_same_jobs_are_kept_in_v3_and_refused_for_v4() {
    let edge = |name: &str, kind: &str| {
        format!("      {name}: {{ source_job: a, target_job: b, condition_type: {kind} }}\n")
    };
    let text = format!(
        "name: p\nworkflows:\n  w:\n    jobs:\n      a: {{ adaptor: http, body: none }}\n      b: {{ adaptor: http, body: fn(s => s) }}\n    edges:\n{}{}",
        edge("one", "on_job_success"),
        edge("two", "on_job_failure")
    );
    let project = Fixture::new(&text).project();
    assert_eq!(project.edges_from_job("w/a").len(), 2);
    let v3 = export(&project, Generation::V3).expect("v3");
    assert!(v3.files[0].1.contains("'a->b-2':"), "{}", v3.files[0].1);
    assert!(
        v3.notes[0].contains("the job `w/a`, which does nothing"),
        "{:?}",
        v3.notes
    );
    let reasons = export(&project, Generation::V4)
        .expect_err("one of them")
        .reasons;
    assert_eq!(
        reasons,
        ["v4 has one edge from a step to another, and the workflow `w` has two from `a` to `b`"]
    );
}
