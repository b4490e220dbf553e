//! The lazy state `$`: a value that is read when the operation runs.
//!
//! ```text
//! get(`/people/${$.data.id}`)    ->    get(state => (`/people/${state.data.id}`))
//! ```
//!
//! The argument that holds it becomes a function of state, as operations take them. The argument of which call? Of the
//! nearest one, except that builtins and methods of values are looked through, because they take values and not
//! functions of state: in `get(String($.data.id))` the argument of `get` is meant. (OpenFn's compiler stops at `String`,
//! and the job fails: OpenFn/kit#745.)

use std::collections::HashSet;

use oxc::ast::AstKind;
use oxc::ast::ast::{ArrowFunctionExpression, CallExpression};
use oxc::semantic::NodeId;
use oxc::span::{GetSpan, Span};

use crate::Findings;
use crate::job::{Job, Root};

const OUTSIDE: &str = "`$` is only understood in the arguments of an operation";
const WRITE_OUT: &str =
    "in a function write `state`; elsewhere pass a function of state: state => …";
const NO_STATE: &str =
    "`$` stands for `state`, but this function has no single parameter of that name";
const NAME_IT: &str = "call the function's one parameter `state`";

pub(crate) fn rewrite(job: &Job<'_>, findings: &mut Findings<'_>) {
    let mut wrapped = HashSet::new();
    let references = job.semantic.scoping().root_unresolved_references();
    let Some(references) = references
        .iter()
        .find(|(name, _)| name.as_str() == "$")
        .map(|(_, ids)| ids)
    else {
        return;
    };
    for reference in references {
        let reference = job.semantic.scoping().get_reference(*reference);
        let dollar = job.semantic.reference_span(reference);
        match place(job, reference.node_id(), dollar) {
            Ok(Place::Function) => findings.edits.replace(job.source(), dollar, "state"),
            Ok(Place::Argument(argument)) => {
                findings.edits.replace(job.source(), dollar, "state");
                if wrapped.insert(argument) {
                    findings.edits.wrap(argument, "state => (", ")");
                }
            }
            Ok(Place::Table) => findings.warn(dollar.start, OUTSIDE, WRITE_OUT.to_owned()),
            Err(misuse) => findings.problem(dollar.start, misuse.message, misuse.help.to_owned()),
        }
    }
}

/// Where a `$` that is used well may be.
enum Place {
    /// In an arrow function that has the state already.
    Function,
    /// In an argument that becomes a function of state.
    Argument(Span),
    /// In an object literal of a top-level declaration, which is left alone.
    Table,
}

/// What is wrong, and what to do instead.
struct Misuse {
    message: String,
    help: &'static str,
}

fn misuse(message: &str, help: &'static str) -> Misuse {
    Misuse {
        message: message.to_owned(),
        help,
    }
}

fn place(job: &Job<'_>, node: NodeId, dollar: Span) -> Result<Place, Misuse> {
    refuse_bare_or_assigned(job, node, dollar)?;
    let mut around = job.around(node);
    let (mut inner, mut argument) = (None, dollar);
    while let Some(kind) = around.next() {
        match kind {
            AstKind::CallExpression(call) if is_argument(call, argument) => match inner {
                Some(AstKind::ArrowFunctionExpression(arrow)) if takes_state(arrow) => {
                    return Ok(Place::Function);
                }
                _ if takes_values(job, call) => {}
                Some(AstKind::ArrowFunctionExpression(_)) => return Err(misuse(NO_STATE, NAME_IT)),
                _ => return Ok(Place::Argument(argument)),
            },
            AstKind::SpreadElement(_)
                if matches!(around.clone().next(), Some(AstKind::CallExpression(_))) =>
            {
                return Err(misuse("`$` cannot be spread into arguments", WRITE_OUT));
            }
            AstKind::AwaitExpression(_) | AstKind::YieldExpression(_) => {
                return Err(misuse(
                    "`$` cannot be awaited",
                    "await it in an operation: fn(async state => { … })",
                ));
            }
            AstKind::VariableDeclarator(_) if is_table(inner, around.clone()) => {
                return Ok(Place::Table);
            }
            _ if ends_search(kind) => return Err(misuse(OUTSIDE, WRITE_OUT)),
            _ => {}
        }
        argument = kind.span();
        if !matches!(kind, AstKind::ParenthesizedExpression(_)) {
            inner = Some(kind);
        }
    }
    Err(misuse(OUTSIDE, WRITE_OUT))
}

