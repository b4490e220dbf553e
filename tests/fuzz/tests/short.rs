//! The short run of every target: its seeds and some thousands of mutations, the same on every machine.

use std::panic;

use fonio_fuzz::mutate::Mutator;
use fonio_fuzz::{TARGETS, Target, campaign, find};

fn short(name: &str) {
    campaign::short(find(name).expect("there is such a target"));
}

#[test]
fn grants_mean_what_the_url_crate_and_tables_of_our_own_say() {
    short("grants");
}

#[test]
fn no_secret_passes_the_filter_and_nothing_else_is_changed() {
    short("sealing");
}

#[test]
fn any_project_is_read_or_refused_and_what_is_exported_is_read_as_the_same() {
    short("projects");
}

#[test]
fn criteria_match_what_a_naive_comparison_matches() {
    short("criteria");
}

#[test]
fn bodies_are_taken_as_other_parsers_take_them() {
    short("bodies");
}

#[test]
fn any_bytes_get_an_answer_or_a_close_and_the_server_goes_on() {
    short("wire");
}

#[test]
fn every_target_has_a_short_run_here() {
    let here = include_str!("short.rs");
    for target in TARGETS {
        let call = format!("short(\"{}\")", target.name);
        assert!(here.contains(&call), "{} is never run", target.name);
    }
}

/// Fails on every input with an x.
const FAILS_ON_X: Target = Target {
    name: "fails-on-x",
    run: |bytes| assert!(!bytes.contains(&b'x'), "an x"),
    seeds: || vec![b"abc".to_vec()],
    words: &["x"],
    short: 1000,
};

#[test]
fn a_target_that_can_fail_does() {
    assert!(panic::catch_unwind(|| campaign::short(&FAILS_ON_X)).is_err());
}

#[test]
fn the_same_number_makes_the_same_input_and_another_seed_another() {
    let mutator = Mutator::new(&FAILS_ON_X, 1);
    let inputs = |mutator: &Mutator| -> Vec<_> { (0..100).map(|n| mutator.input(n)).collect() };
    assert_eq!(inputs(&mutator), inputs(&Mutator::new(&FAILS_ON_X, 1)));
    assert_ne!(inputs(&mutator), inputs(&Mutator::new(&FAILS_ON_X, 2)));
}
