//! Parsing, and what the parser has to say.

use oxc::allocator::Allocator;
use oxc::ast::ast::{Expression, Program};
use oxc::diagnostics::{Diagnostics, OxcDiagnostic, Severity};
use oxc::parser::{ParseOptions, Parser};
use oxc::semantic::{Semantic, SemanticBuilder};
use oxc::span::{GetSpan, SourceType};

use crate::Problem;
use crate::position::Lines;

const END_OF_JOB: &str = "the end of the job";
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

/// Where the one expression ends that a text is, before comments and white space.
///
/// # Errors
/// Every syntax error; a second expression is one, too.
pub(crate) fn one_expression(source: &str, lines: &Lines<'_>) -> Result<u32, Vec<Problem>> {
    let allocator = Allocator::default();
    let parsed: Result<Expression<'_>, _> =
        Parser::new(&allocator, source, SourceType::mjs()).parse_expression();
    parsed
        .map(|expression| expression.span().end)
        .map_err(|diagnostics| {
            errors(diagnostics)
                .iter()
                .map(|diagnostic| problem(diagnostic, lines, false))
                .map(|found| Problem {
                    message: found
                        .message
                        .replace(END_OF_JOB, "the end of the condition"),
                    ..found
                })
                .collect()
        })
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
    // What misses its end is missed at the end of the text, not on the empty line after it.
    let label = diagnostic.labels.first();
    let offset = label.map_or(0, |label| label.offset()).min(lines.end());
    let help = match (sloppy, diagnostic.help.as_deref()) {
        (true, Some(help)) => Some(format!("{SLOPPY}. {help}")),
        (true, None) => Some(SLOPPY.to_owned()),
        (false, Some(help)) => Some(help.to_owned()),
        (false, None) => None,
    };
    Problem {
        unclosed: unclosed(diagnostic, lines),
        ..lines.problem(offset, message(diagnostic), help)
    }
}

/// What the parser says, with the label of the place unless that says it again.
fn message(diagnostic: &OxcDiagnostic) -> String {
    let text = diagnostic.message.replace("`EOF`", END_OF_JOB);
    let label = diagnostic.labels.first().and_then(|label| label.label());
    match label.filter(|label| !label.ends_with("expected")) {
        Some(label) => format!("{text}: {label}"),
        None => text,
    }
}

/// Where the bracket stands that is not closed.
fn unclosed(diagnostic: &OxcDiagnostic, lines: &Lines<'_>) -> Option<(u32, u32)> {
    let opened = diagnostic.labels.get(1)?;
    (opened.label() == Some("Opened here")).then(|| lines.position(opened.offset()))
}
