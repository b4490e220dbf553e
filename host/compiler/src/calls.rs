//! Where an operation stands: `post('/x', { … })` over several lines.
//!
//! QuickJS reports a call at the last name that stands in its arguments. An operation remembers where it was called, for
//! the errors that it gives later, and would remember a line below its own. So, as for errors that are made
//! ([`crate::thrown`]), the arguments are worked out first, and the call is made in a function that has no other name in
//! it:
//!
//! ```text
//! post('/x', {              (function () { return post(...this); }).call(['/x', {
//!   a: dataValue('a'),  ->    a: dataValue('a'),
//! })                        }])
//! ```

use oxc::ast::AstKind;
use oxc::ast::ast::{Argument, CallExpression, Expression};
use oxc::span::{GetSpan, Span};

use crate::Findings;
use crate::job::{Job, Root};
use crate::thrown::has_names;

/// Before the lazy state is written into the arguments: of equal spans, the first is the outer one.
pub(crate) fn mark(job: &Job<'_>, findings: &mut Findings<'_>) {
    for node in job.semantic.nodes().iter() {
        let AstKind::CallExpression(call) = node.kind() else {
            continue;
        };
        if let (Some(arguments), true) = (below(job, call), is_operation(job, call)) {
            let edits = &mut findings.edits;
            edits.wrap(
                call.callee.span(),
                "(function () { return ",
                "(...this); }).call",
            );
            edits.wrap(arguments, "[", "]");
        }
    }
}

/// `post(…)` or `http.post(…)`; not `post(…).then(…)`.
fn is_operation(job: &Job<'_>, call: &CallExpression<'_>) -> bool {
    let plain = match &call.callee {
        Expression::Identifier(_) => true,
        Expression::StaticMemberExpression(member) => {
            matches!(member.object, Expression::Identifier(_))
        }
        _ => false,
    };
    plain
        && !call.optional
        && matches!(job.root(&call.callee), Root::Free(name) if job.known.contains(name))
}

/// The names in a function are its own business.
fn moves(argument: &Argument<'_>) -> bool {
    let function = matches!(
        argument,
        Argument::ArrowFunctionExpression(_) | Argument::FunctionExpression(_)
    );
    !function && has_names(argument)
}

/// The span of the arguments, if a name stands in them on a line below the callee's.
fn below(job: &Job<'_>, call: &CallExpression<'_>) -> Option<Span> {
    let (first, last) = (call.arguments.first()?, call.arguments.last()?);
    let arguments = Span::new(first.span().start, last.span().end);
    let text = Span::new(call.callee.span().end, arguments.end).source_text(job.source());
    (text.contains('\n') && call.arguments.iter().any(moves)).then_some(arguments)
}
