//! Imports from `@openfn/…` go: operations are globals of the runtime. Imports from anywhere else are refused.

use oxc::ast::AstKind;
use oxc::ast::ast::{
    BindingIdentifier, ImportDeclaration, ImportDeclarationSpecifier, Statement, StringLiteral,
};
use oxc::span::{GetSpan, Span};

use crate::Findings;
use crate::adaptors;
use crate::job::Job;
use crate::names;
use crate::nearest::nearest;

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

/// A package that no adaptor is known by is taken for one of the project's own, unless it reads like a slip.
fn check_package(source: &StringLiteral<'_>, findings: &mut Findings<'_>) {
    let package = source.value.as_str();
    let Some(short) = package.strip_prefix(adaptors::PACKAGE) else {
        return;
    };
    if adaptors::is_package(package) {
        return;
    }
    let names: Vec<String> = adaptors::packages().collect();
    let shorts = names
        .iter()
        .filter_map(|name| name.strip_prefix(adaptors::PACKAGE));
    if let Some(meant) = nearest(short, shorts) {
        findings.problem(
            source.span.start,
            format!("there is no adaptor `{package}`"),
            format!("did you mean `{}{meant}`?", adaptors::PACKAGE),
        );
    }
}

fn drop_export(job: &Job<'_>, source: &StringLiteral<'_>, span: Span, findings: &mut Findings<'_>) {
    if is_adaptor(source) {
        check_package(source, findings);
        findings.edits.replace(job.source(), span, "");
    } else {
        refuse(source.value.as_str(), span, findings);
    }
}

/// Puts constants in the place of an import for the names that are not simply those of the operations.
fn bind(job: &Job<'_>, import: &ImportDeclaration<'_>, findings: &mut Findings<'_>) {
    check_package(&import.source, findings);
    let mut constants = String::new();
    for specifier in import.specifiers.iter().flatten() {
        let local = specifier.local().name.as_str();
        let value = match specifier {
            ImportDeclarationSpecifier::ImportDefaultSpecifier(_)
            | ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => {
                check_members(job, specifier.local(), findings);
                "globalThis"
            }
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

/// `http.gett` of an `import * as http` is no operation, and at run time all that is said is "not a function".
fn check_members(job: &Job<'_>, namespace: &BindingIdentifier<'_>, findings: &mut Findings<'_>) {
    for reference in job
        .semantic
        .scoping()
        .get_resolved_references(namespace.symbol_id())
    {
        let object = job.semantic.reference_span(reference);
        let Some(AstKind::StaticMemberExpression(member)) = job.around(reference.node_id()).next()
        else {
            continue;
        };
        let name = member.property.name.as_str();
        if member.object.span() == object && !job.known.contains(name) && !job.is_builtin(name) {
            let (message, help) = names::unknown_operation(job, name);
            findings.problem(member.property.span.start, message, help);
        }
    }
}
