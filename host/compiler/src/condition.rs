//! A condition on an edge: one expression of `state` and `upstreamStepId`, to a module of one operation.
//!
//! ```text
//! state.data.n > 10     ->     export default [({ state, upstreamStepId }) => ({ holds: Boolean((state.data.n > 10)) })];
//! ```
//!
//! It is parsed alone first, so that what it is wrapped in holds it whatever brackets it has, and then where it will
//! stand, where `await` and the names around it count.

use std::collections::HashSet;

use oxc::allocator::Allocator;
use oxc::span::Span;

use crate::job::{Job, Purpose};
use crate::position::Lines;
use crate::{Compiled, Findings, Problem, names, syntax};

/// What a condition sees, as in OpenFn's runtime.
pub(crate) const SEEN: &[&str] = &["state", "upstreamStepId"];
const RESULT: &str = " }) => ({ holds: Boolean((";
const AFTER: &str = ")) })];";

/// Compiles a condition. It does not see the names `hidden`, which the runtime has for jobs.
///
/// # Errors
/// Every problem found, in order of position: that it is no expression, or more than one, or calls what is not there.
pub fn compile_condition(source: &str, hidden: &[String]) -> Result<Compiled, Vec<Problem>> {
    // A semicolon at the end is no harm in a condition that stands alone.
    let condition = source.trim_end().trim_end_matches(';');
    let end = syntax::one_expression(condition, &Lines::new(condition))? as usize;
    let (condition, rest) = condition.split_at(end);

    let before = opening(&[]);
    let module = format!("{before}{condition}{AFTER}{rest}");
    let lines = Lines::behind(source, &before);
    let allocator = Allocator::default();
    let (program, semantic) = syntax::parse(&allocator, &module, &lines)?;
    let job = Job {
        program,
        semantic,
        known: HashSet::new(),
        purpose: Purpose::Condition,
    };
    let mut findings = Findings::new(&lines);
    names::check(&job, &mut findings);

    // Undefined, instead of the runtime's own. What nobody has stays the ReferenceError that it is in OpenFn.
    let hidden: Vec<&str> = names::undeclared_names(&job)
        .filter(|name| hidden.iter().any(|hidden| hidden == name))
        .collect();
    let whole = Span::new(0, u32::try_from(end).unwrap_or(u32::MAX));
    findings.edits.wrap(whole, &opening(&hidden), AFTER);
    findings.into_result(source)
}

fn opening(hidden: &[&str]) -> String {
    let parameters = [SEEN, hidden].concat().join(", ");
    format!("export default [({{ {parameters}{RESULT}")
}
