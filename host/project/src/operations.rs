//! What every job can call without naming an adaptor.

/// The operations and helpers of OpenFn's common library, as `host/runtime` defines them as globals, in order.
pub const COMMON_OPERATIONS: &[&str] = &[
    "alterState",
    "arrayToString",
    "as",
    "asData",
    "assert",
    "beta",
    "chunk",
    "collections",
    "combine",
    "composeNextState",
    "cursor",
    "dataPath",
    "dataValue",
    "debug",
    "each",
    "events",
    "execute",
    "expandReferences",
    "field",
    "fields",
    "fn",
    "fnIf",
    "group",
    "humanProper",
    "index",
    "join",
    "jsonValue",
    "lastReferenceValue",
    "log",
    "map",
    "merge",
    "parseCsv",
    "parseJson",
    "referencePath",
    "scrubEmojis",
    "source",
    "sourceValue",
    "splitKeys",
    "toArray",
    "util",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Modules of the library whose every export is a global.
    const SPREAD: &[&str] = &["sources", "operations", "fields", "strings"];

    fn library(module: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../runtime/src/library/{module}.js"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The names in `define({ a, b })`, but for what is JavaScript's (`console`) or hidden (`__defer`).
    fn defined_by_name(start: &str) -> BTreeSet<String> {
        let lists = start
            .split("define({")
            .skip(1)
            .filter_map(|rest| rest.split_once("})"));
        let names = lists.flat_map(|(list, _)| list.split(','));
        let names = names.map(|name| name.split(':').next().unwrap_or_default().trim().to_owned());
        names
            .filter(|name| !name.starts_with("__") && name != "console")
            .collect()
    }

    #[test]
    fn the_names_are_those_that_the_expression_runtime_defines() {
        let start = library("start");
        assert!(
            start.contains(&format!(
                "for (const owner of [{}]) define(owner);",
                SPREAD.join(", ")
            )),
            "start.js defines others"
        );
        let mut defined = defined_by_name(&start);
        for module in SPREAD {
            let text = library(module);
            let exports = text.lines().filter_map(|line| line.strip_prefix("export "));
            defined.extend(exports.filter_map(|line| {
                let name = line.trim_start_matches("async ").split_once(' ')?.1;
                Some(
                    name.split(|c: char| !c.is_alphanumeric() && c != '_')
                        .next()?
                        .to_owned(),
                )
            }));
        }
        let listed: BTreeSet<String> = COMMON_OPERATIONS
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        assert_eq!(defined, listed);
        assert!(COMMON_OPERATIONS.is_sorted());
    }
}
