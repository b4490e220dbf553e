//! The step's log: lines from the job, the adaptor and anything a guest prints, in order, up to the `log` limit.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use fonio_project::{LimitInfo, Limits, steers};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::seal::Seals;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For whoever writes the job.
    Debug,
    /// What happened.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
}

impl Level {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// One line of a step's log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LogLine {
    /// Unix time in milliseconds.
    pub at_ms: i64,
    /// How much it matters.
    pub level: Level,
    /// The text, without terminal escapes.
    pub message: String,
}

/// Who reads the lines as they are written, in order. It is called where the guest waits for it, so it must not take long.
pub trait Listener: std::fmt::Debug + Send + Sync {
    /// A line that the limit lets through.
    fn hear(&self, line: &LogLine);
}

#[derive(Debug, Default)]
struct Lines {
    kept: Vec<LogLine>,
    bytes: u64,
    dropped: u64,
}

/// What all the guests of one step write to.
#[derive(Clone, Debug)]
pub struct StepLog {
    limit_bytes: u64,
    lines: Arc<Mutex<Lines>>,
    listener: Option<Arc<dyn Listener>>,
    seals: Seals,
}

/// Each kept line is charged this on top of its text, so that a flood of empty lines meets the limit too.
const LINE_OVERHEAD_BYTES: u64 = 32;

impl StepLog {
    /// An empty log that keeps up to `limit_bytes`.
    pub fn new(limit_bytes: u64) -> StepLog {
        StepLog {
            limit_bytes,
            lines: Arc::default(),
            listener: None,
            seals: Seals::default(),
        }
    }

    /// Each line is looked through for the secrets of this credential.
    #[must_use]
    pub fn without_secrets(self, seals: Seals) -> StepLog {
        StepLog { seals, ..self }
    }

    /// With someone who reads along.
    #[must_use]
    pub fn heard_by(self, listener: Option<Arc<dyn Listener>>) -> StepLog {
        StepLog { listener, ..self }
    }

    /// Adds a line, or counts it as dropped once the limit is reached.
    pub fn write(&self, level: Level, message: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = message.len() as u64 + LINE_OVERHEAD_BYTES;
        if lines.bytes + cost > self.limit_bytes {
            lines.dropped += 1;
            return;
        }
        lines.bytes += cost;
        self.keep(&mut lines.kept, level, printable(message));
    }

    /// Under the lock, so that lines of guests side by side are heard in the order in which they are kept.
    fn keep(&self, kept: &mut Vec<LogLine>, level: Level, message: String) {
        let line = LogLine {
            at_ms: now_ms(),
            level,
            message: self.seals.redact_line(&message),
        };
        if let Some(listener) = &self.listener {
            listener.hear(&line);
        }
        kept.push(line);
    }

    /// The lines, and a last one that says how many the limit dropped.
    pub fn finish(&self) -> Vec<LogLine> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = std::mem::take(&mut lines.kept);
        if lines.dropped > 0 {
            let limits = Limits {
                log_bytes: self.limit_bytes,
                ..Limits::default()
            };
            let sentence = LimitInfo::named("log")
                .map(|info| info.sentence(&limits))
                .unwrap_or_default();
            let message = format!("{} more lines were dropped: {sentence}", lines.dropped);
            self.keep(&mut kept, Level::Warn, message);
        }
        kept
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// For the terminal of whoever reads the log.
fn printable(message: &str) -> String {
    let keep = |c: char| !steers(c) || c == '\n' || c == '\t';
    if message.chars().all(keep) {
        return message.to_owned();
    }
    message
        .chars()
        .map(|c| if keep(c) { c } else { '\u{fffd}' })
        .collect()
}

/// A guest's standard output or error, line by line into the log.
#[derive(Clone)]
pub(crate) struct Output {
    log: StepLog,
    level: Level,
}

impl Output {
    pub fn new(log: StepLog, level: Level) -> Output {
        Output { log, level }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(LineWriter {
            output: self.clone(),
            partial: Vec::new(),
        })
    }
}

/// A line without an end is cut here, so that a flood without newlines is bounded too.
const LINE_MAX_BYTES: usize = 8 << 10;

struct LineWriter {
    output: Output,
    partial: Vec<u8>,
}

impl LineWriter {
    fn emit(&mut self) {
        let line = std::mem::take(&mut self.partial);
        self.output
            .log
            .write(self.output.level, &String::from_utf8_lossy(&line));
    }
}

impl AsyncWrite for LineWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        for byte in bytes {
            if *byte == b'\n' {
                self.emit();
                continue;
            }
            self.partial.push(*byte);
            if self.partial.len() >= LINE_MAX_BYTES {
                self.emit();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        if !self.partial.is_empty() {
            self.emit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_counted_and_the_last_line_says_so() {
        let log = StepLog::new(100);
        for _ in 0..5 {
            log.write(Level::Info, "0123456789");
        }
        let lines = log.finish();
        assert_eq!(lines.len(), 3);
        assert!(lines[2].message.starts_with(
            "3 more lines were dropped: the step logged more than it may: the limit `log` is"
        ));
    }

    #[test]
    fn terminal_escapes_do_not_reach_the_reader() {
        let log = StepLog::new(1000);
        log.write(Level::Info, "a\u{1b}[2Jb\u{202e}c");
        assert_eq!(log.finish()[0].message, "a\u{fffd}[2Jb\u{fffd}c");
    }
}
