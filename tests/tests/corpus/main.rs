//! The corpus: jobs as people write them, in `tests/corpus/<name>/`, each run through the built program.
//!
//! - `job.js`, and the `input.json` that it starts with ([`generated`] makes those that are too large to keep).
//! - `expected.json`: its final state in OpenFn; or `fails.json`: where it fails, and with what words.
//! - `far-side.json`: the requests that its adaptor makes, in order, and the replies; then the job's adaptor is `http`.
//!   `credential.json`: its credential. In all of them `https://far-side.example` stands for the far side.
//!
//! Each job makes two tests: `runs::<name>`, and `is_checked::<name>`, which also has `fonio check` find each of the
//! mistakes that [`mutants`] makes in it.

mod case;
mod generated;
mod mutants;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial, run};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tests = case::names().into_iter().flat_map(|name| {
        let (runs, is_checked) = (name.clone(), name.clone());
        [
            Trial::test(format!("runs::{name}"), move || {
                case::runs(&runs);
                Ok(())
            }),
            Trial::test(format!("is_checked::{name}"), move || {
                mutants::are_found(&is_checked);
                Ok(())
            }),
        ]
    });
    run(&arguments, tests.collect()).exit_code()
}
