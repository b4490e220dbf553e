//! v4 checked out: a folder for each workflow.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Entries, Writing, portable, yaml};
use crate::expression::NOTHING;
use crate::formats::{WORKSPACE_FILE, slugify};
use crate::model::{Job, Project, Workflow};
use crate::naming::unless_taken;

const WORKFLOWS: &str = "workflows";
const PROJECTS: &str = ".projects";
const CREDENTIALS: &str = "credentials.yaml";
const GLOBALS: &str = "globals";

pub(super) fn files(project: &Project, writing: &mut Writing) -> Vec<(PathBuf, String)> {
    let mut files = vec![(
        PathBuf::from(WORKSPACE_FILE),
        yaml::write(&openfn_file(project)),
    )];
    if project.workflows.is_empty() {
        writing.cannot("a workspace has a folder for each workflow, and this project has none");
    }
    let mut folders = BTreeSet::new();
    for workflow in &project.workflows {
        let name = free(&mut folders, &workflow.id, "workflow");
        let folder = Path::new(WORKFLOWS).join(&name);
        workflow_files(project, workflow, &folder, &name, writing, &mut files);
    }
    let around = portable::around(project, Vec::new(), writing);
    let path = Path::new(PROJECTS).join(format!("{}.yaml", project.id));
    files.push((path, yaml::write(&around)));
    files
}

fn openfn_file(project: &Project) -> Value {
    let mut about = Entries::default();
    about
        .put("id", project.id.clone())
        .put("name", project.name.clone());
    if let Some(Value::Object(openfn)) = project.kept.get("openfn") {
        about.0.extend(openfn.clone());
    }
    let mut dirs = Entries::default();
    dirs.put("projects", PROJECTS).put("workflows", WORKFLOWS);
    let mut formats = Entries::default();
    for format in ["openfn", "project", "workflow"] {
        formats.put(format, "yaml");
    }
    let mut workspace = Entries::default();
    workspace
        .put("credentials", CREDENTIALS)
        .put("dirs", dirs.value())
        .put("formats", formats.value());
    let mut root = Entries::default();
    root.put("project", about.value())
        .put("workspace", workspace.value());
    root.value()
}

fn workflow_files(
    project: &Project,
    workflow: &Workflow,
    folder: &Path,
    name: &str,
    writing: &mut Writing,
    files: &mut Vec<(PathBuf, String)>,
) {
    let mut taken = BTreeSet::new();
    let mut named = Vec::new();
    for job in workflow
        .jobs
        .iter()
        .filter(|job| job.expression.source != NOTHING)
    {
        let file = format!("{}.js", free(&mut taken, &job.id, "step"));
        files.push((folder.join(&file), job.expression.source.clone()));
        named.push((job.id.clone(), format!("./{file}")));
    }
    let globals = workflow.globals.as_ref().map(|globals| {
        let file = format!("{}.js", free(&mut taken, GLOBALS, GLOBALS));
        files.push((folder.join(&file), globals.source.clone()));
        format!("./{file}")
    });
    let expression = |job: &Job| {
        let found = named.iter().find(|(id, _)| *id == job.id);
        found.map(|(_, file)| file.clone())
    };
    let value = portable::workflow(project, workflow, &expression, globals, writing);
    files.push((folder.join(format!("{name}.yaml")), yaml::write(&value)));
}

/// A name for a file or folder: of the id only what is safe in a path, and with a number if it is taken.
fn free(taken: &mut BTreeSet<String>, id: &str, fallback: &str) -> String {
    let slug = slugify(id);
    let base = if slug.is_empty() { fallback } else { &slug };
    let name = unless_taken(base, |name| taken.contains(name));
    taken.insert(name.clone());
    name
}
