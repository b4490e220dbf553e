//! Files of JSON that a workflow of the command line names: credentials and states of its steps.
//!
//! They are for trying a workflow out, and often not there: a missing one is a warning, and empty.

use std::path::Path;

use serde_json::{Map, Value};

use crate::credential::Body;
use crate::draft::{Draft, Field};
use crate::inputs::{Inputs, Read};
use crate::report::{Place, Secrecy};
use crate::tree::parse_json;

/// Reads them into the draft.
pub(super) fn read(inputs: &mut Inputs<'_>, draft: &mut Draft) {
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
                    draft.bodies.insert(text.clone(), body);
                    job.credential = Field::Text {
                        text,
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
