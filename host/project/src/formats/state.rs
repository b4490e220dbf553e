//! OpenFn's own ids for a v3 project, from the state file that its command line keeps beside the project file.
//!
//! Only a webhook's matters: others have called it by that address, and go on calling it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::slugify;
use crate::draft::Draft;
use crate::inputs::{Inputs, Read};
use crate::report::Secrecy;
use crate::tree::{Node, parse_literal};

const FILES: &[&str] = &["projectState.json", ".state.json"];

/// Takes the ids over where a state file is.
pub(super) fn adopt_ids(inputs: &mut Inputs<'_>, draft: &mut Draft) {
    if let Some(state) = read(inputs, &draft.file) {
        adopt(draft, &state);
    }
}

/// Takes the ids over from what a server sent, whether kept by key or as lists.
pub(super) fn adopt(draft: &mut Draft, state: &Node) {
    set_uuid(&mut draft.kept, Some(state));
    for workflow in &mut draft.workflows {
        let Some(known) = entry(state, "workflows", &workflow.id.text) else {
            continue;
        };
        set_uuid(&mut workflow.kept, Some(known));
        for trigger in &mut workflow.triggers {
            set_uuid(
                &mut trigger.kept,
                entry(known, "triggers", &trigger.id.text),
            );
        }
        for job in &mut workflow.jobs {
            set_uuid(&mut job.kept, entry(known, "jobs", &job.id.text));
        }
    }
}

/// By key; in a list, by what the key is made of: the name, or a trigger's type.
fn entry<'n>(of: &'n Node, all: &str, key: &str) -> Option<&'n Node> {
    let all = of.get(all)?;
    all.get(key).or_else(|| {
        all.values().into_iter().find(|node| {
            let text = |name| node.get(name).and_then(Node::as_text);
            text("name").is_some_and(|name| slugify(&name) == key)
                || text("type").as_deref() == Some(key)
        })
    })
}

/// The first state file that there is: by the project file's own name, then by the usual ones.
fn read(inputs: &mut Inputs<'_>, project_file: &Path) -> Option<Node> {
    let stem = project_file.file_stem()?.to_string_lossy().into_owned();
    let own = stem
        .strip_suffix("-spec")
        .map(|name| format!("{name}-state.json"));
    let names = own
        .into_iter()
        .chain(FILES.iter().map(|name| (*name).to_owned()));
    let folder = project_file.parent().unwrap_or(Path::new(""));
    let files: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
    let file = files.into_iter().find(|file| inputs.files.has_file(file))?;
    let Read::Text(text) = inputs.read(&file, Secrecy::Open) else {
        return None;
    };
    match parse_literal(&text) {
        Ok(root) => Some(root),
        Err(error) => {
            let message = format!("webhooks are not known by OpenFn's ids: {}", error.message);
            inputs.report.warning(&file, error.at, message).help = error.help;
            None
        }
    }
}

/// Unless the project file has one itself.
fn set_uuid(kept: &mut Map<String, Value>, known: Option<&Node>) {
    let Some(uuid) = known
        .and_then(|known| known.get("id"))
        .and_then(Node::as_text)
    else {
        return;
    };
    let openfn = kept
        .entry("openfn")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(openfn) = openfn {
        openfn.entry("uuid").or_insert(Value::String(uuid));
    }
}
