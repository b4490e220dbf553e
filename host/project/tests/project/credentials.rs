//! Where credentials come from, and that they are never shown.

use crate::{Fixture, WORKING, only_problem};

fn project() -> String {
    format!(
        "{}credentials:\n  c: {{ from: inline, password: hush }}\n",
        WORKING.replace(
            "trigger: trigger-1",
            "trigger: trigger-1\n    credential: c"
        )
    )
}

fn origin_of(fixture: &Fixture) -> String {
    let project = fixture.project();
    let credential = project
        .credential_for(&project.workflows[0].jobs[0])
        .expect("a credential");
    credential.body["from"].as_str().expect("a text").to_owned()
}

#[test]
fn fonio_toml_comes_before_files_and_files_before_the_project_file() {
    let fixture = Fixture::new(&project());
    assert_eq!(origin_of(&fixture), "inline");
    let fixture = fixture.with("credentials/c.json", "{\"from\": \"file\"}");
    assert_eq!(origin_of(&fixture), "file");
    let fixture = fixture
        .with("fonio.toml", "[credentials.c]\nfrom = \"env:SECRET\"\n")
        .with(".env", "SECRET={\"from\": \"dotenv\"}\n");
    assert_eq!(origin_of(&fixture), "dotenv");
    let fixture = fixture.with_variable("SECRET", "{\"from\": \"process\"}");
    assert_eq!(origin_of(&fixture), "process");
    let fixture = fixture
        .with(
            "fonio.toml",
            "[credentials.c]\nfrom = \"file:private/c.json\"\n",
        )
        .with("private/c.json", "{\"from\": \"path\"}");
    assert_eq!(origin_of(&fixture), "path");
    let fixture = fixture
        .with("fonio.toml", "[credentials.c]\nfrom = \"systemd:unit-c\"\n")
        .with("run/unit-c", "{\"from\": \"systemd\"}");
    let run = fixture.path().join("run").display().to_string();
    assert_eq!(
        origin_of(&fixture.with_variable("CREDENTIALS_DIRECTORY", &run)),
        "systemd"
    );
}

#[test]
fn a_credential_may_be_in_fonio_toml_alone_and_may_be_empty() {
    let fixture = Fixture::new(&project().replace("  c: { from: inline, password: hush }\n", ""))
        .with("fonio.toml", "[credentials.c]\nfrom = \"env:SECRET\"\n")
        .with_variable("SECRET", "{\"from\": \"process\"}");
    assert_eq!(origin_of(&fixture), "process");
    for empty in ["", "{}"] {
        let fixture = Fixture::new(&project().replace("{ from: inline, password: hush }", empty));
        assert_eq!(
            fixture.problems(),
            [
                "warning project.yaml:10:3 the credential `c` has no values yet, and is empty to the jobs that have it | fill in credentials/c.json, or in fonio.toml:"
            ]
        );
        let project = fixture.load().project.expect("a project");
        assert!(project.credentials["c"].body.is_empty());
    }
}

#[test]
fn a_credential_that_no_job_has_may_be_empty_without_a_word() {
    let unused = project().replace("{ from: inline, password: hush }", "{}");
    Fixture::new(&unused.replace("    credential: c\n", "")).project();
}

#[test]
fn a_source_that_cannot_be_read_is_an_error_and_nothing_stands_in_for_it() {
    let cases = [
        (
            "env:NOPE",
            "the variable `NOPE` is not set | set it to a JSON object in the environment or in .env",
        ),
        (
            "env:BAD",
            "in the variable `BAD`, at 1:2, this is not JSON: key must be a string | it holds the credential as a JSON object, such as {\"username\": …, \"password\": …}",
        ),
        (
            "env:LIST",
            "in the variable `LIST`, at 1:1, this is JSON, but not an object | it holds the credential as a JSON object, such as {\"username\": …, \"password\": …}",
        ),
        (
            "file:no.json",
            "there is no file no.json | write the credential there, or name another place in `from`",
        ),
        (
            "systemd:c",
            "`systemd:c` was not given: CREDENTIALS_DIRECTORY is not set | the unit needs LoadCredential=c:/PATH or LoadCredentialEncrypted=",
        ),
    ];
    for (source, message) in cases {
        let fixture = Fixture::new(&project())
            .with(
                "fonio.toml",
                format!("[credentials.c]\nfrom = \"{source}\"\n"),
            )
            .with_variable("BAD", "{hush")
            .with_variable("LIST", "[\"hush\"]");
        assert_eq!(
            only_problem(&fixture),
            format!("error fonio.toml:2:8 {message}")
        );
        assert!(
            fixture
                .load()
                .project
                .expect("a project")
                .credentials
                .is_empty()
        );
    }
}

