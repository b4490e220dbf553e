//! Every top-level call becomes an operation: a thunk that the runtime calls after the whole module is evaluated, with
//! the author's line. Everything else at the top level stays the module code it is.

use oxc::ast::ast::{CallExpression, Expression, ExpressionStatement, Statement};
use oxc::span::GetSpan;

use crate::Findings;
use crate::job::{Job, Root};

pub(crate) fn collect(job: &Job<'_>, findings: &mut Findings<'_>) {
    if let Some(statement) = no_operation(job) {
        findings.edits.replace(job.source(), statement.span, "");
        return;
    }
    for statement in &job.program.body {
        let Statement::ExpressionStatement(statement) = statement else {
            continue;
        };
        match statement.expression.without_parentheses() {
            Expression::CallExpression(call) => {
                refuse_builtin(job, call, findings);
                wrap(job, statement, findings);
            }
            Expression::SequenceExpression(_)
            | Expression::LogicalExpression(_)
            | Expression::ConditionalExpression(_) => findings.warn(
                statement.span.start,
                "this statement is not an operation: its value is not used",
                "make each operation a statement of its own; for a condition, use fnIf".to_owned(),
            ),
            _ => {}
        }
    }
}

/// The old dialect's way to say that a job does nothing: the one word `none`.
fn no_operation<'a>(job: &Job<'a>) -> Option<&'a ExpressionStatement<'a>> {
    match job.program.body.as_slice() {
        [Statement::ExpressionStatement(statement)]
            if statement.expression.is_specific_id("none") =>
        {
            Some(statement)
        }
        _ => None,
    }
}

fn wrap(job: &Job<'_>, statement: &ExpressionStatement<'_>, findings: &mut Findings<'_>) {
    let line = findings.lines.line(statement.span.start);
    // Without its own semicolon the statement could swallow a next line that begins with a parenthesis.
    let terminator = if statement.span.source_text(job.source()).ends_with(';') {
        ""
    } else {
        ";"
    };
    let span = statement.expression.span();
    // In three texts: QuickJS reports the call behind the function's parenthesis, and on a module's first line one column
    // before that; all of it must lead to where the statement starts.
    let edits = &mut findings.edits;
    edits.wrap(span, "__operation(", &format!(", {line}){terminator}"));
    edits.wrap(span, "async () => ", "");
    edits.wrap(span, "(", ")");
}

/// A call of a builtin gives no operation, and at run time the only trace of that is "not a function".
fn refuse_builtin(job: &Job<'_>, call: &CallExpression<'_>, findings: &mut Findings<'_>) {
    let is_builtin = match job.root(&call.callee) {
        Root::Free(name) => job.is_builtin(name),
        Root::Value => call.callee.is_member_expression(),
        Root::Declared(_) => false,
    };
    if is_builtin {
        let callee = call.callee.span().source_text(job.source());
        let callee = callee.lines().next().unwrap_or_default();
        findings.problem(
            call.span.start,
            format!(
                "`{callee}(…)` is not an operation, so it cannot stand at the top level of a job"
            ),
            "wrap it in an operation: fn(state => { …; return state; })".to_owned(),
        );
    }
}
