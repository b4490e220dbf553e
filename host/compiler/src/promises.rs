//! `.then`, `.catch` and `.finally` on an operation. An operation is a function of state, not a promise, so the chain
//! is put off until the operation has run:
//!
//! ```text
//! get('/').then(a).catch(b)   ->   __defer(get('/'), __promise => __promise.then(a).catch(b))
//! get('/').catch(b)           ->   __defer(get('/'), undefined, b)               b is called with (error, state)
//! get('/').catch(b).then(a)   ->   __defer(__defer(get('/'), undefined, b), __promise => __promise.then(a))
//! ```
//!
//! At top scope only: inside a function or a block, `.then` belongs to a promise.

use oxc::ast::AstKind;
use oxc::ast::ast::{CallExpression, Expression};
use oxc::semantic::NodeId;
use oxc::span::{GetSpan, Span};

use crate::Findings;
use crate::job::{Job, Root};

pub(crate) fn defer(job: &Job<'_>, findings: &mut Findings<'_>) {
    for node in job.semantic.nodes().iter() {
        let AstKind::CallExpression(outermost) = node.kind() else {
            continue;
        };
        let Some(links) = links(outermost) else {
            continue;
        };
        if is_operation(job, &links) && is_outermost(job, node.id()) && is_top_scope(job, node.id())
        {
            rewrite(job, outermost.span, &links, findings);
        }
    }
}

/// One `.then(…)`: the call, and what it is called on, with the parentheses around that.
struct Link<'a> {
    call: &'a CallExpression<'a>,
    object: &'a Expression<'a>,
    is_catch: bool,
}

fn link<'a>(call: &'a CallExpression<'a>) -> Option<Link<'a>> {
    let Expression::StaticMemberExpression(member) = call.callee.without_parentheses() else {
        return None;
    };
    let name = member.property.name.as_str();
    matches!(name, "then" | "catch" | "finally").then_some(Link {
        call,
        object: &member.object,
        is_catch: name == "catch",
    })
}

/// The two links next to the operation; the others stay as they are.
struct Links<'a> {
    first: Link<'a>,
    second: Option<Link<'a>>,
}

fn links<'a>(outermost: &'a CallExpression<'a>) -> Option<Links<'a>> {
    let mut links = Links {
        first: link(outermost)?,
        second: None,
    };
    while let Expression::CallExpression(call) = links.first.object.without_parentheses()
        && let Some(next) = link(call)
    {
        links.second = Some(std::mem::replace(&mut links.first, next));
    }
    Some(links)
}

/// Promises of builtins are promises already.
fn is_operation(job: &Job<'_>, links: &Links<'_>) -> bool {
    let Expression::CallExpression(call) = links.first.object.without_parentheses() else {
        return false;
    };
    match job.root(&call.callee) {
        Root::Free(name) => name != "$" && !job.is_builtin(name),
        Root::Declared(_) => true,
        Root::Value => false,
    }
}

/// Whether no further link follows. What is awaited on the spot is a promise, too.
fn is_outermost(job: &Job<'_>, node: NodeId) -> bool {
    let mut around = job
        .around(node)
        .filter(|kind| !matches!(kind, AstKind::ParenthesizedExpression(_)));
    match (around.next(), around.next()) {
        (Some(AstKind::StaticMemberExpression(member)), Some(AstKind::CallExpression(call))) => {
            link(call).is_none_or(|link| link.object.span() != member.object.span())
        }
        (Some(AstKind::AwaitExpression(_)), _) => false,
        _ => true,
    }
}

fn is_top_scope(job: &Job<'_>, node: NodeId) -> bool {
    !job.around(node).any(|kind| {
        kind.is_function_like() || matches!(kind, AstKind::BlockStatement(_) | AstKind::Class(_))
    })
}

fn rewrite(job: &Job<'_>, chain: Span, links: &Links<'_>, findings: &mut Findings<'_>) {
    let first = &links.first;
    let rest = if first.is_catch {
        links.second.as_ref()
    } else {
        Some(first)
    };
    if let Some(rest) = rest {
        findings.edits.wrap(chain, "__defer(", "");
        let from = Span::new(rest.object.span().end, chain.end);
        findings.edits.wrap(from, ", __promise => __promise", ")");
    }
    if first.is_catch {
        findings.edits.wrap(first.call.span, "__defer(", "");
        let arguments = first
            .call
            .arguments
            .first()
            .map_or(first.call.span.end - 1, |argument| argument.span().start);
        let from = Span::new(first.object.span().end, arguments);
        findings.edits.replace(job.source(), from, ", undefined, ");
    }
}