#[test]
fn a_source_that_is_no_source_is_an_error() {
    let help = "one of env:NAME, file:PATH, age:PATH and systemd:NAME, each holding a JSON object, and file:FOLDER, with a file for each field";
    let cases = [
        ("vault:x", "`from` is no place to read a credential from"),
        ("hush", "`from` is no place to read a credential from"),
        ("env:", "`env:` names nothing to read"),
        ("age:", "`age:` names nothing to read"),
        (
            "systemd:../x",
            "`../x` is not the name of a systemd credential, which is a file name",
        ),
    ];
    for (source, message) in cases {
        let fixture = Fixture::new(&project()).with(
            "fonio.toml",
            format!("[credentials.c]\nfrom = \"{source}\"\n"),
        );
        assert_eq!(
            only_problem(&fixture),
            format!("error fonio.toml:2:8 {message} | {help}")
        );
    }
}

#[test]
fn a_file_that_is_no_json_object_is_an_error_that_shows_none_of_it() {
    for (content, place, message) in [
        (
            "{\"password\": \"hush\",}",
            "1:21",
            "this is not JSON: trailing comma",
        ),
        (
            "{\n\"password\": hush",
            "2:13",
            "this is not JSON: expected value",
        ),
        ("[\"hush\"]", "1:1", "this is JSON, but not an object"),
    ] {
        let fixture = Fixture::new(WORKING).with("credentials/c.json", content);
        assert_eq!(
            only_problem(&fixture),
            format!("error credentials/c.json:{place} {message} | a credential is one JSON object")
        );
        assert!(!fixture.load().problems[0].to_string().contains("hush"));
    }
}

#[test]
fn a_credential_that_is_not_there_is_named_with_the_nearest() {
    let fixture = Fixture::new(&project().replace("credential: c\n", "credential: d\n"));
    assert_eq!(
        only_problem(&fixture),
        "error project.yaml:6:17 the job `job-1` has the credential `d`, which is not there | did you mean `c`?"
    );
    let fixture = Fixture::new(
        &project()
            .replace("credential: c\n", "credential: dhis2\n")
            .replace("  c: { from: inline, password: hush }\n", ""),
    );
    let problem = fixture.load().problems.remove(0);
    assert_eq!(
        problem.help.as_deref(),
        Some(
            "add it as credentials/dhis2.json, or in fonio.toml:\n[credentials.dhis2]\nfrom = \"env:NAME\""
        )
    );
}

#[test]
fn a_table_for_a_credential_that_is_not_there_is_a_warning() {
    let fixture = Fixture::new(WORKING).with(
        "fonio.toml",
        "[credentials.c]\nhosts = [\"https://c.org\"]\n",
    );
    assert_eq!(
        only_problem(&fixture),
        "warning fonio.toml:1:14 there is no credential `c` | add credentials/c.json, or `from = \"env:NAME\"` here"
    );
}

#[test]
fn an_address_that_grants_nothing_is_a_warning_that_shows_none_of_it() {
    let fixture =
        Fixture::new(&project().replace("password: hush", "baseUrl: 'ftp://ana:hush@example.org'"));
    assert_eq!(
        only_problem(&fixture),
        "warning project.yaml:10:3 no network is granted for `baseUrl` of the credential `c`: \
         it is not the address of a system on http or https | name its origin in fonio.toml:"
    );
    assert!(!fixture.load().problems[0].to_string().contains("hush"));
    let fixture =
        Fixture::new(&project().replace("password: hush", "host: 'https://*.example.org'"));
    assert!(only_problem(&fixture).contains("it has a `*`, and an address is of one system"));
}

#[test]
fn a_mistake_among_the_credentials_of_the_project_file_shows_no_secret() {
    for broken in [
        "  c: hush\n",
        "  c: { password: hush\n",
        "  c:\n    password: hush\n    password: hush\n",
        "  c:\n    password: \"hush\n",
    ] {
        let fixture = Fixture::new(
            &project()
                .replace("  c: { from: inline, password: hush }\n", broken)
                .replace("    credential: c\n", ""),
        );
        let problems = fixture.load().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        let problem = &problems[0];
        assert!(
            problem.line >= 8
                && problem.source_line.is_none()
                && !problem.to_string().contains("hush"),
            "{problem}"
        );
    }
}

#[test]
fn a_secret_never_shows_in_debug_output_of_the_project() {
    let project = Fixture::new(&project()).project();
    assert!(!format!("{project:?}").contains("hush"));
}
