//! Every problem that fonio.toml can have.

use crate::{Fixture, WORKING, only_problem};

fn with_toml(text: &str) -> Fixture {
    Fixture::new(WORKING).with("fonio.toml", text)
}

#[test]
fn what_is_not_toml_is_no_project_and_every_mistake_is_named() {
    let fixture = with_toml("[limits]\nmemory = \n[network\nallow = []\n");
    let problems = fixture.problems();
    assert!(problems.len() >= 2, "{problems:#?}");
    assert!(
        problems[0].starts_with("error fonio.toml:2:10 this is not TOML: "),
        "{problems:#?}"
    );
    assert!(fixture.load().project.is_none());
    let problem = only_problem(&with_toml("[limits]\n[limits]\n"));
    assert!(
        problem.starts_with("error fonio.toml:2:2 this is not TOML: duplicate key"),
        "{problem}"
    );
}

#[test]
fn an_unknown_key_is_an_error_with_the_nearest_name() {
    for (text, problem) in [
        (
            "[limit]\n",
            "1:2 there is no key `limit` in fonio.toml | did you mean `limits`?",
        ),
        (
            "[limits]\nmemry = \"1MiB\"\n",
            "2:1 there is no key `memry` in [limits] | did you mean `memory`?",
        ),
        (
            "[project]\nname = \"x\"\n",
            "2:1 there is no key `name` in [project] | [project] may have: `id`, `collections`, `events`",
        ),
        (
            "[network]\ndeny = []\n",
            "2:1 there is no key `deny` in [network] | [network] may have: `allow`, `idempotency_header`",
        ),
        (
            "[adaptors.http]\nallow = []\n",
            "2:1 there is no key `allow` in [adaptors.http] | [adaptors.http] may have: `network`, `collections`, `events`, `environment`",
        ),
        (
            "[adaptors.http]\nnetwork = { alow = [] }\n",
            "2:13 there is no key `alow` in [adaptors.http] | did you mean `allow`?",
        ),
        (
            "[retry]\ntries = 1\n",
            "2:1 there is no key `tries` in [retry] | [retry] may have: `attempts`, `backoff`, `max_backoff`, `give_up`, `on`",
        ),
        (
            "[retention]\nrun = \"1d\"\n",
            "2:1 there is no key `run` in [retention] | did you mean `runs`?",
        ),
        (
            "[credentials.c]\nhost = []\n",
            "2:1 there is no key `host` in [credentials.c] | did you mean `hosts`?",
        ),
    ] {
        let fixture = with_toml(text).with("credentials/c.json", "{}");
        let errors: Vec<_> = fixture
            .problems()
            .into_iter()
            .filter(|problem| problem.starts_with("error"))
            .collect();
        assert_eq!(errors, [format!("error fonio.toml:{problem}")]);
    }
}

#[test]
fn an_origin_that_is_none_is_an_error_and_grants_nothing() {
    let help =
        "such as https://api.example.org, https://*.example.net:8443 or http://10.1.0.0/16:8080";
    let fixture = with_toml(
        "[network]\nallow = [\"https://a.org\", \"b.org\",\n  \"https://c.org/api\", 5]\n",
    );
    assert_eq!(
        fixture.problems(),
        [
            format!(
                "error fonio.toml:2:27 `b.org` is not an origin: an origin starts with https:// or http:// | {help}"
            ),
            format!(
                "error fonio.toml:3:3 `https://c.org/api` is not an origin: an origin ends after host and port; `/api` is too much | {help}"
            ),
            format!(
                "error fonio.toml:3:24 `5` is not an origin: an origin starts with https:// or http:// | {help}"
            ),
        ]
    );
    let project = fixture.load().project.expect("a project");
    assert_eq!(project.settings.allow.len(), 1);
}

