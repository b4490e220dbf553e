//! The lines of jobs, shown to whoever runs them as they are written.

use fonio_sandbox::{Listener, LogLine};

use crate::cli::paint;

/// On standard error.
#[derive(Debug)]
pub(super) struct ToPerson;

impl Listener for ToPerson {
    fn hear(&self, line: &LogLine) {
        paint::log_line(line.level, &line.message);
    }
}
