//! Where operations are told to go, as far as the job itself says it: `post('https://api.example.org/patients', …)`.
//!
//! The host compares this with what a project grants before anything runs, and warns. So it is only what is certain: a
//! text in a record (`system: 'http://hl7.org/…'`), in a function's body or in a helper's arguments is most often no
//! address to ask.

use oxc::ast::ast::{BinaryOperator, CallExpression, Expression, Statement};
use oxc::span::GetSpan;

use crate::job::{Job, Root};
use crate::{Address, Findings};

/// Common operations that are given others to run.
const RUN_OTHERS: &[&str] = &["each", "beta.each", "fnIf", "execute", "combine"];

pub(crate) fn collect(job: &Job<'_>, findings: &mut Findings<'_>) {
    for statement in &job.program.body {
        if let Statement::ExpressionStatement(statement) = statement {
            operation(job, &statement.expression, findings);
        }
    }
}

/// Of an operation and what it is chained with.
fn operation<'a>(job: &Job<'a>, expression: &Expression<'a>, findings: &mut Findings<'_>) {
    let Expression::CallExpression(call) = expression.without_parentheses() else {
        return;
    };
    if let Some(first) = chained_to(call) {
        operation(job, first, findings);
        inner(job, call, findings);
        return;
    }
    let known = matches!(job.root(&call.callee), Root::Free(name) if job.known.contains(name));
    let name = call.callee.span().source_text(job.source());
    if RUN_OTHERS.contains(&name) {
        inner(job, call, findings);
    } else if known {
        arguments(call, name, findings);
    }
}

/// What `.then(…)` or `.catch(…)` is called on.
fn chained_to<'c, 'a>(call: &'c CallExpression<'a>) -> Option<&'c Expression<'a>> {
    let Expression::StaticMemberExpression(member) = call.callee.without_parentheses() else {
        return None;
    };
    let chains = matches!(member.property.name.as_str(), "then" | "catch" | "finally");
    chains.then_some(&member.object)
}

/// The operations among the arguments.
fn inner<'a>(job: &Job<'a>, call: &CallExpression<'a>, findings: &mut Findings<'_>) {
    let given = call.arguments.iter();
    for argument in given.filter_map(|argument| argument.as_expression()) {
        operation(job, argument, findings);
    }
}

fn arguments(call: &CallExpression<'_>, name: &str, findings: &mut Findings<'_>) {
    let given = call.arguments.iter();
    for argument in given.filter_map(|argument| argument.as_expression()) {
        let Some(literal) = literal(argument).filter(Literal::is_address) else {
            continue;
        };
        let (line, column) = findings.lines.position(literal.start);
        findings.addresses.push(Address {
            operation: name.to_owned(),
            text: literal.text.to_owned(),
            line,
            column,
        });
    }
}

/// What a text begins with.
struct Literal<'a> {
    text: &'a str,
    /// Something that is worked out comes behind it.
    goes_on: bool,
    start: u32,
}

impl Literal<'_> {
    /// Whether it has a scheme and a whole host: where more comes behind, that must not be a part of the host.
    fn is_address(&self) -> bool {
        let Some((scheme, rest)) = self.text.split_once("://") else {
            return false;
        };
        let ends = rest.find(['/', '?', '#']);
        let host = &rest[..ends.unwrap_or(rest.len())];
        ["http", "https"].contains(&scheme) && !host.is_empty() && (ends.is_some() || !self.goes_on)
    }
}

/// Of a text, one that is put together, or a function of state that gives one.
fn literal<'a>(expression: &'a Expression<'_>) -> Option<Literal<'a>> {
    match expression.without_parentheses() {
        Expression::StringLiteral(text) => Some(Literal {
            text: text.value.as_str(),
            goes_on: false,
            start: text.span.start,
        }),
        Expression::TemplateLiteral(template) => Some(Literal {
            text: template.quasis.first()?.value.cooked.as_ref()?.as_str(),
            goes_on: !template.expressions.is_empty(),
            start: template.span.start,
        }),
        Expression::BinaryExpression(sum) if sum.operator == BinaryOperator::Addition => {
            let first = literal(&sum.left)?;
            Some(Literal {
                goes_on: true,
                ..first
            })
        }
        Expression::ArrowFunctionExpression(function) => literal(function.get_expression()?),
        _ => None,
    }
}
