//! Every problem that a project file of v1 or v3 can have, and where it is said to be.

use std::path::Path;

use fonio_project::load_file;

use crate::{Fixture, line, only_problem};

/// v3, with one of everything.
const SPEC: &str = "\
name: p
workflows:
  w:
    name: w
    jobs:
      a:
        name: a
        adaptor: common
        body: fn(s => s)
      b:
        name: b
        adaptor: common
        body: fn(s => s)
    triggers:
      webhook:
        type: webhook
        enabled: true
    edges:
      webhook->a:
        source_trigger: webhook
        target_job: a
        condition_type: always
      a->b:
        source_job: a
        target_job: b
        condition_type: on_job_success
";

pub fn changed(base: &str, from: &str, to: &str) -> Fixture {
    assert!(base.contains(from), "{from}");
    Fixture::new(&base.replacen(from, to, 1))
}

/// All problems after each change, without `project.yaml:`.
pub fn assert_problems(base: &str, cases: &[(&str, &str, &str)]) {
    Fixture::new(base).project();
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for (from, to, problem) in cases {
        let problems = changed(base, from, to).problems().join("; ");
        found.push((*to, problems.replacen("project.yaml:", "", 1)));
        expected.push((*to, (*problem).to_owned()));
    }
    assert_eq!(found, expected);
}

