//! v4 checked out: `openfn.yaml`, a folder for each workflow, the credentials in a file beside.
//!
//! What is in the folders counts, because that is what people edit. From the project file that the last pull left in
//! `.projects` come only the names that the folders lack: collections, channels, credentials, and OpenFn's own ids.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::state;
use super::steps::{Outside, Steps};
use super::{Parsed, parse_file};
use crate::draft::{Declared, Draft, DraftWorkflow, keep};
use crate::inputs::Inputs;
use crate::model::Generation;
use crate::reading::Reading;
use crate::report::{Place, Secrecy};
use crate::tree::{Key, Node};

const TOP_KEYS: &[&str] = &["project", "workspace"];
const WORKSPACE_KEYS: &[&str] = &["credentials", "dirs", "formats"];
const ENDINGS: &[&str] = &["yaml", "yml", "json"];

/// Where the parts of a workspace are, from the project directory.
struct Layout {
    workflows: String,
    projects: String,
    credentials: Option<Key>,
}

/// Reads the workspace around its `openfn.yaml`.
pub(super) fn read(inputs: &mut Inputs<'_>, parsed: &Parsed) -> Option<Draft> {
    let file = parsed.source.path.clone();
    let mut draft = Draft::new(Generation::V4, &file);
    let mut reading = parsed.reading(inputs);
    let layout = reading.openfn_file(&parsed.root, &mut draft)?;
    let mut outside = Outside::default();
    for path in workflow_files(inputs, &layout.workflows) {
        draft
            .workflows
            .extend(workflow(inputs, &path, &mut outside));
    }
    if draft.workflows.is_empty() {
        inputs
            .report
            .error(
                &file,
                Place::FILE,
                format!("there is no workflow in {}/", layout.workflows),
            )
            .help("each has a folder of its own: workflows/NAME/NAME.yaml");
    }
    let pulled = pulled(inputs, &layout, &parsed.root);
    match pulled {
        Some(Pulled::Project(project)) => merge(&mut draft, project),
        Some(Pulled::State {
            credentials,
            collections,
            root,
        }) => {
            draft.declared = credentials;
            draft.collections = collections.unwrap_or_default();
            state::adopt(&mut draft, &root);
        }
        None => {}
    }
    // A credential that was named in a step since the last pull is fine, too.
    draft.take(outside, false);
    if let Some(path) = &layout.credentials {
        credentials(inputs, &file, path, &mut draft);
    }
    Some(draft)
}

impl Reading<'_> {
    fn openfn_file(&mut self, root: &Node, draft: &mut Draft) -> Option<Layout> {
        let mut layout = Layout {
            workflows: "workflows".to_owned(),
            projects: ".projects".to_owned(),
            credentials: None,
        };
        for (key, value) in self.map(root, "openfn.yaml")? {
            match key.text.as_str() {
                "project" => self.workspace_project(value, draft),
                "workspace" => {
                    for (key, value) in self.map(value, "`workspace`").unwrap_or_default() {
                        self.layout_key(key, value, &mut layout);
                    }
                }
                // Older workspaces have these at the top.
                "credentials" | "dirs" | "formats" | "workflowRoot" => {
                    self.layout_key(key, value, &mut layout)
                }
                "name" => draft.name = self.optional_text(value, "`name`"),
                _ => self.ignored(key, "openfn.yaml", TOP_KEYS),
            }
        }
        Some(layout)
    }

    fn workspace_project(&mut self, node: &Node, draft: &mut Draft) {
        let mut openfn = Map::new();
        for (key, value) in self.map(node, "`project`").unwrap_or_default() {
            match key.text.as_str() {
                "id" => draft.id = self.optional_text(value, "`id`"),
                "name" => draft.name = self.optional_text(value, "`name`"),
                "description" => draft.description = self.optional_text(value, "`description`"),
                _ => keep(&mut openfn, key, value),
            }
        }
        if !openfn.is_empty() {
            draft
                .kept
                .insert("openfn".to_owned(), Value::Object(openfn));
        }
    }

    fn layout_key(&mut self, key: &Key, node: &Node, layout: &mut Layout) {
        match key.text.as_str() {
            "credentials" => layout.credentials = self.reference(node, "`credentials`"),
            "workflowRoot" => {
                if let Some(text) = self.text(node, "`workflowRoot`") {
                    layout.workflows = text;
                }
            }
            // Files are known by what they hold.
            "formats" => {}
            "dirs" => {
                for (key, value) in self.map(node, "`dirs`").unwrap_or_default() {
                    let dir = match key.text.as_str() {
                        "workflows" => &mut layout.workflows,
                        "projects" => &mut layout.projects,
                        _ => {
                            self.ignored(key, "`dirs`", &["workflows", "projects"]);
                            continue;
                        }
                    };
                    if let Some(text) = self.text(value, "a folder") {
                        *dir = text;
                    }
                }
            }
            _ => self.ignored(key, "`workspace`", WORKSPACE_KEYS),
        }
    }
}

