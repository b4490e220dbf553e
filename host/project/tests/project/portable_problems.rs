//! Every problem that a project file of v4 can have, and where it is said to be.

use crate::format_problems::{assert_problems, changed};
use crate::{Fixture, only_problem};

/// v4, with one of everything.
const PORTABLE: &str = "\
schema_version: '4.0'
id: p
workflows:
  - id: w
    start: webhook
    steps:
      - id: webhook
        type: webhook
        next: a
      - id: a
        adaptor: common
        expression: fn(s => s)
        next: { b: on_job_success }
      - id: b
        adaptor: common
        expression: fn(s => s)
";

#[test]
fn what_is_wrong_with_a_v4_project_is_said_where_it_stands() {
    assert_problems(
        PORTABLE,
        &[
            (
                "schema_version: '4.0'\n",
                "",
                "warning 1:1 the project has workflows of v4, and no `schema_version` | add `schema_version: '4.0'`",
            ),
            (
                "'4.0'",
                "'5.0'",
                "error 1:17 version `5.0` of project files is not known | this version reads v1 to v4; the last is `schema_version: '4.0'`",
            ),
            (
                "start: webhook",
                "start: webhok",
                "error 5:12 the workflow `w` starts with `webhok`, which is not there | did you mean `webhook`?",
            ),
            (
                "next: a",
                "next: aa",
                "error 9:15 the edge leads to the job `aa`, which is not there | did you mean `a`?",
            ),
            (
                "next: a",
                "next: webhook",
                "error 9:15 the edge leads to the job `webhook`, which is not there | the jobs are: `a`, `b`",
            ),
            (
                "next: a",
                "next: [a]",
                "error 9:15 `next` should be a text, and is a list",
            ),
            (
                "{ b: on_job_success }",
                "{ b: on_job_success, a: true }",
                "error 13:36 the job `a` starts itself, and would never end | remove one of the edges between them; a workflow runs to its end, and a clock can start it again",
            ),
            (
                "{ b: on_job_success }",
                "{ b: { label: x } }",
                "warning 13:17 the edge to `b` has no condition, and is never followed | that is how OpenFn runs it; write `condition: always` to follow it",
            ),
            (
                "{ b: on_job_success }",
                "{ b: { condition: always, if: 1 } }",
                "warning 13:41 `if` means nothing in an edge, and is ignored | an edge may have: `condition`, `label`, `disabled`",
            ),
            (
                "      - id: b\n",
                "      - { id: a, expression: none }\n      - id: b\n",
                "error 14:15 the job `a` is there twice | give one of the two another id",
            ),
            (
                "      - id: b\n",
                "      - { id: webhook, expression: none }\n      - id: b\n",
                "error 14:15 the step `webhook` is there twice | give one of the two another id",
            ),
            (
                "type: webhook",
                "type: email",
                "error 8:15 there is no trigger of type `email` | the types are: `webhook`, `cron`, `event`, `kafka`",
            ),
            (
                "type: webhook",
                "type: cron\n        cron_expression: daily",
                "error 9:26 `daily` is not a schedule: it has 1 of the five fields | five fields: minute hour day month weekday, as in '*/15 8-17 * * 1-5'; times are UTC",
            ),
            (
                "expression: fn(s => s)",
                "expression: ./no.js",
                "error 12:21 there is no file no.js",
            ),
            (
                "expression: fn(s => s)",
                "expression: /etc/x.js",
                "error 12:21 /etc/x.js is outside the project | a project is complete in its own folder; copy the file to jobs/",
            ),
            (
                "expression: fn(s => s)",
                "body: fn(s => s)",
                "warning 12:9 `body` means nothing in a step, and is ignored | a step may have: `id`, `name`, `adaptor`, `expression`, `configuration`, `state`, `next`",
            ),
            (
                "adaptor: common",
                "adaptors: [http, dhis2]",
                "warning 11:26 the adaptor `dhis2` is ignored: a job has one | the common operations are there beside it",
            ),
            (
                "    start: webhook\n",
                "    options: { timeout: soon }\n",
                "error 5:25 `timeout` should be a whole number of milliseconds",
            ),
            (
                "id: p\n",
                "id: p\nversion: 1\n",
                "warning 3:1 `version` means nothing in a project file, and is ignored | a project file may have: `id`, `name`, `schema_version`, `description`, `collections`, `channels`, `credentials`, `workflows`",
            ),
        ],
    );
    let problems = changed(PORTABLE, "    steps:", "    stepz:").problems();
    assert!(
        problems
            .iter()
            .any(|problem| problem
                .starts_with("error project.yaml:4:9 the workflow `w` has no `steps`")),
        "{problems:#?}"
    );
}

#[test]
fn a_cycle_through_several_jobs_is_an_error_once_with_its_way() {
    let fixture = changed(
        PORTABLE,
        "      - id: b\n        adaptor: common\n        expression: fn(s => s)\n",
        "      - { id: b, expression: fn(s => s), next: c }\n      - { id: c, expression: fn(s => s), next: { a: { condition: always, disabled: true } } }\n",
    );
    let problem = only_problem(&fixture);
    assert!(
        problem.starts_with(
            "error project.yaml:15:50 the jobs `a`, `b`, `c` start each other, and would never end"
        ),
        "{problem}"
    );
}

#[test]
fn a_long_chain_of_jobs_is_no_cycle_and_takes_no_time() {
    let steps: String = (0..3_000)
        .map(|n| {
            format!(
                "      - {{ id: s{n}, expression: none, next: s{} }}\n",
                n + 1
            )
        })
        .collect();
    let text = format!(
        "schema_version: '4.0'\nid: p\nworkflows:\n  - id: w\n    steps:\n{steps}      - {{ id: s3000, expression: none }}\n"
    );
    let project = Fixture::new(&text).project();
    assert_eq!(project.workflows[0].leaves()[0].id, "s3000");
}
