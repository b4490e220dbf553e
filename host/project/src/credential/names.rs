//! Credentials that a project file has by name alone, and the names by which their content is found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use super::Body;
use crate::draft::Declared;
use crate::inputs::Inputs;

/// The credentials that a project file has by name alone.
pub(crate) struct Names<'a> {
    pub declared: &'a [Declared],
    /// By jobs, in any of their names.
    pub used: BTreeSet<&'a str>,
}

impl Names<'_> {
    /// Of a credential that a job has. That its file is missing has been said where it is named.
    pub(super) fn warn_of_empty(
        &self,
        inputs: &mut Inputs<'_>,
        key: &String,
        body: &Body,
        aliases: &BTreeMap<String, String>,
    ) {
        let names = |name: &&str| *name == key.as_str() || aliases.get(*name) == Some(key);
        if !self.used.iter().any(names) || inputs.report.has_problem_at(&body.file, body.at) {
            return;
        }
        let message = format!(
            "the credential `{key}` has no values yet, and is empty to the jobs that have it"
        );
        let help = format!(
            "fill in credentials/{key}.json, or in fonio.toml:\n[credentials.\"{key}\"]\nfrom = \"env:NAME\""
        );
        let report = &mut inputs.report;
        report.warning(&body.file, body.at, message).help(help);
    }

    pub(super) fn empty(declared: &Declared) -> Body {
        Body {
            body: Map::new(),
            file: declared.file.clone(),
            at: declared.at,
        }
    }
}

/// Every other name that leads to just one of the declared credentials: `owner|name` as v4 has it, the name alone, and
/// both in the letters of v3's keys.
pub(super) fn aliases(declared: &[Declared]) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
    for credential in declared {
        let name = &credential.name;
        let mut others = vec![name.clone(), hyphenated(name)];
        others.extend(credential.openfn_ids().map(str::to_owned));
        if let Some(owner) = &credential.owner {
            others.push(format!("{owner}|{name}"));
            others.push(hyphenated(&format!("{owner} {name}")));
        }
        for other in others {
            found.entry(other).or_default().insert(&credential.key);
        }
    }
    let keys: BTreeSet<&String> = declared.iter().map(|credential| &credential.key).collect();
    found
        .into_iter()
        .filter(|(other, meant)| meant.len() == 1 && !keys.contains(other))
        .filter_map(|(other, meant)| Some((other, (*meant.first()?).clone())))
        .collect()
}

/// A name as v3 makes a key of it.
pub(crate) fn hyphenated(name: &str) -> String {
    name.replace(' ', "-")
}
