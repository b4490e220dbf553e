//! What a person sees: colours only on a terminal, results on standard output, everything else on standard error.

use anstream::{eprint, eprintln};
use anstyle::{AnsiColor, Style};
use fonio_project::{Problem, Severity, in_a_line, printable};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();

/// The log of the program itself, as `FONIO_LOG` asks; warnings and errors by default. A level alone (`debug`) is for
/// our own parts: the engine's debug lines would bury them. What `notify` warns of, whoever exchanges watched folders can
/// have it say without end, and of no folder; what matters of it is said where folders are watched.
pub(crate) fn start_tracing() {
    let asked = std::env::var("FONIO_LOG").unwrap_or_default();
    let directives = match asked.trim() {
        "" => USUAL.to_owned(),
        level
            if level
                .parse::<tracing_subscriber::filter::LevelFilter>()
                .is_ok() =>
        {
            format!(
                "{USUAL},fonio={level},fonio_project={level},fonio_store={level},fonio_sandbox={level}"
            )
        }
        directives => directives.to_owned(),
    };
    let filter = tracing_subscriber::EnvFilter::try_new(&directives)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(USUAL));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .without_time()
        .init();
}

/// What is logged unless `FONIO_LOG` says otherwise.
const USUAL: &str = "warn,notify=error";

/// Why a command failed.
pub(crate) fn error(said: &str) {
    eprintln!("{RED}error{RED:#}{BOLD}:{BOLD:#} {}", printable(said));
}

/// What a command could not do, or found amiss, though it did the rest.
pub(crate) fn warning(said: &str) {
    eprintln!(
        "{YELLOW}warning{YELLOW:#}{BOLD}:{BOLD:#} {}",
        printable(said)
    );
}

/// Something that happened, in a line.
pub(crate) fn event(what: &str, detail: &str) {
    eprintln!("{GREEN}{what:>12}{GREEN:#} {}", printable(detail));
}

/// A line of a job's log.
pub(crate) fn log_line(level: fonio_sandbox::Level, message: &str) {
    let style = style_of(level);
    eprintln!("{style}{:>5}{style:#} {message}", level.as_str());
}

/// A line of a log that is kept, on standard output, where it is the result; `about` is when, and of which job.
pub(crate) fn line_of_log(level: fonio_sandbox::Level, about: &str, message: &str) {
    let style = style_of(level);
    let (about, message) = (in_a_line(about), printable(message));
    let level = level.as_str();
    super::output::write(format_args!(
        "{DIM}{about}{DIM:#} {style}{level:>5}{style:#} {message}\n"
    ));
}

fn style_of(level: fonio_sandbox::Level) -> Style {
    match level {
        fonio_sandbox::Level::Debug => DIM,
        fonio_sandbox::Level::Info => Style::new(),
        fonio_sandbox::Level::Warn => YELLOW,
        fonio_sandbox::Level::Error => RED,
    }
}

/// A problem in a project: what, where, the line itself, what to do.
pub(crate) fn problem(problem: &Problem) {
    let (style, word) = match problem.severity {
        Severity::Error => (RED, "error"),
        Severity::Warning => (YELLOW, "warning"),
    };
    let text = problem.to_string();
    // The plain text begins with the same word; only that word is coloured.
    let rest = text.strip_prefix(word).unwrap_or(&text);
    eprint!("{style}{word}{style:#}{rest}\n\n");
}

/// What a person may want to know, though nothing is wrong.
pub(crate) fn note(said: &str) {
    eprintln!("{GREEN}note{GREEN:#}: {}", printable(said));
}

/// Words in lines of at most `width` characters, each behind `indent` spaces.
pub(crate) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let margin = " ".repeat(indent);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{margin}{word}")),
        }
    }
    lines.join("\n")
}

/// A count with its noun.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
