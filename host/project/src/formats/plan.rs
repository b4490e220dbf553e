//! One workflow for OpenFn's command line: `{steps}`, `{workflow, options}`, or the oldest, `{start, jobs}`.

use std::rc::Rc;

use super::common::slugify;
use super::steps::{Outside, Steps};
use crate::draft::{Draft, SourceFile};
use crate::model::Generation;
use crate::reading::Reading;
use crate::report::Place;
use crate::tree::{Key, Node};

const PLAN_KEYS: &[&str] = &["workflow", "options", "id"];

impl Reading<'_> {
    /// A file that is one workflow.
    pub(super) fn plan(&mut self, root: &Node, source: &Rc<SourceFile>) -> Option<Draft> {
        let mut draft = Draft::new(Generation::V4, &source.path);
        let mut outside = Outside::default();
        let fallback = key_of_file(source);
        let mut steps = Steps {
            reading: self,
            source: Rc::clone(source),
            outside: &mut outside,
        };
        let inner = root.get("workflow");
        let mut workflow = steps.workflow(inner.unwrap_or(root), &fallback)?;
        if let Some(options) = inner.and_then(|_| root.get("options")) {
            self.options(options, &mut workflow);
        }
        if inner.is_some() {
            for (key, _) in self.map(root, "a plan")? {
                if !PLAN_KEYS.contains(&key.text.as_str()) {
                    self.ignored(key, "a plan", PLAN_KEYS);
                }
            }
        }
        draft.id = Some(workflow.id.text.clone());
        draft.name = workflow.name.clone();
        draft.workflows.push(workflow);
        draft.take(outside, false);
        Some(draft)
    }
}

/// The id of a workflow that is a file and says no other.
pub(super) fn key_of_file(source: &SourceFile) -> Key {
    let file = source
        .path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let stem = Some(slugify(&file)).filter(|slug| !slug.is_empty());
    Key {
        text: stem.unwrap_or_else(|| "workflow".to_owned()),
        at: Place::START,
    }
}
