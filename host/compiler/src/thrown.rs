//! Where an error is made: `throw new Error(…)`.
//!
//! QuickJS reports a call at the last name that stands in its arguments, which in an error's text may be some lines below.
//! So the arguments are worked out first, and the error is made in a function that has no name but its class in it:
//!
//! ```text
//! new Error(`no ${name}`)   ->   (function () { return new Error(...this); }).call([`no ${name}`])
//! ```

use oxc::ast::AstKind;
use oxc::ast::ast::{Argument, Expression, NewExpression};
use oxc::span::{GetSpan, Span};

use crate::Findings;
use crate::job::Job;

pub(crate) fn mark(job: &Job<'_>, findings: &mut Findings<'_>) {
    for node in job.semantic.nodes().iter() {
        let AstKind::NewExpression(made) = node.kind() else {
            continue;
        };
        let (Some(first), Some(last)) = (made.arguments.first(), made.arguments.last()) else {
            continue;
        };
        if is_error(made) && made.arguments.iter().any(has_names) {
            let class = Span::new(made.span.start, made.callee.span().end);
            let arguments = Span::new(first.span().start, last.span().end);
            let edits = &mut findings.edits;
            edits.wrap(class, "(function () { return ", "(...this); }).call");
            edits.wrap(arguments, "[", "]");
        }
    }
}

/// By the name of the class, which is all that a thrown value says of itself here.
fn is_error(made: &NewExpression<'_>) -> bool {
    matches!(&made.callee, Expression::Identifier(class) if class.name.ends_with("Error"))
}

/// Plain text moves no position.
pub(crate) fn has_names(argument: &Argument<'_>) -> bool {
    !matches!(
        argument,
        Argument::StringLiteral(_) | Argument::NumericLiteral(_) | Argument::NullLiteral(_)
    )
}
