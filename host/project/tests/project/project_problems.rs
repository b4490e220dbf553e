//! Every problem that a project file can have.

use crate::{Fixture, WORKING, only_problem};

fn replaced(from: &str, to: &str) -> Fixture {
    assert!(WORKING.contains(from), "{from}");
    Fixture::new(&WORKING.replace(from, to))
}

#[test]
fn all_problems_are_reported_at_once() {
    let fixture = Fixture::new(
        "jobs:\n  a: { adaptor: common, trigger: nope, expression: none }\n  b: { trigger: t, expression: none }\n\
         triggers:\n  t: { cron: 'never' }\n",
    )
    .with("fonio.toml", "[limits]\nmemory = \"lots\"\n");
    let found = fixture.problems();
    let places: Vec<_> = found
        .iter()
        .filter_map(|problem| problem.split(' ').nth(1))
        .collect();
    assert_eq!(
        places,
        [
            "fonio.toml:2:10",
            "project.yaml:2:34",
            "project.yaml:3:3",
            "project.yaml:5:14"
        ],
        "{found:#?}"
    );
    assert!(fixture.load().has_errors());
}

#[test]
fn a_missing_project_file_is_explained_with_a_minimal_one_that_works() {
    let loaded = Fixture::empty().load();
    assert!(loaded.project.is_none());
    assert_eq!(loaded.problems[0].message, "there is no project.yaml");
    let help = loaded.problems[0].help.clone().expect("help");
    let (_, minimal) = help.split_once('\n').expect("lines to copy");
    assert_eq!(
        Fixture::new(minimal).project().workflows[0].jobs[0].id,
        "double"
    );
}

#[test]
fn an_empty_project_file_has_no_jobs() {
    for text in ["", "# nothing yet\n", "triggers: {}\n"] {
        assert!(
            only_problem(&Fixture::new(text))
                .starts_with("error project.yaml:0:0 the project has no `jobs`"),
            "{text}"
        );
    }
    assert!(Fixture::new("jobs: {}\n").project().workflows.is_empty());
}

#[test]
fn unknown_keys_are_warned_of_and_never_dropped_silently() {
    let fixture = Fixture::new(&format!(
        "{}channels: {{}}\n",
        WORKING
            .replace("adaptor:", "adapter: x\n    adaptor:")
            .replace("criteria: '{}'", "criteria: '{}', webhook: x")
    ));
    assert_eq!(
        fixture.problems(),
        [
            "warning project.yaml:4:5 `adapter` means nothing in a job, and is ignored | did you mean `adaptor`?",
            "warning project.yaml:8:32 `webhook` means nothing in a trigger, and is ignored | a trigger may have: `criteria`, `cron`, `event`, `success`, `failure`",
            "warning project.yaml:9:1 `channels` means nothing in a project file, and is ignored | a project file may have: `id`, `name`, `jobs`, `triggers`, `credentials`, `collections`",
        ]
    );
    assert!(!fixture.load().has_errors());
}

#[test]
fn a_job_without_a_trigger_or_with_one_that_is_not_there() {
    assert_eq!(
        replaced("    trigger: trigger-1\n", "").problems(),
        [
            "error project.yaml:2:3 the job `job-1` has no trigger | name one of the triggers: `trigger-1`",
            "warning project.yaml:6:3 the trigger `trigger-1` starts no job | name it in a job: `trigger: …`, or remove it",
        ]
    );
    let problems = replaced("trigger: trigger-1", "trigger: morning").problems();
    assert_eq!(
        problems[0],
        "error project.yaml:5:14 the job `job-1` has the trigger `morning`, which is not there | the triggers are: `trigger-1`"
    );
    let fixture = Fixture::new("jobs:\n  a: { expression: none, adaptor: common }\n");
    assert!(
        fixture.load().problems[0]
            .help
            .as_deref()
            .is_some_and(|help| help.contains("triggers:\n  inbox:"))
    );
}

#[test]
fn a_trigger_without_a_kind_or_with_several() {
    assert_eq!(
        only_problem(&replaced("{ criteria: '{}' }", "{}")),
        "error project.yaml:7:3 the trigger `trigger-1` does not say when | give it one of criteria: '{…}', cron: '* * * * *', event: NAME, success: JOB and failure: JOB"
    );
    assert_eq!(
        only_problem(&replaced(
            "{ criteria: '{}' }",
            "{ criteria: '{}', cron: '* * * * *' }"
        )),
        "error project.yaml:7:32 the trigger `trigger-1` is of several kinds: criteria, cron | a trigger is of one kind; make a trigger and a job of each"
    );
}

