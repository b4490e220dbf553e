//! What a person sees while a command works: numbered steps, what each did, how long it took. On standard error.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// The steps of one command.
pub struct Progress {
    total: usize,
    at: usize,
    quiet: bool,
}

impl Progress {
    pub fn of(total: usize) -> Progress {
        Progress {
            total,
            at: 0,
            quiet: false,
        }
    }

    /// Says nothing unless something fails.
    pub fn quiet() -> Progress {
        Progress {
            total: 0,
            at: 0,
            quiet: true,
        }
    }

    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Announces the next step, does it, and says how long it took.
    pub fn step<T>(
        &mut self,
        what: &str,
        work: impl FnOnce(&Progress) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.at += 1;
        if !self.quiet {
            eprintln!(
                "{} {}",
                dim(&format!("[{}/{}]", self.at, self.total)),
                bold(what)
            );
        }
        let started = Instant::now();
        let result = work(self)?;
        if !self.quiet {
            eprintln!("      {}", dim(&duration(started.elapsed())));
        }
        Ok(result)
    }

    /// A line about the step that is under way.
    pub fn say(&self, line: impl Display) {
        if !self.quiet {
            eprintln!("      {line}");
        }
    }
}

/// Three figures that a person can compare: `8 ms`, `2.4 s`, `1 min 40 s`.
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// `312 KiB`, `1.2 MiB`.
pub fn size(bytes: u64) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    }
}

pub fn bold(text: &str) -> String {
    styled("1", text)
}

pub fn dim(text: &str) -> String {
    styled("2", text)
}

pub fn green(text: &str) -> String {
    styled("32", text)
}

pub fn red(text: &str) -> String {
    styled("31", text)
}

/// Both streams must be terminals: what one command prints is spread over the two.
fn styled(code: &str, text: &str) -> String {
    let colours = std::io::stdout().is_terminal()
        && std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none();
    if colours {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_unit_a_person_would_choose() {
        assert_eq!(duration(Duration::from_millis(8)), "8 ms");
        assert_eq!(duration(Duration::from_millis(2_440)), "2.4 s");
        assert_eq!(duration(Duration::from_secs(100)), "1 min 40 s");
        assert_eq!(size(1), "1 KiB");
        assert_eq!(size(1_258_291), "1.2 MiB");
    }
}
