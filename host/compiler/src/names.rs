//! Names that nothing declares: operations that do not exist, and variables that were never declared.

use oxc::ast::AstKind;
use oxc::ast::ast::{Expression, Statement};
use oxc::semantic::{Reference, ReferenceId};
use oxc::span::{GetSpan, Span};

use crate::Findings;
use crate::adaptors;
use crate::condition;
use crate::globals::globals;
use crate::job::{Job, Purpose, Root};
use crate::nearest::nearest;

/// Names that jobs expect from other places to run in, and what to use here.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "require",
        "a job cannot load modules; use its adaptor's operations and the common ones",
    ),
    (
        "fetch",
        "use the adaptor `http`: get(url), post(url, { body })",
    ),
    (
        "process",
        "settings and secrets of a job are in state.configuration",
    ),
    (
        "Buffer",
        "for text and base64 use util.encode and util.decode",
    ),
    (
        "parseXML",
        "`http` gives XML as text; the whole package can be imported: fonio adaptor import @openfn/language-http",
    ),
];

/// What OpenFn's common package exports and the common operations here leave out, because it is whole libraries.
const IN_COMMON: &[&str] = &["_", "dateFns", "http", "validate"];

/// Old jobs assign to variables that they never declare. In a module that would throw, so these are declared here,
/// on the first line.
pub(crate) fn declare_assigned(job: &Job<'_>, findings: &mut Findings<'_>) {
    let assigned: Vec<&str> = undeclared(job)
        .filter(|name| name.assigned.is_some())
        .map(|name| name.name)
        .collect();
    let Some(first) = job.program.body.first() else {
        return;
    };
    if !assigned.is_empty() {
        // As an outermost span, so that it opens before anything else there does.
        let span = Span::new(first.span().start, u32::MAX);
        findings
            .edits
            .wrap(span, &format!("var {}; ", assigned.join(", ")), "");
    }
}

pub(crate) fn check(job: &Job<'_>, findings: &mut Findings<'_>) {
    for name in undeclared(job) {
        if let Some(at) = name.assigned {
            let message = format!("`{}` is assigned but never declared", name.name);
            findings.warn(at, message, format!("declare it: let {};", name.name));
        } else if let Some(at) = name.called.filter(|_| !name.asked_for) {
            let (message, help) = unknown_operation(job, name.name);
            findings.problem(at, message, help);
        } else if let Some(at) = name.read
            && IN_COMMON.contains(&name.name)
            && job.purpose == Purpose::Operations
        {
            let (message, help) = unknown_operation(job, name.name);
            findings.problem(at, message, help);
        } else if let Some(at) = name.read {
            let help = help(job, name.name);
            findings.warn(
                at,
                format!("`{}` is not defined; reading it will fail", name.name),
                help,
            );
        }
    }
}

/// Calls of what a namespace of the adaptor does not have: `http.gett('/')`.
pub(crate) fn check_members(job: &Job<'_>, findings: &mut Findings<'_>) {
    for node in job.semantic.nodes().iter() {
        let AstKind::CallExpression(call) = node.kind() else {
            continue;
        };
        let Expression::StaticMemberExpression(member) = call.callee.without_parentheses() else {
            continue;
        };
        let (Expression::Identifier(_), Root::Free(namespace)) =
            (&member.object, job.root(&member.object))
        else {
            continue;
        };
        let whole = format!("{namespace}.{}", member.property.name);
        if job.has_members(namespace) && !job.known.contains(whole.as_str()) {
            let (message, help) = unknown_operation(job, &whole);
            findings.problem(member.span.start, message, help);
        }
    }
}

/// The message and the help for a name that is used as an operation.
pub(crate) fn unknown_operation(job: &Job<'_>, name: &str) -> (String, Option<String>) {
    let message = if job.purpose == Purpose::Condition {
        format!(
            "`{name}` is not there: a condition has `state` and `upstreamStepId`, and no operations"
        )
    } else if IN_COMMON.contains(&name) {
        format!("`{name}` is not among the common operations of this host")
    } else {
        format!("`{name}` is not an operation of this job's adaptor or a common operation")
    };
    (message, help(job, name))
}

/// The names that nothing declares.
pub(crate) fn undeclared_names<'a>(job: &Job<'a>) -> impl Iterator<Item = &'a str> {
    undeclared(job).map(|name| name.name)
}

/// An undeclared name, with the offsets of its first uses.
struct Undeclared<'a> {
    name: &'a str,
    assigned: Option<u32>,
    called: Option<u32>,
    read: Option<u32>,
    /// The job asks by `typeof` whether it exists, so it may well not.
    asked_for: bool,
}

