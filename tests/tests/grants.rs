//! Who may do what, as `fonio check` shows it, and what it warns of in credentials.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use fonio_tests::{Ended, Program, Project, guest};
use serde_json::json;

const JOBS: &str = "jobs:
  send: { adaptor: http, trigger: any, credential: registry, expression: 'get(\"/x\")' }
  fetch: { adaptor: http, trigger: any, credential: registry, expression: 'get(\"/y\")' }
  count: { adaptor: common, trigger: any, expression: 'fn(state => state)' }
triggers: { any: { criteria: '{}' } }
";

/// Two jobs with the credential `registry`, and one without.
fn project(credential: &str, toml: &str) -> Project {
    Project::new()
        .file("project.yaml", JOBS)
        .file("credentials/registry.json", credential)
        .file("fonio.toml", toml)
}

fn check(project: &Project) -> Ended {
    Program::new(["check", "."]).run(project.dir())
}

const SOUND: &str = r#"{"baseUrl": "https://registry.example.org/api", "username": "ana", "password": "hush-hush-7"}"#;
const NETWORK: &str = "[network]\nallow = [\"https://open.example.org\"]\n";

#[test]
fn each_adaptor_is_shown_with_what_its_jobs_may_do_and_each_credential_with_where_it_opens() {
    let project = project(SOUND, NETWORK);
    let ended = check(&project).expect_code(0).expect_unsaid("hush");
    let expected = "\
adaptors
  @openfn/language-common (built in)
    jobs          count
    wants         log, collections, events
    may reach     nothing
  @openfn/language-http (built in)
    jobs          send, fetch
    wants         network, log
    may reach     https://open.example.org, https://registry.example.org (by registry)
credentials
  registry (credentials/registry.json)
    jobs          send, fetch
    sealed        password
    plain         baseUrl, username
    is for        https://registry.example.org
    opened in     headers
";
    let said = &ended.stdout;
    assert!(said.contains(expected), "{said}");
    assert!(!said.contains("hush"), "{said}");
    assert!(said.contains("0 errors, 0 warnings"), "{said}");
}

#[test]
fn long_lists_are_wrapped_behind_their_names() {
    let origins: Vec<String> = (10..30)
        .map(|number| format!("\"https://system-{number}.example.org\""))
        .collect();
    let toml = format!("[network]\nallow = [{}]\n", origins.join(", "));
    let ended = check(&project(SOUND, &toml)).expect_code(0);
    let table = ended.stdout.lines().skip_while(|line| *line != "adaptors");
    let (mut wrapped, mut seen) = (0, 0);
    for line in table.take_while(|line| line.starts_with(' ') || !line.contains("jobs,")) {
        assert!(line.chars().count() <= 100, "{line}");
        wrapped += usize::from(line.starts_with(&" ".repeat(18)));
        seen += line.matches("https://system-").count();
    }
    assert!(wrapped >= 5 && seen == 20, "{}", ended.stdout);
}

#[test]
fn the_table_is_there_for_programs_too() {
    let project = project(SOUND, NETWORK);
    let said = Program::new(["check", ".", "--format", "json"])
        .run(project.dir())
        .expect_code(0)
        .json();
    let grants = &said["grants"];
    assert_eq!(
        grants["adaptors"][1],
        json!({
            "name": "@openfn/language-http",
            "from": "built in",
            "jobs": ["send", "fetch"],
            "wants": ["network", "log"],
            "network": ["https://open.example.org"],
            "collections": {},
            "collections_for_adaptor": false,
            "events": ["*"],
            "events_for_adaptor": false,
            "by_credential": { "registry": ["https://registry.example.org"] },
            "environment": [],
            "revealed": [],
        })
    );
    assert_eq!(
        grants["credentials"],
        json!([{
            "name": "registry",
            "from": "credentials/registry.json",
            "jobs": ["send", "fetch"],
            "hosts": ["https://registry.example.org"],
            "open_in": ["headers"],
            "sealed": ["password"],
            "plain": ["baseUrl", "username"],
            "reveal": false,
            "tokens_from": null,
        }])
    );
    assert!(!said.to_string().contains("hush"), "{said}");
}

