//! Where a declaration such as `const { name } = state.data.patient` fails because there is nothing to take apart.
//!
//! QuickJS puts the code that takes a value apart before the code that makes the value, and reports the failure at
//! whatever stands before both, often on another line. A constant in front of the declaration, which does nothing, makes
//! that the declaration itself.

use oxc::ast::AstKind;
use oxc::ast::ast::VariableDeclaration;
use oxc::span::GetSpan;

use crate::Findings;
use crate::job::Job;

const NOTHING: &str = "0;";

pub(crate) fn mark(job: &Job<'_>, findings: &mut Findings<'_>) {
    for node in job.semantic.nodes().iter() {
        let AstKind::VariableDeclaration(declaration) = node.kind() else {
            continue;
        };
        let is_statement = matches!(
            job.around(node.id()).next(),
            Some(
                AstKind::Program(_)
                    | AstKind::FunctionBody(_)
                    | AstKind::BlockStatement(_)
                    | AstKind::SwitchCase(_)
            )
        );
        if is_statement && takes_apart(declaration) {
            findings.edits.wrap(declaration.span(), NOTHING, "");
        }
    }
}

fn takes_apart(declaration: &VariableDeclaration<'_>) -> bool {
    declaration
        .declarations
        .iter()
        .any(|declarator| declarator.id.is_destructuring_pattern())
}
