//! `fonio run JOB --project DIR` where something of the project is broken.

use fonio_tests::{Ended, Program, Project};

/// A project with a sound job, and with others that are none.
fn partly_broken() -> Project {
    Project::new().file(
        "project.yaml",
        "jobs:\n  sound: { adaptor: common, trigger: any, expression: 'fn(state => ({ data: 1 }))' }\n  \
         lost: { adaptor: common, trigger: any, credential: nowhere, expression: 'fn(state => state)' }\n\
         triggers: { any: { criteria: '{}' } }\n",
    )
}

fn run_in_project(project: &Project, job: &str) -> Ended {
    Program::new(["run", job, "--project", "."]).run(project.dir())
}

#[test]
fn a_sound_job_of_a_project_runs_whatever_is_wrong_with_others_and_the_files_are_named() {
    let project = partly_broken().file("credentials/other.json", "{");
    let ended = run_in_project(&project, "sound")
        .expect_code(0)
        .expect_said(
            "the project has errors elsewhere, in credentials/other.json, project.yaml; to see them: fonio check .",
        );
    assert_eq!(ended.json()["data"], 1);
    run_in_project(&project, "lost")
        .expect_code(10)
        .expect_said("the credential `nowhere`, which is not there")
        .expect_said("lost was not run: the project has errors in credentials/other.json, project.yaml; to see all there are: fonio check .");
}

#[test]
fn no_job_runs_under_settings_that_are_not_as_they_were_meant() {
    let project = partly_broken().file("fonio.toml", "[network]\nalow = []\n");
    run_in_project(&project, "sound")
        .expect_code(10)
        .expect_said("there is no key `alow`")
        .expect_said("sound was not run: the project has errors in fonio.toml, project.yaml");
}
