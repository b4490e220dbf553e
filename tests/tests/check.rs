//! `fonio check`: as many problems as there are, in one go, and what would only go wrong later.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use fonio_tests::{Ended, Program, Project};

fn check(project: &Project) -> Ended {
    Program::new(["check", "."]).run(project.dir())
}

#[test]
fn expressions_are_compiled_also_of_jobs_with_something_else_wrong() {
    let project = Project::new().file(
        "project.yaml",
        "jobs:
  unnamed:
    adaptor: http
    trigger: any
    credential: nowhere
    expression: gett('/x');
  absent:
    adaptor: of-nobody
    trigger: any
    expression: |
      theirs('/x');
      fn(state => {;
  none:
    trigger: any
    expression: fn(state => ];
  lost:
    adaptor: common
    trigger: nothing
    expression: fnn(state => state);
triggers:
  any: { criteria: '{}' }
",
    );
    check(&project)
        .expect_code(1)
        .expect_said("the credential `nowhere`, which is not there")
        .expect_said("job unnamed: `gett` is not an operation")
        .expect_said("--> project.yaml:6:17")
        .expect_said("no adaptor here answers to @openfn/language-of-nobody")
        .expect_said("--> project.yaml:12:21")
        .expect_said("the job `none` has no adaptor")
        .expect_said("job none: ")
        .expect_said("--> project.yaml:15:29")
        .expect_said("the trigger `nothing`, which is not there")
        .expect_said("job lost: `fnn` is not an operation")
        .expect_unsaid("theirs");
}

#[test]
fn expressions_and_edges_are_looked_at_also_where_fonio_toml_is_broken() {
    let project = Project::with_job("http", "gett('/x');\n").file("fonio.toml", "[network\n");
    project.write(
        "project.yaml",
        "jobs:\n  job: { adaptor: http, trigger: any, credential: of-fonio-toml }\n  late: { adaptor: common, trigger: never, expression: none }\ntriggers: { any: { criteria: '{}' } }\n",
    );
    check(&project)
        .expect_code(1)
        .expect_said("--> fonio.toml:1:")
        .expect_said("the trigger `never`, which is not there")
        .expect_said("job job: `gett` is not an operation")
        .expect_said("did you mean `get`?")
        .expect_unsaid("of-fonio-toml");
}

#[test]
fn an_address_in_a_job_that_nothing_grants_is_a_warning_with_the_line_to_add() {
    let project = Project::with_job(
        "http",
        "get('https://api.example.org/a');\nget(`https://api.example.org/${1}`);\npost('https://granted.example.org/a', {});\n\
         fn(state => ({ ...state, system: 'https://names.example.org/x' }));\nget('/relative');\n",
    )
    .file("fonio.toml", "[network]\nallow = [\"https://granted.example.org\"]\n");
    let ended = check(&project)
        .expect_code(0)
        .expect_said(
            "job job: `get` goes to https://api.example.org, which this project does not grant",
        )
        .expect_said("--> jobs/job.js:1:5")
        .expect_said("allow = [\"https://granted.example.org\", \"https://api.example.org\"]");
    assert!(ended.stdout.contains("0 errors, 1 warning"), "{ended:?}");
}

#[test]
fn what_the_line_allows_is_no_longer_warned_of() {
    let project = Project::with_job("http", "get('http://127.0.0.1:4010/a');\n");
    check(&project).expect_said("allow = [\"http://127.0.0.1:4010\"]");
    project.write(
        "fonio.toml",
        "[network]\nallow = [\"http://127.0.0.1:4010\"]\n",
    );
    let ended = check(&project).expect_code(0);
    assert!(ended.stdout.contains("0 errors, 0 warnings"), "{ended:?}");
}

#[test]
fn an_address_in_a_credential_that_nothing_grants_is_a_warning_without_the_rest_of_it() {
    let project = Project::new()
        .file(
            "project.yaml",
            "jobs:\n  job: { adaptor: http, trigger: any, credential: registry, expression: 'get(\"/x\")' }\ntriggers: { any: { criteria: '{}' } }\n",
        )
        .file(
            "credentials/registry.json",
            r#"{"baseUrl": "https://own.example.org", "login_url": "https://ana:hush@login.example.org:8443/x?token=hush", "scope": "https://scope.example.org"}"#,
        );
    check(&project)
        .expect_code(0)
        .expect_said("its credential `registry` has https://login.example.org:8443 as `login_url`")
        .expect_said("allow = [\"https://login.example.org:8443\"]")
        .expect_unsaid("hush")
        .expect_unsaid("own.example.org")
        .expect_unsaid("scope.example.org");
}

#[test]
fn a_credential_without_values_is_a_warning_until_it_is_filled_in() {
    let project = Project::new().file(
        "project.yaml",
        "jobs:\n  job: { adaptor: common, trigger: any, credential: registry, expression: 'fn(state => state)' }\ntriggers: { any: { criteria: '{}' } }\ncredentials: { registry: {}, spare: {} }\n",
    );
    check(&project)
        .expect_code(0)
        .expect_said("the credential `registry` has no values yet")
        .expect_said("fill in credentials/registry.json")
        .expect_unsaid("spare");
    project.write("credentials/registry.json", "{\"token\": \"hush\"}");
    check(&project)
        .expect_code(0)
        .expect_unsaid("has no values");
}

/// A workflow of diamonds in a row, each of which doubles the paths.
fn diamonds(count: usize) -> Project {
    let mut steps =
        String::from("      - { id: hook, type: webhook, enabled: true, next: { j0: true } }\n");
    for n in 0..count {
        let next = n + 1;
        steps += &format!(
            "      - {{ id: j{n}, expression: none, next: {{ a{n}: true, b{n}: true }} }}\n      - {{ id: a{n}, expression: none, next: {{ j{next}: true }} }}\n      - {{ id: b{n}, expression: none, next: {{ j{next}: true }} }}\n"
        );
    }
    steps += &format!("      - {{ id: j{count}, expression: none }}\n");
    Project::new().file(
        "project.yaml",
        format!("schema_version: '4.0'\nid: p\nworkflows:\n  - id: many\n    steps:\n{steps}"),
    )
}

#[test]
fn a_workflow_whose_paths_multiply_beyond_the_limit_is_a_warning_with_both_numbers() {
    // 4 · 2^12 - 3 = 16,381; with one diamond less, 8,189.
    check(&diamonds(12))
        .expect_code(0)
        .expect_said(
            "a run of the workflow `many` can take 16,381 steps, and ends as failed after 10,000",
        )
        .expect_said("--> project.yaml:4:");
    check(&diamonds(80))
        .expect_code(0)
        .expect_said("18,446,744,073,709,551,615 steps or more");
    let ended = check(&diamonds(11)).expect_code(0);
    assert!(ended.stdout.contains("0 errors, 0 warnings"), "{ended:?}");
}

#[test]
fn a_workflow_without_a_trigger_is_a_warning() {
    let steps = "schema_version: '4.0'\nid: p\nworkflows:\n  - id: by-hand\n    steps: [{ id: a, expression: none }]\n";
    check(&Project::new().file("project.yaml", steps))
        .expect_code(0)
        .expect_said("the workflow `by-hand` has no trigger, and can only be run by hand")
        .expect_said("--> project.yaml:4:")
        .expect_said("fonio run by-hand");
}

#[test]
fn a_number_that_a_clock_does_not_have_is_told_with_its_field() {
    let project = Project::new().file(
        "project.yaml",
        "jobs:\n  job: { adaptor: common, trigger: night, expression: none }\ntriggers: { night: { cron: '0 25 * * *' } }\n",
    );
    check(&project)
        .expect_code(1)
        .expect_said("`0 25 * * *` is not a schedule: the hour is 25; 0 to 23");
}

#[test]
fn a_project_by_another_name_is_recognised_with_the_command_to_import_it() {
    let spec = "name: Clinic\nworkflows:\n  w:\n    jobs: {}\n    triggers: {}\n    edges: {}\n";
    let project = Project::new()
        .file("clinic-spec.yaml", spec)
        .file("compose.yaml", "services: {}\n");
    check(&project)
        .expect_code(1)
        .expect_said("there is no project.yaml")
        .expect_said("clinic-spec.yaml holds a project: fonio project import clinic-spec.yaml")
        .expect_unsaid("compose.yaml")
        .expect_unsaid("a project starts with");
}

/// Two workflows of one step each; `triggers` are theirs.
fn two_webhooks(triggers: [(&str, &str); 2]) -> Project {
    let mut yaml = String::from("schema_version: '4.0'\nid: p\nworkflows:\n");
    for (workflow, trigger) in triggers {
        yaml += &format!(
            "  - id: {workflow}\n    steps:\n      - {{ {trigger}, type: webhook, enabled: true, next: job }}\n      - {{ id: job, expression: none }}\n"
        );
    }
    Project::new().file("project.yaml", yaml)
}

#[test]
fn two_triggers_of_one_uuid_or_one_address_are_an_error_with_both_places() {
    let uuid = "openfn: { uuid: 4a06289c-15aa-4662-8dc6-f0aaacd8a058 }";
    let (one, other) = (format!("id: hook, {uuid}"), format!("id: other, {uuid}"));
    let ended = check(&two_webhooks([("a", &one), ("b", &other)]))
        .expect_code(1)
        .expect_said("the trigger `other` of the workflow `b` has the uuid 4a06289c-15aa-4662-8dc6-f0aaacd8a058")
        .expect_said("which is that of the trigger `hook` of the workflow `a` at project.yaml:6")
        .expect_said("--> project.yaml:10:1")
        .expect_said("take the uuid out of the copy");
    assert!(ended.stdout.contains("1 error,"), "{ended:?}");
    check(&two_webhooks([("a", "id: b/c"), ("a/b", "id: c")]))
        .expect_code(1)
        .expect_said("has the address /i/a/b/c")
        .expect_said("project.yaml:6");
    check(&two_webhooks([("a", "id: hook"), ("b", "id: hook")])).expect_code(0);
}

/// The errors, warnings and notes above the last line, which has the same numbers.
#[track_caller]
fn counted(ended: &Ended) -> [usize; 3] {
    let shown = ["error: ", "warning: ", "note: "].map(|word| {
        let lines = ended.stderr.lines();
        lines.filter(|line| line.starts_with(word)).count()
    });
    let words = ["error", "warning", "note"].iter().zip(shown);
    let counted: Vec<String> = words
        .filter(|(word, count)| **word != "note" || *count > 0)
        .map(|(word, count)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        .collect();
    let last = format!(": {}\n", counted.join(", "));
    assert!(ended.stdout.contains(&last), "{last} is not in: {ended:#?}");
    shown
}

#[test]
fn the_last_line_counts_what_stands_above_it() {
    let broken = Project::new()
        .file(
            "project.yaml",
            "jobs:\n  one: { adaptor: http, trigger: any, credential: nowhere, expression: 'gett(\"/x\")' }\n  \
             two: { adaptor: http, trigger: any, credential: open, expression: 'get(\"https://a.example.org/x\")' }\n  \
             three: { adaptor: absent, trigger: any, expression: 'x(;' }\ntriggers: { any: { criteria: '{}' } }\n",
        )
        .file("credentials/open.json", r#"{"password": "hush"}"#)
        .file("fonio.toml", "[network]\nalow = []\n[adaptors.spare]\ncollections = \"read\"\n");
    let path = broken.path("credentials/open.json");
    set_permissions(path, Permissions::from_mode(0o644)).expect("the file is ours");
    let [errors, ..] = counted(&check(&broken));
    assert!(errors >= 2);
    broken.write("fonio.toml", "");
    let [errors, warnings, notes] = counted(&check(&broken));
    assert!(errors >= 3 && warnings >= 2 && notes == 1);
    assert_eq!(
        counted(&check(&Project::with_job("http", "get('/x')"))),
        [0, 0, 0]
    );
}

#[test]
fn who_may_do_what_is_shown_where_a_credential_is_missing_or_empty_too() {
    let project = Project::new()
        .file(
            "project.yaml",
            "jobs:\n  send: { adaptor: http, trigger: any, credential: registry, expression: 'get(\"/x\")' }\n\
             triggers: { any: { criteria: '{}' } }\n",
        )
        .file("fonio.toml", "[network]\nallow = [\"https://open.example.org\"]\n");
    let row = "  @openfn/language-http (built in)\n    jobs          nothing\n    with errors   send\n    \
               wants         network, log\n    may reach     https://open.example.org\n";
    let shown = |words: &str, row: &str| {
        let ended = check(&project).expect_said(words);
        assert!(
            ended.stdout.contains(row),
            "{row} is not in:\n{}",
            ended.stdout
        );
    };
    shown("the credential `registry`, which is not there", row);
    project.write("credentials/registry.json", "");
    shown("credentials/registry.json", row);
    project.write("credentials/registry.json", "{}");
    shown(
        "the credential `registry` has no values yet",
        "  registry (credentials/registry.json)\n    jobs          send\n",
    );
}

#[test]
fn a_secret_that_stands_in_fonio_toml_by_mistake_is_not_repeated() {
    let settings = "[credentials.a]
password = \"hush-1\"
from = \"AGE-SECRET-KEY-hush-2\"
[credentials.b]
oauth = { token_url = \"https://user:hush-3@x.example.org/token\", client_secret = \"hush-4\" }
[credentials.c]
password = hush-5
[network]
allow = [\"https://user:hush-6@x.example.org\", \"https://x.example.org/?token=hush-7\"]
";
    for settings in [settings, &settings.replace("password = hush-5\n", "")] {
        let project = Project::new()
            .file("project.yaml", "jobs: {}\ntriggers: {}\n")
            .file("fonio.toml", settings);
        let ended = check(&project).expect_code(1);
        assert!(
            !(ended.stdout.clone() + &ended.stderr).contains("hush"),
            "{ended:?}"
        );
        let json = Program::new(["check", ".", "--format", "json"]).run(project.dir());
        assert!(
            !(json.stdout.clone() + &json.stderr).contains("hush"),
            "{json:?}"
        );
    }
}

#[test]
fn marks_that_turn_a_line_around_never_reach_the_terminal() {
    let project = Project::new().file(
        "project.yaml",
        "jobs:\n  \u{202e}a:\n    nonsense: \"\u{2066}\"\n",
    );
    let ended = check(&project).expect_code(1);
    let said = ended.stdout.clone() + &ended.stderr;
    assert!(
        said.contains("\\u{202e}a") && !said.contains(['\u{202e}', '\u{2066}']),
        "{said}"
    );
}
