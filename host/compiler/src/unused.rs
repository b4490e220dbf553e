//! Operations that are made and never run: `post('/x', data);` inside a function or a block makes a function of state,
//! which nothing calls. The job passes, and nothing was sent.

use oxc::ast::AstKind;
use oxc::ast::ast::{CallExpression, Expression};

use crate::Findings;
use crate::job::Job;

/// Names that make an operation in every adaptor that has them, and do nothing else.
const MAKERS: &[&str] = &[
    "alterState",
    "combine",
    "create",
    "cursor",
    "del",
    "each",
    "fn",
    "fnIf",
    "get",
    "patch",
    "post",
    "put",
    "query",
    "request",
    "update",
    "upsert",
];

pub(crate) fn warn(job: &Job<'_>, findings: &mut Findings<'_>) {
    for node in job.semantic.nodes().iter() {
        let AstKind::ExpressionStatement(statement) = node.kind() else {
            continue;
        };
        let is_top_level = matches!(job.around(node.id()).next(), Some(AstKind::Program(_)));
        if is_top_level {
            continue;
        }
        if let Some((name, call)) = made(job, &statement.expression) {
            findings.warn(
                call.span.start,
                format!("`{name}(…)` only makes an operation, and nothing runs it here"),
                format!("run it: await {name}(…)(state), or make it an operation of its own at the top level"),
            );
        }
    }
}

/// The operation that a statement makes, and perhaps awaits.
fn made<'a>(
    job: &Job<'a>,
    expression: &'a Expression<'a>,
) -> Option<(&'a str, &'a CallExpression<'a>)> {
    match expression.without_parentheses() {
        Expression::AwaitExpression(awaited) => made(job, &awaited.argument),
        Expression::CallExpression(call) => {
            let Expression::Identifier(callee) = &call.callee else {
                return None;
            };
            let reference = job.semantic.scoping().get_reference(callee.reference_id());
            let name = callee.name.as_str();
            let is_maker = MAKERS.contains(&name)
                && job.known.contains(name)
                && reference.symbol_id().is_none();
            is_maker.then_some((name, &**call))
        }
        _ => None,
    }
}