#[test]
fn criteria_that_are_no_json_object_are_shown_where_they_go_wrong() {
    let help = "criteria are a JSON object in a text, such as '{\"form\": \"intake\"}'; '{}' matches every message";
    let problem = only_problem(&replaced("'{}'", "'{\"a\": 1,}'"));
    assert_eq!(
        problem,
        format!(
            "error project.yaml:7:35 in the criteria of the trigger `trigger-1`: this is not JSON: trailing comma | {help}"
        )
    );
    let problem = only_problem(&replaced(
        "{ criteria: '{}' }",
        "\n    criteria: |\n      {\"a\": 1,\n       b: 2}",
    ));
    assert!(problem.starts_with("error project.yaml:10:8 in the criteria of the trigger `trigger-1`: this is not JSON: key must be a string"), "{problem}");
    let problem = only_problem(&replaced("'{}'", "'[1]'"));
    assert_eq!(
        problem,
        format!(
            "error project.yaml:7:27 in the criteria of the trigger `trigger-1`: this is JSON, but not an object | {help}"
        )
    );
    let problem = only_problem(&replaced("'{}'", "[1]"));
    assert_eq!(
        problem,
        "error project.yaml:7:26 `criteria` of the trigger `trigger-1` should be a JSON object in a text, such as '{\"form\": \"intake\"}', and is a list"
    );
}

#[test]
fn a_schedule_that_is_none() {
    let problem = only_problem(&replaced("criteria: '{}'", "cron: '* * * *'"));
    assert_eq!(
        problem,
        "error project.yaml:7:22 `* * * *` is not a schedule: it has 4 of the five fields | five fields: minute hour day month weekday, as in '*/15 8-17 * * 1-5'; times are UTC"
    );
    let problem = only_problem(&replaced("criteria: '{}'", "cron: '0 0 31 4 *'"));
    assert_eq!(
        problem,
        "error project.yaml:7:22 `0 0 31 4 *` is not a schedule: it never comes: no date matches it | no year has this day"
    );
}

#[test]
fn a_trigger_that_follows_a_job_that_is_not_there() {
    let problem = only_problem(&replaced("criteria: '{}'", "success: job-l"));
    assert_eq!(
        problem,
        "error project.yaml:7:25 the trigger `trigger-1` follows the job `job-l`, which is not there | did you mean `job-1`?"
    );
}

#[test]
fn jobs_that_start_each_other_are_an_error_once() {
    assert_eq!(
        only_problem(&replaced("criteria: '{}'", "failure: job-1")),
        "error project.yaml:2:3 the job `job-1` starts itself, and would never end | give one of them a trigger with criteria or cron"
    );
    let fixture = Fixture::new(
        "jobs:\n  in: { expression: none, adaptor: common, trigger: after-b }\n  a: { expression: none, adaptor: common, trigger: after-c }\n  \
         b: { expression: none, adaptor: common, trigger: after-a }\n  c: { expression: none, adaptor: common, trigger: b-fails }\n\
         triggers:\n  after-a: { success: a }\n  after-b: { success: b }\n  b-fails: { failure: b }\n  after-c: { success: c }\n",
    );
    assert_eq!(
        only_problem(&fixture),
        "error project.yaml:3:3 the jobs `a`, `b`, `c` start each other, and would never end | give one of them a trigger with criteria or cron"
    );
}

#[test]
fn a_job_without_an_adaptor_or_with_a_name_that_is_none() {
    let help = "such as `adaptor: http`; `adaptor: common` is enough for a job that talks to no other system";
    for (to, problem) in [
        ("", "2:3 the job `job-1` has no adaptor"),
        ("    adaptor:\n", "2:3 the job `job-1` has no adaptor"),
        ("    adaptor: ''\n", "4:14 `` names no adaptor: it is empty"),
        (
            "    adaptor: http @7\n",
            "4:14 `http @7` names no adaptor: `http ` is not the name of a package",
        ),
        (
            "    adaptor: http@\n",
            "4:14 `http@` names no adaptor: `` is not a version",
        ),
    ] {
        let fixture = replaced("    adaptor: '@openfn/language-http'\n", to);
        assert_eq!(
            only_problem(&fixture),
            format!("error project.yaml:{problem} | {help}")
        );
    }
}

#[test]
fn values_of_the_wrong_kind_are_named() {
    for (from, to, problem) in [
        (
            "fn(state => state)",
            "[1]",
            "3:17 `expression` of the job `job-1` should be a text, and is a list",
        ),
        (
            "'@openfn/language-http'",
            "{}",
            "4:14 `adaptor` of the job `job-1` should be a text, and is a map",
        ),
        (
            "{ criteria: '{}' }",
            "'{}'",
            "7:14 the trigger `trigger-1` should be a map of names to values, and is a text",
        ),
    ] {
        assert_eq!(
            only_problem(&replaced(from, to)),
            format!("error project.yaml:{problem}")
        );
    }
    let found = Fixture::new("jobs: [1]\ntriggers: true\ncredentials: 3\nid: {}\n").problems();
    assert_eq!(
        found,
        [
            "error project.yaml:1:7 `jobs` should be a map of names to values, and is a list",
            "error project.yaml:2:11 `triggers` should be a map of names to values, and is true or false",
            "error project.yaml:3:14 `credentials` should be a map of names to values, and is a number",
            "error project.yaml:4:5 `id` should be a text, and is a map",
        ]
    );
    assert_eq!(
        only_problem(&Fixture::new("- jobs\n")),
        "error project.yaml:1:1 the project file should be a map of names to values, and is a list"
    );
    assert_eq!(
        only_problem(&Fixture::new("jobs:\n  a: 1\n")),
        "error project.yaml:2:6 the job `a` should be a map of names to values, and is a number"
    );
    assert_eq!(
        only_problem(&Fixture::new("jobs:\n  '': {}\n")),
        "error project.yaml:2:3 a job has an empty name"
    );
}