/// Inside a function body or a statement no call is left whose argument could become a function of state.
fn ends_search(kind: AstKind<'_>) -> bool {
    kind.is_statement()
        || kind.is_declaration()
        || matches!(
            kind,
            AstKind::Function(_) | AstKind::Class(_) | AstKind::Program(_)
        )
}

/// `$` alone is nothing, and `$.x` is only ever read.
fn refuse_bare_or_assigned(job: &Job<'_>, node: NodeId, dollar: Span) -> Result<(), Misuse> {
    let mut chain = dollar;
    for kind in job.around(node) {
        let continues = match kind {
            AstKind::StaticMemberExpression(member) => member.object.span() == chain,
            AstKind::ComputedMemberExpression(member) => member.object.span() == chain,
            AstKind::ChainExpression(_) | AstKind::ParenthesizedExpression(_) => true,
            _ => false,
        };
        if continues {
            chain = kind.span();
        } else if chain == dollar {
            return Err(misuse(
                "`$` needs a property of the state after it: $.data",
                WRITE_OUT,
            ));
        } else if is_written(chain, kind) {
            return Err(misuse(
                "`$` cannot be assigned to: it is only read",
                "fn(state => { state.… = …; return state; })",
            ));
        } else {
            break;
        }
    }
    Ok(())
}

fn is_written(chain: Span, parent: AstKind<'_>) -> bool {
    match parent {
        AstKind::AssignmentExpression(assignment) => assignment.left.span() == chain,
        AstKind::AssignmentTargetWithDefault(target) => target.binding.span() == chain,
        AstKind::AssignmentTargetPropertyProperty(target) => target.binding.span() == chain,
        AstKind::UnaryExpression(unary) => unary.operator.is_delete(),
        AstKind::UpdateExpression(_)
        | AstKind::ArrayAssignmentTarget(_)
        | AstKind::AssignmentTargetRest(_) => true,
        _ => false,
    }
}

fn is_argument(call: &CallExpression<'_>, inner: Span) -> bool {
    call.arguments
        .iter()
        .any(|argument| argument.span() == inner)
}

/// Whether a call is of something that takes values: a builtin, or a method of a value. Operations and the job's own
/// functions take functions of state.
fn takes_values(job: &Job<'_>, call: &CallExpression<'_>) -> bool {
    match job.root(&call.callee) {
        Root::Value => true,
        Root::Free(name) => name == "$" || job.is_builtin(name),
        Root::Declared(symbol) => {
            let imported = job.semantic.scoping().symbol_flags(symbol).is_import();
            !imported && call.callee.is_member_expression()
        }
    }
}

/// Whether the one parameter of a function is `state`, exactly.
fn takes_state(arrow: &ArrowFunctionExpression<'_>) -> bool {
    let params = &arrow.params;
    match params.items.as_slice() {
        [only] if params.rest.is_none() && only.initializer.is_none() => only
            .pattern
            .get_binding_identifier()
            .is_some_and(|name| name.name == "state"),
        _ => false,
    }
}

/// Whether a declarator with `value` stands at the top level and its value is an object literal.
fn is_table<'a>(value: Option<AstKind<'a>>, mut around: impl Iterator<Item = AstKind<'a>>) -> bool {
    let is_declaration = |kind: &AstKind<'_>| {
        matches!(
            kind,
            AstKind::VariableDeclaration(_) | AstKind::ExportDeclaration(_)
        )
    };
    matches!(value, Some(AstKind::ObjectExpression(_)))
        && matches!(
            around.find(|kind| !is_declaration(kind)),
            Some(AstKind::Program(_))
        )
}
