//! Conditions on edges: one expression each, of `state` and `upstreamStepId`.

use fonio_compiler::{Compiled, Problem, compile_condition};

const HIDDEN: &[&str] = &["fn", "each", "get"];

fn compiled(source: &str) -> Result<Compiled, Vec<Problem>> {
    let hidden: Vec<String> = HIDDEN.iter().map(|name| (*name).to_owned()).collect();
    compile_condition(source, &hidden)
}

#[track_caller]
fn module(source: &str) -> String {
    compiled(source)
        .unwrap_or_else(|problems| panic!("{source}\n{problems:#?}"))
        .module
}

/// It is refused for one reason, with these words, at this line and column.
#[track_caller]
fn refused(source: &str, place: (u32, u32), words: &str) {
    let problems = compiled(source).expect_err("it is refused");
    let [problem] = problems.as_slice() else {
        panic!("{source}: {problems:#?}");
    };
    assert_eq!(
        (problem.line, problem.column),
        place,
        "{source}: {problem:?}"
    );
    assert!(problem.message.contains(words), "{source}: {problem:?}");
}

#[test]
fn an_expression_is_wrapped_where_it_ends_and_what_follows_it_stays_behind() {
    let start = "export default [({ state, upstreamStepId }) => ({ holds: Boolean((";
    for (source, inside, behind) in [
        ("state.data.n > 10", "state.data.n > 10", ""),
        ("  state.a;", "  state.a", ";"),
        ("true // a note", "true", " // a note"),
        ("// why\n!state.errors\n", "// why\n!state.errors", "\n"),
        ("{ a: 1 }", "{ a: 1 }", ""),
        ("'always'", "'always'", ""),
        ("state.a, state.b", "state.a, state.b", ""),
    ] {
        assert_eq!(module(source), format!("{start}{inside})) }})];{behind}"));
    }
}

#[test]
fn what_is_no_single_expression_is_refused_where_it_stops_being_one() {
    refused("true); somethingElse(", (1, 5), "Unexpected token");
    refused("true)) })]; fetch(((", (1, 5), "Unexpected token");
    refused("state.a\n  state.b", (2, 3), "");
    refused("true; false", (1, 5), "Unexpected token");
    refused("if (state.a) true", (1, 1), "Unexpected token");
    refused("return true", (1, 1), "");
    refused("state.a ===", (1, 12), "");
    refused("/* open", (1, 1), "");
    refused("", (1, 1), "");
    refused("await state.a", (1, 1), "await");
}

#[test]
fn a_bracket_that_is_left_open_is_told_with_the_end_of_the_condition() {
    let problems = compiled("state.list.some(n => {").expect_err("it is open");
    assert!(
        problems[0].message.contains("the end of the condition"),
        "{problems:?}"
    );
    assert_eq!(problems[0].unclosed, Some((1, 22)));
}

#[test]
fn operations_are_not_there() {
    refused(
        "state.a && fn(state)",
        (1, 12),
        "`fn` is not there: a condition has `state`",
    );
    refused("\n sstate.a()\n || get()", (3, 5), "`get` is not there");
}

#[test]
fn a_name_that_nothing_declares_is_told_and_the_runtimes_own_are_hidden() {
    let compiled = compiled("typeof get === 'undefined' || stat.a").expect("it is an expression");
    let [warning] = compiled.warnings.as_slice() else {
        panic!("{:#?}", compiled.warnings);
    };
    assert_eq!((warning.line, warning.column), (1, 31));
    assert_eq!(warning.help.as_deref(), Some("did you mean `state`?"));
    let start = "export default [({ state, upstreamStepId, get }) => ";
    assert!(compiled.module.starts_with(start), "{}", compiled.module);
}

#[test]
fn a_place_in_the_module_leads_back_to_the_condition() {
    let compiled = compiled("  state.x.y").expect("it is an expression");
    let at = compiled.module.find(".y").expect("it is there") + 1;
    let before = compiled
        .shifts
        .iter()
        .filter(|shift| shift.column as usize <= at);
    let inserted: i32 = before.map(|shift| shift.length).sum();
    assert_eq!(at as i32 - inserted, 10);
}
