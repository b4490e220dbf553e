//! v4: a whole project in one file, known by its `schema_version`.

use std::rc::Rc;

use super::steps::{Outside, Steps};
use crate::draft::{Declared, Draft, DraftWorkflow, SourceFile};
use crate::model::Generation;
use crate::reading::Reading;
use crate::tree::{Key, Node};

const TOP_KEYS: &[&str] = &[
    "id",
    "name",
    "schema_version",
    "description",
    "collections",
    "channels",
    "credentials",
    "workflows",
];
/// The one major version that there is.
const MAJOR: &str = "4";

impl Reading<'_> {
    pub(super) fn portable(&mut self, root: &Node, source: &Rc<SourceFile>) -> Option<Draft> {
        let mut draft = Draft::new(Generation::V4, &source.path);
        let mut outside = Outside::default();
        self.check_version(root);
        for (key, value) in self.map(root, "the project file")? {
            match key.text.as_str() {
                "schema_version" => {}
                "id" => draft.id = self.optional_text(value, "`id`"),
                "name" => draft.name = self.optional_text(value, "`name`"),
                "description" => draft.description = self.optional_text(value, "`description`"),
                "collections" => draft.collections = self.collections(value),
                "credentials" => draft.declared = self.declared(value),
                "workflows" => draft.workflows = self.workflows(value, source, &mut outside),
                "channels" | "openfn" | "options" | "sandbox" | "history" | "cli" => {
                    draft.keep(key, value)
                }
                _ => self.ignored(key, "a project file", TOP_KEYS),
            }
        }
        if root.get("workflows").is_none() {
            self.warning(root.at, "the project has no `workflows`");
        }
        draft.take(outside, root.get("credentials").is_some());
        Some(draft)
    }

    fn check_version(&mut self, root: &Node) {
        let Some(node) = root.get("schema_version") else {
            let of_the_cli = root.get("cli").and_then(|cli| cli.get("version")).is_some();
            if !of_the_cli {
                self.warning(
                    root.at,
                    "the project has workflows of v4, and no `schema_version`",
                )
                .help("add `schema_version: '4.0'`");
            }
            return;
        };
        let text = self.text(node, "`schema_version`").unwrap_or_default();
        if text.split('.').next() != Some(MAJOR) {
            self.error(
                node.at,
                format!("version `{text}` of project files is not known"),
            )
            .help("this version reads v1 to v4; the last is `schema_version: '4.0'`");
        }
    }

    fn workflows(
        &mut self,
        node: &Node,
        source: &Rc<SourceFile>,
        outside: &mut Outside,
    ) -> Vec<DraftWorkflow> {
        let nodes = self.list(node, "`workflows`").unwrap_or_default();
        let mut steps = Steps {
            reading: self,
            source: Rc::clone(source),
            outside,
        };
        let with_fallback = nodes.iter().enumerate().map(|(index, node)| {
            let text = format!("workflow-{}", index + 1);
            (node, Key { text, at: node.at })
        });
        with_fallback
            .filter_map(|(node, fallback)| steps.workflow(node, &fallback))
            .collect()
    }
}

impl Draft {
    /// Takes in the credentials that jobs hold or name. Those that are only named count where the file lists none.
    pub(super) fn take(&mut self, outside: Outside, listed: bool) {
        self.written_out.extend(outside.bodies.keys().cloned());
        self.bodies.extend(outside.bodies);
        if !listed {
            self.declare(outside.named);
        }
    }

    /// Adds credentials that are not there yet.
    pub(super) fn declare(&mut self, more: Vec<Declared>) {
        for declared in more {
            let is_it = |known: &Declared| {
                known.key == declared.key || known.openfn_ids().any(|id| id == declared.name)
            };
            if !self.declared.iter().any(is_it) {
                self.declared.push(declared);
            }
        }
    }
}
