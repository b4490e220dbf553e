//! Project files with something broken in them: always an answer, and every problem in a line that is there.

use std::path::Path;

use fonio_project::load;
use proptest::prelude::*;

use crate::formats::fixture;

const FILES: &[(&str, &str)] = &[
    ("clinic/v1", "project.js"),
    ("clinic/v2", "project.yaml"),
    ("clinic/v3", "project.yaml"),
    ("clinic/v4", "project.yaml"),
    ("referral/v3", "project.yaml"),
    ("referral/workspace", "openfn.yaml"),
    ("referral/workspace", "workflows/intake/intake.yaml"),
    ("referral/workspace", "workflows/nightly/nightly.json"),
    ("referral/workspace", "credentials.yaml"),
];
/// What is put in place of what is taken out.
const BROKEN: &[&str] = &[
    "", "x", "\n", "  ", "- ", ": ", "{", "]", "'", "\"", "null", "[]", "{}", "&a ", "*a ", "\t",
    "|\n", "=> 1", "1e999", "\u{0}", "..", "/",
];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_broken_file_has_its_problems_in_lines_that_are_there(
        which in 0..FILES.len(),
        start in any::<prop::sample::Index>(),
        length in 0..40_usize,
        broken in 0..BROKEN.len(),
    ) {
        let (folder, file) = FILES[which];
        let dir = tempfile::tempdir().expect("a folder");
        copy(&fixture(folder), dir.path());
        let path = dir.path().join(file);
        let text: Vec<char> = std::fs::read_to_string(&path).expect("a file").chars().collect();
        let start = start.index(text.len());
        let end = (start + length).min(text.len());
        let changed: String = text[..start].iter().copied().chain(BROKEN[broken].chars()).chain(text[end..].iter().copied()).collect();
        std::fs::write(&path, &changed).expect("a file");
        let loaded = load(dir.path(), &|_| None);
        prop_assert!(loaded.project.is_some() || loaded.has_errors(), "nothing, and no reason");
        for problem in &loaded.problems {
            let text = std::fs::read_to_string(dir.path().join(&problem.file)).unwrap_or_default();
            let lines = text.lines().count().max(1) + 1;
            prop_assert!(problem.line as usize <= lines, "{problem} in\n{changed}");
            prop_assert!(!problem.to_string().contains("hush"), "{problem}");
        }
    }
}