#[test]
fn what_is_not_yaml_is_no_project() {
    for (text, problem) in [
        (
            "jobs:\n  a: {}\n  a: {}\n",
            "error project.yaml:3:3 the key `a` is there twice | only one of the two could count; rename or remove one",
        ),
        (
            "jobs:\n\ta: {}\n",
            "error project.yaml:2:1 this line is indented with a tab | YAML is indented with spaces only",
        ),
    ] {
        assert_eq!(only_problem(&Fixture::new(text)), problem);
        assert!(Fixture::new(text).load().project.is_none());
    }
    for text in [
        "jobs: {a: [\n",
        "jobs:\n  a: 'x\n",
        "a: *nope\n",
        "---\njobs: {}\n---\njobs: {}\n",
        "a: &a [*a]\n",
        "jobs: .nan\n",
        "%YAML 9\n@",
    ] {
        let problem = only_problem(&Fixture::new(text));
        assert!(
            problem.starts_with("error project.yaml:") && problem.contains("this is not YAML: "),
            "{problem}"
        );
        assert!(!problem.contains(" at line "), "{problem}");
    }
}

#[test]
fn a_file_that_is_not_utf8_names_the_place() {
    let fixture = Fixture::empty().with("project.yaml", b"jobs: {}\n# M\xfcller\n");
    assert_eq!(
        only_problem(&fixture),
        "error project.yaml:2:4 the file is not UTF-8 from here on | save it as UTF-8, the usual encoding in editors"
    );
    assert!(fixture.load().project.is_none());
}

#[test]
fn a_file_that_is_too_large_or_a_folder_is_not_read() {
    let fixture = Fixture::empty().with("project.yaml", vec![b'#'; (4 << 20) + 1]);
    assert_eq!(
        only_problem(&fixture),
        "error project.yaml:0:0 the file is larger than 4MiB, the most that is read"
    );
    let fixture = Fixture::empty().with("project.yaml/x", "");
    assert_eq!(
        only_problem(&fixture),
        "error project.yaml:0:0 the file cannot be read: it is a folder"
    );
    let problem = only_problem(
        &Fixture::new(WORKING).with("fonio.toml", "[credentials.c]\nfrom = \"file:/dev/zero\"\n"),
    );
    assert_eq!(
        problem,
        "error /dev/zero:0:0 the file cannot be read: it is not an ordinary file"
    );
}

#[test]
fn hostile_yaml_ends_soon_with_a_problem() {
    let bomb: String = (1..9).fold(
        "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(),
        |text, n| {
            let before = format!("*a{}, ", n - 1).repeat(9);
            format!("{text}a{n}: &a{n} [{before}]\n")
        },
    );
    let deep = format!("jobs: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(
        "jobs:\n{}",
        (0..60_000)
            .map(|n| format!("  k{n}: {{}}\n"))
            .collect::<String>()
    );
    for text in [bomb, deep, long] {
        let problem = only_problem(&Fixture::new(&text));
        assert!(problem.contains("this is not YAML"), "{problem}");
    }
}

#[test]
fn a_mistake_in_dot_env_has_its_place_and_shows_no_value() {
    let fixture = Fixture::new(WORKING).with(".env", "A=1\nhush\n");
    assert_eq!(
        only_problem(&fixture),
        "error .env:2:1 this line has no `=` | each line is KEY=VALUE; values with spaces in quotes"
    );
    assert_eq!(fixture.load().problems[0].source_line, None);
}

#[test]
fn variables_that_steer_the_server_are_checked() {
    let port = "`PORT` is not a port | a port is a number from 1 to 65535, such as 4001";
    let style = "`ENDPOINT_STYLE` is neither `async` nor `sync` | async answers once a message is stored, sync after the jobs it starts have ended";
    assert_eq!(
        only_problem(&Fixture::new(WORKING).with(".env", "\n PORT=99999\n")),
        format!("error .env:2:2 {port}")
    );
    assert_eq!(
        only_problem(&Fixture::new(WORKING).with_variable("PORT", "x")),
        format!("error (environment):0:0 {port}")
    );
    assert_eq!(
        only_problem(&Fixture::new(WORKING).with(".env", "ENDPOINT_STYLE=later\n")),
        format!("error .env:1:1 {style}")
    );
}

#[test]
fn variables_of_the_first_microservice_are_answered_with_what_replaces_them() {
    let fixture = Fixture::new(WORKING).with(".env", "FREQUENCY=2000\n");
    assert_eq!(
        only_problem(&fixture),
        "warning .env:1:1 `FREQUENCY` has no effect here | give the job a trigger with a cron expression in project.yaml"
    );
}
