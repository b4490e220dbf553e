//! Imports from `@openfn/…` go: operations are globals of the runtime. Imports from anywhere else are refused.

use oxc::ast::AstKind;
use oxc::ast::ast::{ImportDeclaration, ImportDeclarationSpecifier, Statement, StringLiteral};
use oxc::span::Span;

use crate::Findings;
use crate::job::Job;
use crate::names;

/// Every package that jobs may name; what it exports are the operations that the runtime defines.
const ADAPTORS: &str = "@openfn/";
/// What OpenFn's own compiler imports into the code it writes, and the name it has here.
const DEFER: (&str, &str, &str) = ("@openfn/runtime", "defer", "__defer");

pub(crate) fn rewrite(job: &Job<'_>, findings: &mut Findings<'_>) {
    for statement in &job.program.body {
        match statement {
            Statement::ImportDeclaration(import) if is_adaptor(&import.source) => {
                bind(job, import, findings)
            }
            Statement::ImportDeclaration(import) => {
                refuse(import.source.value.as_str(), import.span, findings)
            }
            Statement::ExportAllDeclaration(export) => {
                drop_export(job, &export.source, export.span, findings)
            }
            Statement::ExportFromDeclaration(export) => {
                drop_export(job, &export.source, export.span, findings)
            }
            _ => {}
        }
    }
    for node in job.semantic.nodes().iter() {
        if let AstKind::ImportExpression(import) = node.kind() {
            findings.problem(
                import.span.start,
                "a job cannot load modules while it runs",
                only_adaptors(),
            );
        }
    }
}

fn is_adaptor(source: &StringLiteral<'_>) -> bool {
    source.value.starts_with(ADAPTORS)
}

fn refuse(package: &str, span: Span, findings: &mut Findings<'_>) {
    findings.problem(
        span.start,
        format!("a job cannot import `{package}`"),
        only_adaptors(),
    );
}

fn only_adaptors() -> String {
    format!(
        "a job has its adaptor's operations and the common ones, without any import; `{ADAPTORS}…` may be named"
    )
}

fn drop_export(job: &Job<'_>, source: &StringLiteral<'_>, span: Span, findings: &mut Findings<'_>) {
    if is_adaptor(source) {
        findings.edits.replace(job.source(), span, "");
    } else {
        refuse(source.value.as_str(), span, findings);
    }
}

/// Puts constants in the place of an import for the names that are not simply those of the operations.
fn bind(job: &Job<'_>, import: &ImportDeclaration<'_>, findings: &mut Findings<'_>) {
    let mut constants = String::new();
    for specifier in import.specifiers.iter().flatten() {
        let local = specifier.local().name.as_str();
        let value = match specifier {
            ImportDeclarationSpecifier::ImportDefaultSpecifier(_)
            | ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => "globalThis",
            ImportDeclarationSpecifier::ImportSpecifier(named) => {
                match named.imported.name().as_str() {
                    "default" => "globalThis",
                    name if (import.source.value.as_str(), name) == (DEFER.0, DEFER.1) => DEFER.2,
                    name if job.known.contains(name) => name,
                    name => {
                        let (message, help) = names::unknown_operation(job, name);
                        findings.problem(named.span.start, message, help);
                        continue;
                    }
                }
            }
        };
        if local != value {
            constants.push_str(&format!("const {local} = {value};"));
        }
    }
    findings
        .edits
        .replace(job.source(), import.span, &constants);
}
