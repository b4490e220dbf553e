//! What the documentation shows is what happens.

use std::fs;
use std::path::Path;

use fonio_tests::{Host, Project};
use serde_json::{Value, json};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(path).expect("the page is there")
}

/// What is between two lines.
#[track_caller]
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from}"));
    rest.split_once(to).unwrap_or_else(|| panic!("no {to}")).0
}

#[test]
fn a_job_after_a_failure_finds_what_docs_projects_md_shows() {
    let page = page("docs/projects.md");
    let (_, section) = page
        .split_once("### What a job after a failure finds")
        .expect("the section is there");
    let shown: Value = serde_json::from_str(between(section, "```json\n", "```")).expect("JSON");
    let yaml = between(section, "```yaml\n", "```");
    let host = Host::serving(Project::new().file("project.yaml", yaml));
    let run = host.run(&json!({"patient": 7}));
    let mut found = run.step_of("tell").output.clone();
    // In a project of jobs and triggers it is there for short, too, as the page says.
    let short = found
        .as_object_mut()
        .and_then(|state| state.remove("error"));
    assert_eq!(short.as_ref(), Some(&shown["errors"]["register"]));
    assert_eq!(found, shown);
}

#[test]
fn the_first_project_of_the_readme_runs_and_leaves_what_the_readme_says() {
    let page = page("README.md");
    let section = between(&page, "### With the program alone", "\n## ");
    let indented = section
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line));
    let yaml: Vec<&str> = indented
        .skip_while(|line| *line != "jobs:")
        .take_while(|line| !line.is_empty())
        .collect();
    let host = Host::serving(Project::new().file("project.yaml", yaml.join("\n")));
    let message = between(section, "-d '", "'");
    let run = host.run(&serde_json::from_str(message).expect("JSON"));
    let shown = between(section, "what it left, `", "`");
    let shown: Value = serde_json::from_str(shown).expect("JSON");
    assert_eq!(run.state, shown);
}
