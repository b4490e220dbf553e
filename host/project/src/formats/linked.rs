//! Files of JSON that a workflow of the command line names: credentials and states of its steps.
//!
//! They are for trying a workflow out, and often not there: a missing one is a warning, and empty.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::credential::{Body, credential_file};
use crate::draft::{Draft, Field};
use crate::inputs::{Inputs, Read};
use crate::naming::unless_taken;
use crate::report::{Place, Secrecy};
use crate::tree::parse_json;

/// Reads them into the draft. A credential is called as its file is, without the ending, wherever the file lies: by that
/// name it goes out in an export, and `credentials/NAME.json` fills it in.
pub(super) fn read(inputs: &mut Inputs<'_>, draft: &mut Draft) {
    let mut names = BTreeMap::new();
    for workflow in &mut draft.workflows {
        let file = workflow.source.path.clone();
        for job in &mut workflow.jobs {
            if let Field::Path { text, at } = &job.credential {
                let (text, at) = (text.clone(), *at);
                job.credential = Field::Wrong;
                if let Some(body) = object(inputs, &file, &text, at, Secrecy::Secret) {
                    let body = Body {
                        body,
                        file: file.clone(),
                        at,
                    };
                    let name = name(inputs, &draft.bodies, &mut names, &file, &text);
                    draft.bodies.insert(name.clone(), body);
                    job.credential = Field::Text {
                        text: name,
                        at,
                        written_at: at,
                    };
                }
            }
            if let Some(path) = &job.state_file {
                let state = object(inputs, &file, &path.text, path.at, Secrecy::Open);
                job.state = state.filter(|state| !state.is_empty());
            }
        }
    }
}

/// The name of the credential in the file `written`: the same for the same file, and one that no other credential has.
fn name(
    inputs: &Inputs<'_>,
    bodies: &BTreeMap<String, Body>,
    names: &mut BTreeMap<PathBuf, String>,
    here: &Path,
    written: &str,
) -> String {
    let path = inputs.named_in(here, Path::new(written));
    let path = path.unwrap_or_else(|| PathBuf::from(written));
    if let Some(name) = names.get(&path) {
        return name.clone();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let taken = |name: &String| {
        let file = credential_file(name);
        bodies.contains_key(name) || (file != path && inputs.files.has(&file))
    };
    let name = unless_taken(&stem, taken);
    names.insert(path, name.clone());
    name
}

fn object(
    inputs: &mut Inputs<'_>,
    here: &Path,
    written: &str,
    at: Place,
    secrecy: Secrecy,
) -> Option<Map<String, Value>> {
    let Some(path) = inputs.named_in(here, Path::new(written)) else {
        inputs
            .report
            .error(here, at, format!("{written} is outside the project"))
            .help("a project is complete in its own folder; copy the file there");
        return None;
    };
    match inputs.read(&path, secrecy) {
        Read::Refused => None,
        Read::Missing => {
            let path = path.display();
            let message = format!("there is no file {path}, and its place stays empty");
            inputs.report.warning(here, at, message);
            Some(Map::new())
        }
        Read::Text(text) => {
            let parsed = parse_json(&text);
            if let Err(error) = &parsed {
                inputs.report.error(&path, error.at, error.message.clone());
            }
            parsed.ok()
        }
    }
}