#[test]
fn an_adaptor_with_a_table_of_its_own_and_one_that_no_job_has_are_shown_as_they_are() {
    let toml = "[adaptors.http]\nnetwork = { allow = [\"https://own.example.org\"] }\n\
                [credentials.registry]\nfrom = \"env:REGISTRY\"\n";
    let project = project("{}", toml).file("adaptors/spare.wasm", guest("says_one"));
    let ended = Program::new(["check", "."])
        .env("REGISTRY", SOUND)
        .run(project.dir())
        .expect_code(0);
    let said = &ended.stdout;
    for lines in [
        "may reach     https://own.example.org, https://registry.example.org (by registry)\n",
        "@openfn/language-spare (adaptors/spare.wasm)\n    jobs          nothing\n",
        "registry (env:REGISTRY)\n",
    ] {
        assert!(said.contains(lines), "{lines} is not in:\n{said}");
    }
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn what_is_revealed_stands_out_and_is_a_warning_at_its_table() {
    let project = project(SOUND, "[credentials.registry]\nreveal = true\n");
    let ended = check(&project)
        .expect_code(0)
        .expect_said("the credential `registry` is revealed")
        .expect_said("--> fonio.toml:1:")
        .expect_unsaid("hush");
    let said = &ended.stdout;
    for row in ["REVEALED      password\n", "SEES SECRETS  of registry\n"] {
        assert!(said.contains(row), "{said}");
    }
    // Once, though two jobs have it.
    assert!(said.contains("0 errors, 1 warning"), "{said}");
}

#[test]
fn a_credential_that_belongs_to_no_host_is_a_warning_until_the_line_is_there() {
    let unbound = r#"{"username": "ana", "password": "hush-hush-7"}"#;
    let project = project(unbound, NETWORK);
    let ended = check(&project)
        .expect_code(0)
        .expect_said("the credential `registry` belongs to no host")
        .expect_said("--> project.yaml:2:")
        .expect_said("[credentials.\"registry\"]")
        .expect_said("hosts = [\"https://…\"]");
    assert!(ended.stdout.contains("opened in     nowhere"), "{ended:?}");
    let hosts = "[credentials.\"registry\"]\nhosts = [\"https://registry.example.org\"]\n";
    project.write("fonio.toml", hosts);
    check(&project)
        .expect_code(0)
        .expect_unsaid("belongs to no host");
}

#[test]
fn a_credential_without_secrets_needs_no_host() {
    let project = project(r#"{"username": "ana"}"#, NETWORK);
    let ended = check(&project).expect_code(0);
    assert!(!ended.stdout.contains("sealed"), "{ended:?}");
    assert!(ended.stdout.contains("0 warnings"), "{ended:?}");
}

#[test]
fn a_secret_that_replies_would_be_altered_by_is_a_warning_that_does_not_show_it() {
    for (secret, words) in [
        ("zq7", "has fewer than 4 bytes, and is not looked for"),
        ("zqxj7", "has fewer than 8 characters"),
        ("Supervisor", "is a common word"),
    ] {
        let credential =
            format!(r#"{{"baseUrl": "https://registry.example.org", "password": "{secret}"}}"#);
        let project = project(&credential, NETWORK);
        let ended = check(&project)
            .expect_code(0)
            .expect_said("`password` of the credential `registry`")
            .expect_said(words)
            .expect_said("plain = [\"password\"]")
            .expect_unsaid(secret);
        assert!(ended.stdout.contains("1 warning"), "{ended:?}");
        project.write(
            "fonio.toml",
            "[credentials.registry]\nplain = [\"password\"]\n",
        );
        let ended = check(&project).expect_code(0);
        assert!(ended.stdout.contains("0 warnings"), "{ended:?}");
    }
}

#[test]
fn a_secret_that_may_stand_anywhere_in_a_body_is_a_warning_and_one_field_is_none() {
    let project = project(
        SOUND,
        "[credentials.registry]\nopen_in = [\"headers\", \"body\"]\n",
    );
    check(&project)
        .expect_code(0)
        .expect_said("the credential `registry` is opened anywhere in a body")
        .expect_said("body:/FIELD/IN/JSON");
    project.write(
        "fonio.toml",
        "[credentials.registry]\nopen_in = [\"headers\", \"body:/password\"]\n",
    );
    let ended = check(&project).expect_code(0);
    assert!(
        ended
            .stdout
            .contains("opened in     headers, body:/password"),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("0 warnings"), "{ended:?}");
}

#[test]
fn a_file_with_secrets_that_every_user_can_read_is_noted_until_its_mode_is_changed() {
    let project = project(SOUND, NETWORK);
    let mode = |mode| {
        let path = project.path("credentials/registry.json");
        set_permissions(path, Permissions::from_mode(mode)).expect("the file is ours");
    };
    mode(0o644);
    check(&project)
        .expect_code(0)
        .expect_said("every user of this machine can read")
        .expect_said("chmod o= credentials/registry.json");
    mode(0o640);
    check(&project).expect_code(0).expect_unsaid("chmod");
}