/// Of each folder the file of its name, or the only one that could be meant; also files without a folder.
fn workflow_files(inputs: &Inputs<'_>, folder: &str) -> Vec<PathBuf> {
    let here = Path::new(super::WORKSPACE_FILE);
    let Some(folder) = inputs.named_in(here, Path::new(folder)) else {
        return Vec::new();
    };
    let entries = inputs.entries_in(&folder);
    entries
        .iter()
        .filter_map(|name| {
            let path = folder.join(name);
            if !inputs.files.has_folder(&path) {
                return has_ending(name).then_some(path);
            }
            let files: Vec<String> = inputs
                .entries_in(&path)
                .into_iter()
                .filter(|name| has_ending(name))
                .collect();
            let own = |file: &&String| {
                Path::new(file.as_str())
                    .file_stem()
                    .is_some_and(|stem| stem == name.as_str())
            };
            match (files.iter().find(own), files.as_slice()) {
                (Some(own), _) => Some(path.join(own)),
                (None, [only]) => Some(path.join(only)),
                (None, _) => None,
            }
        })
        .collect()
}

fn has_ending(name: &str) -> bool {
    let ending = Path::new(name)
        .extension()
        .and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

fn workflow(inputs: &mut Inputs<'_>, path: &Path, outside: &mut Outside) -> Option<DraftWorkflow> {
    let parsed = parse_file(inputs, path, Secrecy::Credentials)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let fallback = Key {
        text: stem.into_owned(),
        at: Place::START,
    };
    let mut reading = parsed.reading(inputs);
    let mut steps = Steps {
        reading: &mut reading,
        source: parsed.source.clone(),
        outside,
    };
    steps.workflow(&parsed.root, &fallback)
}

/// The project file of the last pull: the one of this project's id, or the only one.
fn pulled(inputs: &mut Inputs<'_>, layout: &Layout, root: &Node) -> Option<Pulled> {
    let here = Path::new(super::WORKSPACE_FILE);
    let folder = inputs.named_in(here, Path::new(&layout.projects))?;
    let names = inputs.entries_in(&folder);
    let files: Vec<PathBuf> = names
        .iter()
        .filter(|name| has_ending(name))
        .map(|name| folder.join(name))
        .collect();
    let wanted = |name: &str| {
        root.get("project")
            .and_then(|project| project.get(name))
            .and_then(Node::as_text)
    };
    let mut found: Vec<Parsed> = files
        .iter()
        .filter_map(|path| parse_file(inputs, path, Secrecy::Credentials))
        .collect();
    let uuid = |root: &Node| {
        root.get("openfn")
            .and_then(|openfn| openfn.get("uuid"))
            .and_then(Node::as_text)
    };
    let of_this = |root: &Node| {
        let id = || root.get("id").and_then(Node::as_text);
        (wanted("uuid").is_some() && [uuid(root), id()].contains(&wanted("uuid")))
            || (wanted("id").is_some() && root.get("id").and_then(Node::as_text) == wanted("id"))
    };
    let index = match found.iter().position(|parsed| of_this(&parsed.root)) {
        Some(index) => index,
        None if found.len() == 1 => 0,
        None => return None,
    };
    let parsed = found.swap_remove(index);
    // Its problems are not the author's, who edits the folders.
    let mut aside = inputs.aside();
    let mut reading = parsed.reading(&mut aside);
    if let Some(credentials) = parsed.root.get("project_credentials") {
        let collections = parsed.root.get("collections");
        return Some(Pulled::State {
            credentials: reading.declared(credentials),
            collections: collections.map(|node| reading.collections(node)),
            root: parsed.root,
        });
    }
    let project = reading.portable(&parsed.root, &parsed.source)?;
    Some(Pulled::Project(project))
}

/// What the last pull left.
enum Pulled {
    Project(Draft),
    /// Older programs leave what the server sent, with its own ids.
    State {
        credentials: Vec<Declared>,
        collections: Option<Vec<String>>,
        root: Node,
    },
}

fn merge(draft: &mut Draft, pulled: Draft) {
    draft.collections = pulled.collections;
    draft.declared = pulled.declared;
    draft.description = draft.description.take().or(pulled.description);
    adopt(&mut draft.kept, &pulled.kept);
    for workflow in &mut draft.workflows {
        let Some(before) = pulled
            .workflows
            .iter()
            .find(|before| before.id.text == workflow.id.text)
        else {
            continue;
        };
        adopt(&mut workflow.kept, &before.kept);
        for trigger in &mut workflow.triggers {
            if let Some(before) = before
                .triggers
                .iter()
                .find(|before| before.id.text == trigger.id.text)
            {
                adopt(&mut trigger.kept, &before.kept);
            }
        }
        for job in &mut workflow.jobs {
            if let Some(before) = before
                .jobs
                .iter()
                .find(|before| before.id.text == job.id.text)
            {
                adopt(&mut job.kept, &before.kept);
            }
        }
    }
}

/// Takes over what is not there.
fn adopt(kept: &mut Map<String, Value>, before: &Map<String, Value>) {
    for (key, value) in before {
        if !kept.contains_key(key) {
            kept.insert(key.clone(), value.clone());
        }
    }
}

/// The file of credentials, a map of `owner|name` or an id to the content. A missing one is no mistake: it is kept out
/// of version control.
fn credentials(inputs: &mut Inputs<'_>, here: &Path, named: &Key, draft: &mut Draft) {
    let Some(path) = inputs.named_in(here, Path::new(&named.text)) else {
        inputs.report.error(
            here,
            named.at,
            format!("{} is outside the project", named.text),
        );
        return;
    };
    if !inputs.files.has(&path) {
        return;
    }
    let Some(parsed) = parse_file(inputs, &path, Secrecy::Secret) else {
        return;
    };
    let mut reading = parsed.reading(inputs);
    let bodies = reading.credential_bodies(&parsed.root, "the file of credentials");
    draft.bodies.extend(bodies);
}