#[test]
fn what_is_wrong_with_a_spec_is_said_where_it_stands() {
    assert_problems(
        SPEC,
        &[
            (
                "target_job: b",
                "target_job: bb",
                "error 25:21 the edge leads to the job `bb`, which is not there | did you mean `b`?",
            ),
            (
                "source_job: a",
                "source_job: webhok",
                "error 24:21 the edge comes from the job `webhok`, which is not there | the jobs are: `a`, `b`",
            ),
            (
                "source_trigger: webhook",
                "source_trigger: cron",
                "error 20:25 the edge comes from the trigger `cron`, which is not there | the triggers are: `webhook`",
            ),
            (
                "        source_job: a\n",
                "",
                "error 23:7 the edge `a->b` comes from nowhere | add `source_trigger: …` or `source_job: …`",
            ),
            (
                "source_job: a",
                "source_job: a\n        source_trigger: webhook",
                "error 24:21 the edge `a->b` comes from a trigger and from a job | make an edge of each",
            ),
            (
                "        target_job: b\n",
                "",
                "error 23:7 the edge `a->b` leads nowhere | add `target_job: …`",
            ),
            (
                "on_job_success",
                "on_job_sucess",
                "error 26:25 there is no condition `on_job_sucess` | did you mean `on_job_success`?",
            ),
            (
                "on_job_success",
                "js_expression",
                "error 26:25 the edge `a->b` has no expression for its condition | add `condition_expression: '…'`",
            ),
            (
                "        condition_type: on_job_success\n",
                "",
                "warning 23:7 the edge `a->b` has no condition, and is taken as `on_job_success` | OpenFn refuses such an edge; add `condition_type: on_job_success`",
            ),
            (
                "source_job: a\n        target_job: b",
                "source_job: b\n        target_job: b",
                "error 25:21 the job `b` starts itself, and would never end | remove one of the edges between them; a workflow runs to its end, and a clock can start it again",
            ),
            (
                "type: webhook",
                "type: webhok",
                "error 16:15 there is no trigger of type `webhok` | did you mean `webhook`?",
            ),
            (
                "        type: webhook\n",
                "",
                "error 15:7 the trigger `webhook` has no type | give it one: `type: webhook`, `type: cron`",
            ),
            (
                "type: webhook",
                "type: cron",
                "error 15:7 the trigger `webhook` does not say when | add the clock's times, in UTC: `cron_expression: '0 6 * * *'`",
            ),
            (
                "type: webhook",
                "type: event",
                "error 15:7 the trigger `webhook` does not say which event | name it: `event: intake.accepted`, or `event: intake.*` for all that begin so",
            ),
            (
                "type: webhook",
                "type: event\n        event: 'a b'",
                "error 17:16 `a b` is no name of an event | 1 to 128 of A-Z, a-z, 0-9, `.`, `_`, `/` and `-`; a `*` at the end stands for any that follow, as in intake.*",
            ),
            (
                "type: webhook",
                "type: cron\n        cron_expression: '0 6 * *'",
                "error 17:26 `0 6 * *` is not a schedule: it has 4 of the five fields | five fields: minute hour day month weekday, as in '*/15 8-17 * * 1-5'; times are UTC",
            ),
            (
                "type: webhook",
                "type: cron\n        cron_expression: '0 6 * * *'\n        cron_cursor_job: c",
                "error 18:26 the trigger `webhook` takes its cursor from the job `c`, which is not there | did you mean `a`?",
            ),
            (
                "type: webhook",
                "type: webhook\n        cron_expression: '0 6 * * *'",
                "warning 17:9 `cron_expression` is of triggers of type cron, and is ignored in this one",
            ),
            (
                "type: webhook",
                "type: kafka",
                "warning 15:7 the trigger `webhook` never fires here: Kafka is not read from | OpenFn has removed these triggers; let a small consumer post to a webhook",
            ),
            (
                "type: webhook",
                "type: webhook\n        webhook_reply: later",
                "warning 17:24 `webhook_reply` cannot be `later`; the webhook answers before it starts | one of before_start and after_completion",
            ),
            (
                "type: webhook",
                "type: webhook\n        webhook_response_config: { error_code: 42 }",
                "error 17:48 `error_code` is not a status of HTTP | a number from 200 to 599",
            ),
            (
                "name: a\n",
                "nam: a\n",
                "warning 7:9 `nam` means nothing in a job, and is ignored | did you mean `name`?",
            ),
            (
                "    name: w\n",
                "    color: red\n",
                "warning 4:5 `color` means nothing in a workflow, and is ignored | a workflow may have: `name`, `jobs`, `triggers`, `edges`",
            ),
            (
                "name: p\n",
                "title: p\n",
                "warning 1:1 `title` means nothing in a project file, and is ignored | a project file may have: `name`, `description`, `collections`, `credentials`, `channels`, `workflows`",
            ),
            (
                "name: b\n",
                "name: a\n",
                "warning 10:7 two jobs have the name `a` | their ids tell them apart; logs show the ids",
            ),
            (
                "      b:\n",
                "      a:\n",
                "error 10:7 the key `a` is there twice | only one of the two could count; rename or remove one",
            ),
            (
                "body: fn(s => s)",
                "body: { path: ./no.js }",
                "error 9:23 there is no file no.js",
            ),
            (
                "body: fn(s => s)",
                "body: { path: ../no.js }",
                "error 9:23 ../no.js is outside the project | a project is complete in its own folder; copy the file to jobs/",
            ),
            (
                "        body: fn(s => s)\n",
                "",
                "error 6:7 the job `a` has no expression | add its code: `body: |`, or `body: {path: ./FILE.js}`",
            ),
            (
                "        adaptor: common\n",
                "",
                "error 6:7 the job `a` has no adaptor | such as `adaptor: http`; `adaptor: common` is enough for a job that talks to no other system",
            ),
            (
                "name: a\n",
                "name: a\n        credential: emr\n",
                "error 8:21 the job `a` has the credential `emr`, which is not there | add it as credentials/emr.json, or in fonio.toml:",
            ),
        ],
    );
}

#[test]
fn edges_that_are_switched_off_and_those_without_a_condition_are_kept_and_not_followed() {
    let project = changed(
        SPEC,
        "condition_type: always",
        "condition_type: always\n        enabled: false",
    )
    .project();
    let workflow = &project.workflows[0];
    assert_eq!(workflow.edges.len(), 2);
    assert!(workflow.first_jobs().is_empty());
    let project = changed(SPEC, "name: b\n", "name: b\n        enabled: false\n").project();
    assert!(
        project.edges_from_job("w/a").is_empty(),
        "the job is switched off"
    );
    let project = changed(
        SPEC,
        "type: webhook\n        enabled: true",
        "type: cron\n        cron_expression: '* * * * *'\n        enabled: false",
    )
    .project();
    assert!(project.crons().is_empty());
}