/// In order of the first use.
fn undeclared<'a>(job: &Job<'a>) -> impl Iterator<Item = Undeclared<'a>> {
    let references = job.semantic.scoping().root_unresolved_references();
    let mut names: Vec<Undeclared<'a>> = references
        .iter()
        .filter_map(|(_, references)| {
            let name = name_of(job, *references.first()?)?;
            let exists = job.known.contains(name) || job.is_builtin(name) || is_handled(job, name);
            (!exists).then(|| uses(job, name, references))
        })
        .collect();
    names.sort_by_key(|name| {
        [name.assigned, name.called, name.read]
            .into_iter()
            .flatten()
            .min()
    });
    names.into_iter()
}

/// `$` is the lazy state, and `none` alone is a job that does nothing.
fn is_handled(job: &Job<'_>, name: &str) -> bool {
    !job.is_compiled() && (name == "$" || (name == "none" && job.program.body.len() == 1))
}

fn name_of<'a>(job: &Job<'a>, reference: ReferenceId) -> Option<&'a str> {
    let node = job.semantic.scoping().get_reference(reference).node_id();
    match job.semantic.nodes().kind(node) {
        AstKind::IdentifierReference(identifier) => Some(identifier.name.as_str()),
        _ => None,
    }
}

fn uses<'a>(job: &Job<'a>, name: &'a str, references: &[ReferenceId]) -> Undeclared<'a> {
    let mut uses = Undeclared {
        name,
        assigned: None,
        called: None,
        read: None,
        asked_for: false,
    };
    for reference in references {
        let reference = job.semantic.scoping().get_reference(*reference);
        let at = job.semantic.reference_span(reference).start;
        let slot = match kind(job, reference) {
            Use::Assigned => &mut uses.assigned,
            Use::Called => &mut uses.called,
            Use::Read => &mut uses.read,
            Use::Harmless => {
                uses.asked_for = true;
                continue;
            }
        };
        *slot = Some(slot.map_or(at, |first| first.min(at)));
    }
    uses
}

enum Use {
    Assigned,
    Called,
    Read,
    /// `typeof name` is how one asks whether a name exists.
    Harmless,
}

fn kind(job: &Job<'_>, reference: &Reference) -> Use {
    let node = reference.node_id();
    let span = job.semantic.reference_span(reference);
    match job.semantic.nodes().parent_kind(node) {
        _ if reference.is_write() => Use::Assigned,
        AstKind::CallExpression(call) if call.callee.span() == span => Use::Called,
        AstKind::UnaryExpression(unary) if unary.operator.is_typeof() => Use::Harmless,
        _ if starts_operation(job, span) => Use::Called,
        _ => Use::Read,
    }
}

/// Whether a name is the `http` of `http.get('/')` at the top level.
fn starts_operation(job: &Job<'_>, name: Span) -> bool {
    let at = job
        .program
        .body
        .partition_point(|statement| statement.span().end <= name.start);
    let Some(Statement::ExpressionStatement(statement)) = job.program.body.get(at) else {
        return false;
    };
    let Expression::CallExpression(call) = statement.expression.without_parentheses() else {
        return false;
    };
    call.callee.span().start == name.start && matches!(job.root(&call.callee), Root::Free(_))
}

fn help(job: &Job<'_>, name: &str) -> Option<String> {
    if job.purpose == Purpose::Condition {
        return did_you_mean(job, name);
    }
    if let Some((_, help)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) {
        return Some((*help).to_owned());
    }
    if IN_COMMON.contains(&name) {
        return Some(help_in_common(job, name));
    }
    if let Some(having) = adaptors::with_operation(name) {
        return Some(format!(
            "adaptors that have it: {having}; name the adaptor in the project's `adaptor:`, or after `fonio run -a`"
        ));
    }
    did_you_mean(job, name)
}

fn help_in_common(job: &Job<'_>, name: &str) -> String {
    let package = format!("{}common", adaptors::PACKAGE);
    let import =
        format!("it is in {package}, which can be imported: fonio adaptor import {package}");
    if name == "http" && job.known.contains("get") {
        format!(
            "operations of the adaptor are called by their own names, as in get('/'); or {import}"
        )
    } else {
        import
    }
}

/// The nearest name that exists.
pub(crate) fn did_you_mean(job: &Job<'_>, name: &str) -> Option<String> {
    let scoping = job.semantic.scoping();
    let declared = scoping
        .get_bindings(scoping.root_scope_id())
        .values()
        .map(|symbol| scoping.symbol_name(*symbol));
    let seen: &[&str] = match job.purpose {
        Purpose::Operations => &[],
        Purpose::Condition => condition::SEEN,
    };
    let candidates = job.known.iter().copied().chain(globals());
    let candidates = candidates.chain(declared).chain(seen.iter().copied());
    nearest(name, candidates).map(|nearest| format!("did you mean `{nearest}`?"))
}
