//! The table of the torture suite names tests that exist, and every test of the suite.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The one file of tests beside them that the table names.
const CONNECTOR: &str = "host/sandbox/src/capabilities/http/connector.rs";

/// `file::test` of each test in a file.
fn tests_in(path: &Path) -> Vec<String> {
    let file = path
        .file_stem()
        .expect("a file has a name")
        .to_string_lossy();
    let source = fs::read_to_string(path).expect("sources are text");
    let marked = source.split("#[test]").skip(1);
    let named = marked.filter_map(|rest| rest.trim_start().strip_prefix("fn ")?.split('(').next());
    named.map(|test| format!("{file}::{test}")).collect()
}

/// Those of every file below `tests/tests` whose name begins so.
fn tests(beginning: &str) -> BTreeSet<String> {
    let folder = root().join("tests/tests");
    let files = fs::read_dir(folder).expect("there are tests").flatten();
    let mut paths: Vec<PathBuf> = files.map(|file| file.path()).collect();
    paths.push(root().join(CONNECTOR));
    let wanted = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && name.starts_with(beginning)
    };
    paths
        .iter()
        .filter(wanted)
        .flat_map(|path| tests_in(path))
        .collect()
}

/// The `file::test` in the third cell of each row.
fn told() -> Vec<(String, String)> {
    let page =
        fs::read_to_string(root().join("docs/security/torture.md")).expect("the page is there");
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("::"));
    let mut told = Vec::new();
    for row in rows {
        let number = row.split('|').nth(1).expect("a cell").trim().to_owned();
        for word in row
            .split('`')
            .filter(|word| word.contains("::") && !word.contains(' '))
        {
            told.push((number.clone(), word.to_owned()));
        }
    }
    told
}

#[test]
fn every_test_that_the_table_names_exists() {
    let tests = tests("");
    let missing: Vec<_> = told()
        .into_iter()
        .filter(|(_, test)| !tests.contains(test))
        .collect();
    assert_eq!(missing, [], "rows and the tests they name");
}

#[test]
fn every_test_of_the_suite_is_in_the_table() {
    let told: BTreeSet<String> = told().into_iter().map(|(_, test)| test).collect();
    let mut suite = tests("torture_");
    suite.retain(|test| !test.starts_with("torture_table::") && !told.contains(test));
    assert_eq!(suite, BTreeSet::new(), "not in docs/security/torture.md");
}

#[test]
fn the_table_has_all_of_the_list_of_64_and_more() {
    let numbers: BTreeSet<String> = told().into_iter().map(|(number, _)| number).collect();
    for number in 1..=64 {
        let rows = numbers
            .iter()
            .filter(|row| row.trim_end_matches(|c: char| c.is_alphabetic()) == number.to_string());
        assert!(
            rows.count() > 0,
            "behaviour {number} has no row with a test"
        );
    }
    assert!(numbers.len() >= 80, "{} rows", numbers.len());
}