#[test]
fn a_credential_without_content_is_a_warning_with_the_lines_to_add() {
    let text = SPEC
        .replace("name: p\n", "name: p\ncredentials:\n  ana@x.org-emr: { name: emr, owner: ana@x.org }\n  ana@x.org-spare: { name: spare, owner: ana@x.org }\n")
        .replace("name: a\n", "name: a\n        credential: ana@x.org-emr\n");
    let fixture = Fixture::new(&text);
    let problem = &fixture.load().problems[0];
    assert_eq!(
        line(problem),
        "warning project.yaml:3:3 the credential `ana@x.org-emr` has no values yet, and is empty to the jobs that have it | fill in credentials/ana@x.org-emr.json, or in fonio.toml:"
    );
    let help = problem.help.clone().expect("help");
    let (_, toml) = help.split_once('\n').expect("lines to copy");
    for (file, content) in [
        ("credentials/ana@x.org-emr.json", "{\"a\": 1}"),
        ("credentials/emr.json", "{\"a\": 1}"),
        ("credentials/ana@x.org|emr.json", "{\"a\": 1}"),
        ("fonio.toml", toml),
        ("fonio.toml", "[credentials.emr]\nfrom = \"env:NAME\"\n"),
    ] {
        let project = Fixture::new(&text)
            .with(file, content)
            .with_variable("NAME", "{\"a\": 1}")
            .project();
        let job = project.job("w/a").expect("a job");
        assert_eq!(
            project.credential_for(job).expect("a credential").body["a"],
            1,
            "{file}"
        );
    }
}

#[test]
fn of_several_project_files_the_first_counts_and_the_others_are_named() {
    let fixture = Fixture::new(SPEC)
        .with("openfn.yaml", "")
        .with("project.json", "{}");
    assert_eq!(
        fixture.problems(),
        [
            "warning openfn.yaml:0:0 this file is not read, because there is project.yaml | a folder holds one project; remove one of the two",
            "warning project.json:0:0 this file is not read, because there is project.yaml | a folder holds one project; remove one of the two",
        ]
    );
    let fixture = Fixture::empty().with("project.yml", SPEC);
    assert_eq!(fixture.project().file, Path::new("project.yml"));
}

#[test]
fn json_and_javascript_are_read_and_never_run() {
    let v1 = "module.exports = {\n  jobs: { a: { trigger: 't', expression: s => s } },\n  triggers: { t: { criteria: {} } },\n};\n";
    assert_eq!(
        only_problem(&Fixture::empty().with("project.js", v1)),
        "error project.js:2:42 this would have to be run, and a project file is only read | write a job's code as a text, or into a file of its own"
    );
    let v1 = v1.replace("s => s", "'fn(s => s)'").replace(
        "triggers",
        "staticData: { a: 1 },\n  async: false,\n  triggers",
    );
    assert_eq!(
        Fixture::empty().with("project.js", v1).problems(),
        [
            "warning project.js:3:3 `staticData` has no effect here | write it into the jobs that use it",
            "warning project.js:4:3 `async` has no effect here | ENDPOINT_STYLE=sync in .env makes the inbox wait for the jobs",
        ]
    );
    let json = "{\n\t\"jobs\": {\"a\": {\"trigger\": \"u\", \"expression\": \"none\"}},\n\t\"triggers\": {\"t\": {\"criteria\": {}}}\n}";
    let problems = Fixture::empty().with("project.json", json).problems();
    assert_eq!(
        problems[0],
        "error project.json:2:28 the job `a` has the trigger `u`, which is not there | did you mean `t`?"
    );
}