#[test]
fn a_limit_that_is_none_is_an_error_and_the_default_stays() {
    for (line, problem) in [
        (
            "memory = \"lots\"",
            "2:10 `memory` should be a size, such as \"64MiB\": `lots` does not start with a whole number",
        ),
        (
            "memory = 64",
            "2:10 `memory` should be a size, such as \"64MiB\": it is a number",
        ),
        (
            "memory = \"64\"",
            "2:10 `memory` should be a size, such as \"64MiB\": `64` has no unit",
        ),
        (
            "memory = \"1TiB\"",
            "2:10 `memory` should be a size, such as \"64MiB\": `TiB` is no unit",
        ),
        (
            "memory = \"1KiB\"",
            "2:10 `memory` cannot be 1KiB | from 4MiB to 4GiB; without the line it is 64MiB",
        ),
        (
            "cpu_time = 5",
            "2:12 `cpu_time` should be a duration, such as \"5s\": it is a number",
        ),
        (
            "cpu_time = \"2h\"",
            "2:12 `cpu_time` cannot be 2h | from 10ms to 1h; without the line it is 5s",
        ),
        (
            "requests = \"10\"",
            "2:12 `requests` should be a whole number, such as 1000: it is a text",
        ),
        (
            "requests = -1",
            "2:12 `requests` should be a whole number, such as 1000: `-1` is no whole number",
        ),
        (
            "requests = 99999999999",
            "2:12 `requests` cannot be 99999999999 | from 0 to 1000000; without the line it is 1000",
        ),
    ] {
        let fixture = with_toml(&format!("[limits]\n{line}\n"));
        assert_eq!(
            only_problem(&fixture),
            format!("error fonio.toml:{problem}")
        );
        let project = fixture.load().project.expect("a project");
        assert_eq!(project.settings.limits, fonio_project::Limits::default());
    }
}

#[test]
fn an_id_that_is_none() {
    for id in ["", "a b", "ä", "-x", &"x".repeat(65)] {
        let problem = only_problem(&with_toml(&format!("[project]\nid = \"{id}\"\n")));
        assert!(
            problem.starts_with(&format!(
                "error fonio.toml:2:6 `{id}` cannot be the id of a project | letters, digits"
            )),
            "{problem}"
        );
    }
}

#[test]
fn adaptors_that_are_none_or_that_no_job_has() {
    assert_eq!(
        only_problem(&with_toml("[adaptors.dhis2]\n")),
        "warning fonio.toml:1:11 no job has the adaptor `dhis2` | the jobs have: `http`"
    );
    assert_eq!(
        only_problem(&with_toml("[adaptors.\"a b\"]\n")),
        "error fonio.toml:1:11 `a b` names no adaptor: `a b` is not the name of a package"
    );
    assert_eq!(
        only_problem(&with_toml("[adaptors.\"http@7\"]\n")),
        "error fonio.toml:1:11 [adaptors.http@7] names a version, and would be for any | write the name without the version"
    );
}

#[test]
fn places_where_a_secret_cannot_stand() {
    let help = "one of headers, path, query:NAME, body:/FIELD/IN/JSON and body";
    for place in ["cookies", "query:", "query", "body:password", "headers:x"] {
        let fixture = with_toml(&format!("[credentials.c]\nopen_in = [\"{place}\"]\n"))
            .with("credentials/c.json", "{}");
        let errors: Vec<_> = fixture
            .problems()
            .into_iter()
            .filter(|problem| problem.starts_with("error"))
            .collect();
        assert_eq!(
            errors,
            [format!(
                "error fonio.toml:2:12 `{place}` is no place in a request | {help}"
            )]
        );
    }
}

#[test]
fn retry_and_retention_are_checked() {
    for (text, problem) in [
        (
            "[retry]\nattempts = 0\n",
            "2:12 `attempts` should be a whole number | from 1, which is no retry, to 100",
        ),
        (
            "[retry]\nbackoff = \"soon\"\n",
            "2:11 `backoff` should be a duration, such as \"5s\": `soon` does not start with a whole number",
        ),
        (
            "[retry]\nbackoff = 2\n",
            "2:11 `backoff` should be a duration, such as \"5s\", and is a number",
        ),
        (
            "[retry]\nbackoff = \"1h\"\n",
            "1:2 the longest wait, `max_backoff` 10m, is shorter than the first, `backoff` 1h",
        ),
        (
            "[retention]\nmessages = \"4000d\"\n",
            "2:12 `messages` cannot be 4000d: ten years is the most",
        ),
        (
            "[retention]\nkeep = \"some\"\n",
            "2:8 `keep` cannot be `some` | one of always, failure and never",
        ),
        (
            "[retention]\nlogs = 7\n",
            "2:8 `logs` should be a duration, such as \"5s\", and is a number",
        ),
    ] {
        let errors: Vec<_> = with_toml(text)
            .problems()
            .into_iter()
            .filter(|problem| problem.starts_with("error"))
            .collect();
        assert_eq!(errors, [format!("error fonio.toml:{problem}")]);
    }
}

