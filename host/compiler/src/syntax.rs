//! Parsing, and what the parser has to say.

use oxc::allocator::Allocator;
use oxc::ast::ast::Program;
use oxc::diagnostics::{Diagnostics, OxcDiagnostic, Severity};
use oxc::parser::{ParseOptions, Parser};
use oxc::semantic::{Semantic, SemanticBuilder};
use oxc::span::SourceType;

use crate::Problem;
use crate::position::Lines;

const SLOPPY: &str =
    "this was allowed in old jobs; jobs are modules now, and modules are always strict";

/// Parses a module of the latest ECMAScript.
///
/// # Errors
/// Every syntax error that was found.
pub(crate) fn parse<'a>(
    allocator: &'a Allocator,
    source: &'a str,
    lines: &Lines<'_>,
) -> Result<(&'a Program<'a>, Semantic<'a>), Vec<Problem>> {
    match analyse(allocator, source, SourceType::mjs()) {
        Ok(job) => Ok(job),
        Err(diagnostics) => {
            let sloppy = analyse(allocator, source, SourceType::script()).is_ok();
            Err(diagnostics
                .iter()
                .map(|diagnostic| problem(diagnostic, lines, sloppy))
                .collect())
        }
    }
}

fn analyse<'a>(
    allocator: &'a Allocator,
    source: &'a str,
    source_type: SourceType,
) -> Result<(&'a Program<'a>, Semantic<'a>), Vec<OxcDiagnostic>> {
    let options = ParseOptions {
        parse_regular_expression: true,
        ..ParseOptions::default()
    };
    let parsed = Parser::new(allocator, source, source_type)
        .with_options(options)
        .parse();
    let panicked = parsed.panicked;
    let syntax = errors(parsed.diagnostics);
    if panicked || !syntax.is_empty() {
        return Err(syntax);
    }
    let program = allocator.alloc(parsed.program);
    let built = SemanticBuilder::new()
        .with_build_nodes(true)
        .with_check_syntax_error(true)
        .build(program);
    match errors(built.diagnostics) {
        errors if errors.is_empty() => Ok((program, built.semantic)),
        errors => Err(errors),
    }
}

fn errors(diagnostics: Diagnostics) -> Vec<OxcDiagnostic> {
    diagnostics
        .into_iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .collect()
}

fn problem(diagnostic: &OxcDiagnostic, lines: &Lines<'_>, sloppy: bool) -> Problem {
    let label = diagnostic.labels.first();
    let message = match label.and_then(|label| label.label()) {
        Some(text) => format!("{}: {text}", diagnostic.message),
        None => diagnostic.message.to_string(),
    };
    let help = match (sloppy, diagnostic.help.as_deref()) {
        (true, Some(help)) => Some(format!("{SLOPPY}. {help}")),
        (true, None) => Some(SLOPPY.to_owned()),
        (false, help) => help.map(str::to_owned),
    };
    lines.problem(label.map_or(0, |label| label.offset()), message, help)
}