#[test]
fn code_in_json_has_its_place_behind_the_escapes() {
    let json = "{\n  \"steps\": [{ \"id\": \"a\", \"expression\": \"fn(s => {\\n  throw \\\"x\\\";\\n})\" }]\n}";
    let fixture = Fixture::empty().with("workflow.json", json);
    let loaded = load_file(&fixture.path().join("workflow.json"), &|_| None);
    let project = loaded.project.expect("a project");
    let expression = &project.workflows[0].jobs[0].expression;
    assert_eq!(expression.source, "fn(s => {\n  throw \"x\";\n})");
    let (line, column) = expression.position(2, 3);
    let found: String = json
        .lines()
        .nth(line as usize - 1)
        .expect("a line")
        .chars()
        .skip(column as usize - 1)
        .take(5)
        .collect();
    assert_eq!((line, found.as_str()), (2, "throw"));
    let shown = expression.file_line(2, 3).expect("the line");
    let found: String = shown.chars().skip(column as usize - 1).take(5).collect();
    assert_eq!(found, "throw", "{shown}");
}

#[test]
fn a_workspace_without_workflows_and_one_with_a_mistake_in_a_folder() {
    let workspace = || {
        Fixture::empty().with(
            "openfn.yaml",
            "project: { id: p }\nworkspace: { dirs: { workflows: flows } }\n",
        )
    };
    assert_eq!(
        only_problem(&workspace()),
        "error openfn.yaml:0:0 there is no workflow in flows/ | each has a folder of its own: workflows/NAME/NAME.yaml"
    );
    let fixture = workspace()
        .with("flows/w/w.yaml", "id: w\nsteps:\n  - { id: cron, type: cron, cron_expression: '0 6 * * *', next: a }\n  - { id: a, adaptor: common, expression: ./a.js, next: b }\n")
        .with("flows/w/a.js", "fn(s => s)");
    assert_eq!(
        only_problem(&fixture),
        "error flows/w/w.yaml:4:57 the edge leads to the job `b`, which is not there | did you mean `a`?"
    );
    let fixture = workspace().with(
        "flows/w/w.yaml",
        "id: w\nsteps:\n  - { id: a, adaptor: common, expression: ../../../a.js }\n",
    );
    assert!(
        only_problem(&fixture)
            .starts_with("error flows/w/w.yaml:3:43 ../../../a.js is outside the project")
    );
}

#[test]
fn the_state_of_a_server_is_no_project() {
    let text = "{\"id\": \"x\", \"name\": \"p\", \"project_credentials\": {}, \"workflows\": {}}";
    assert_eq!(
        only_problem(&Fixture::empty().with("project.json", text)),
        "error project.json:1:1 this is the state of a project on a server, not the project | name the project's own file, which was pulled together with it"
    );
}

#[test]
fn anchors_are_fine_and_bombs_are_refused_in_every_format() {
    let text = SPEC
        .replace(
            "body: fn(s => s)\n      b:",
            "body: &code fn(s => s)\n      b:",
        )
        .replacen("body: fn(s => s)", "body: *code", 1);
    assert_eq!(
        Fixture::new(&text).project().workflows[0].jobs[1]
            .expression
            .source,
        "fn(s => s)"
    );
    let bomb: String = (1..9).fold(
        "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(),
        |text, n| {
            format!(
                "{text}a{n}: &a{n} [{}]\n",
                format!("*a{}, ", n - 1).repeat(9)
            )
        },
    );
    for (file, text) in [
        ("project.yaml", format!("{SPEC}{bomb}")),
        ("openfn.yaml", format!("project: {{ id: p }}\n{bomb}")),
    ] {
        let problem = only_problem(&Fixture::empty().with(file, text));
        assert!(problem.contains("this is not YAML"), "{problem}");
    }
}

#[test]
fn a_file_alone_that_is_not_there_is_a_problem() {
    let loaded = load_file(Path::new("/nonexistent/workflow.json"), &|_| None);
    assert!(loaded.project.is_none());
    assert_eq!(
        line(&loaded.problems[0]),
        "error workflow.json:0:0 there is no such file"
    );
}