#[test]
fn the_retries_of_a_workflow_that_is_not_there_are_an_error() {
    let problems = with_toml("[workflows.tirgger-1]\nretry = { on = \"any\" }\n").problems();
    assert_eq!(
        problems,
        ["error fonio.toml:1:12 there is no workflow `tirgger-1` | did you mean `trigger-1`?"]
    );
    let problems =
        with_toml("[workflows.trigger-1]\nretry = { on = \"some\", tries = 1 }\n").problems();
    assert_eq!(
        problems,
        [
            "error fonio.toml:2:16 `on` cannot be `some` | transient (a system that cannot be reached, or says that it cannot now) or any",
            "error fonio.toml:2:24 there is no key `tries` in `retry` | `retry` may have: `attempts`, `backoff`, `max_backoff`, `give_up`, `on`",
        ]
    );
}

#[test]
fn values_of_the_wrong_kind_are_named() {
    for (text, problem) in [
        (
            "network = 5\n",
            "1:11 [network] should be a map of names to values, and is a number",
        ),
        (
            "[network]\nallow = \"https://a.org\"\n",
            "2:9 `allow` should be a list, and is a text",
        ),
        (
            "[network]\nallow = [[]]\n",
            "2:10 an origin in `allow` should be a text, and is a list",
        ),
        (
            "[project]\nevents = \"a\"\n",
            "2:10 `events` should be a list, and is a text",
        ),
        (
            "[credentials]\nc = { from = [] }\n",
            "2:14 `from` should be a text, and is a list",
        ),
    ] {
        assert_eq!(
            only_problem(&with_toml(text)),
            format!("error fonio.toml:{problem}")
        );
    }
    let fixture = with_toml("[credentials.c]\nreveal = \"yes\"\n").with("credentials/c.json", "{}");
    assert!(fixture.problems().contains(
        &"error fonio.toml:2:10 `reveal` should be true or false, and is a text".to_owned()
    ));
}

#[test]
fn a_capability_that_this_version_has_not_cannot_be_granted() {
    for (key, so) in [
        ("databases", "adaptors have no databases"),
        ("datastore", "adaptors have no files"),
    ] {
        let fixture = with_toml(&format!("[adaptors.http]\n{key} = [\"a\"]\n"));
        assert_eq!(
            only_problem(&fixture),
            format!(
                "error fonio.toml:2:1 `{key}` cannot be granted: this version has no such capability, and {so} | take the line out"
            )
        );
    }
}

#[test]
fn a_variable_that_an_adaptor_may_see_has_to_be_there() {
    let fixture = with_toml("[adaptors.http]\nenvironment = [\"NOT_SET\"]\n");
    assert_eq!(
        only_problem(&fixture),
        "error fonio.toml:2:16 the variable `NOT_SET` is not set | set it in the environment or in .env, or take it out of `environment`"
    );
    let fixture = with_toml("[adaptors.http]\nenvironment = \"NOT_SET\"\n");
    assert_eq!(
        only_problem(&fixture),
        "error fonio.toml:2:15 `environment` should be a list, and is a text"
    );
}

#[test]
fn collections_are_granted_in_three_words_and_what_is_none_of_them_grants_nothing() {
    let help = "`write` is to read and to write; a table says it for each collection: { seen = \"read\", sent = \"write\" }";
    for (table, value, what) in [
        ("project", "\"all\"", "`collections`"),
        ("adaptors.http", "true", "`collections`"),
        ("adaptors.http", "[\"seen\"]", "`collections`"),
        (
            "adaptors.http",
            "{ seen = \"Read\" }",
            "`seen` in `collections`",
        ),
    ] {
        let fixture = with_toml(&format!("[{table}]\ncollections = {value}\n"));
        let errors: Vec<String> = fixture.problems();
        let error = errors.iter().find(|problem| problem.starts_with("error"));
        let error = error.expect("an error");
        let expected = format!("{what} should be `none`, `read` or `write` | {help}");
        assert!(error.ends_with(&expected), "{error}");
        let project = fixture.load().project.expect("a project");
        let job = project.jobs().next().expect("a job");
        assert!(!project.collections_for(job).grants.is_any(), "{value}");
    }
}

#[test]
fn a_grant_of_a_collection_that_the_project_has_not_is_a_warning() {
    assert_eq!(
        only_problem(&with_toml("[project]\ncollections = { seen = \"read\" }\n")),
        "warning fonio.toml:2:1 the project has no collection `seen`"
    );
}
