//! What the steps in flight have written so far, for whoever watches. It is in memory, on the host that runs them: what is
//! kept of a step is stored when it ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fonio_sandbox::{Listener, LogLine};
use fonio_store::{StepDetail, StepId, StepState};

use crate::runner::stored_line;

/// Lines of one step, and the bytes of their text: as many as a person reads while it runs. The rest is seen at its end.
const LINES_MAX: usize = 1_000;
const BYTES_MAX: usize = 256 << 10;

/// Of the steps of a project.
#[derive(Debug, Default)]
pub struct Progress(Mutex<BTreeMap<StepId, Arc<Written>>>);

/// What one step has written: without secrets already, and without what is beyond its `log` limit.
#[derive(Debug, Default)]
struct Written(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    first: Vec<fonio_store::LogLine>,
    bytes: usize,
    full: bool,
}

/// One step, until this is dropped.
#[derive(Debug)]
pub struct Watched<'p> {
    progress: &'p Progress,
    step: StepId,
    written: Arc<Written>,
}

impl Progress {
    /// Begins to listen to a step.
    pub fn watch(&self, step: StepId) -> Watched<'_> {
        let written = Arc::new(Written::default());
        self.all().insert(step, Arc::clone(&written));
        Watched {
            progress: self,
            step,
            written,
        }
    }

    /// Gives those of the steps that run here what they have written so far.
    pub fn add_to(&self, steps: &mut [StepDetail]) {
        let running = |step: &&mut StepDetail| step.status == StepState::Running;
        for step in steps.iter_mut().filter(running) {
            let written = self.all().get(&step.id).cloned();
            if let Some(written) = written {
                step.log.clone_from(&written.lines().first);
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<StepId, Arc<Written>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched<'_> {
    /// Who is to hear what it writes.
    pub fn listener(&self) -> Arc<dyn Listener> {
        Arc::clone(&self.written) as Arc<dyn Listener>
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let mut all = self.progress.all();
        // One that was put off may have begun again before this attempt is quite over.
        if all
            .get(&self.step)
            .is_some_and(|it| Arc::ptr_eq(it, &self.written))
        {
            all.remove(&self.step);
        }
    }
}

impl Written {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Written {
    fn hear(&self, line: &LogLine) {
        let mut lines = self.lines();
        lines.bytes = lines.bytes.saturating_add(line.message.len());
        // With the first that is left out it ends, so that what is shown is the beginning of what is stored.
        lines.full |= lines.first.len() >= LINES_MAX || lines.bytes > BYTES_MAX;
        if !lines.full {
            lines.first.push(stored_line(line.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fonio_sandbox::Level;

    fn hear(watched: &Watched<'_>, message: &str) {
        watched.listener().hear(&LogLine {
            at_ms: 0,
            level: Level::Info,
            message: message.to_owned(),
        });
    }

    fn shown(progress: &Progress, status: StepState) -> Vec<String> {
        let mut steps = [StepDetail {
            id: StepId(1),
            job: "job".to_owned(),
            status,
            attempt: 1,
            exit_code: None,
            error: None,
            input: None,
            output: None,
            started_ms: None,
            finished_ms: None,
            due_ms: None,
            parked_on: None,
            log: Vec::new(),
            earlier: Vec::new(),
        }];
        progress.add_to(&mut steps);
        let lines = steps[0].log.iter();
        lines.map(|line| line.message.clone()).collect()
    }

    #[test]
    fn a_step_shows_what_it_has_written_while_it_runs_and_no_longer() {
        let progress = Progress::default();
        let first = progress.watch(StepId(1));
        hear(&first, "one");
        assert_eq!(shown(&progress, StepState::Running), ["one"]);
        assert!(shown(&progress, StepState::Waiting).is_empty());
        let again = progress.watch(StepId(1));
        drop(first);
        hear(&again, "two");
        assert_eq!(shown(&progress, StepState::Running), ["two"]);
        drop(again);
        assert!(shown(&progress, StepState::Running).is_empty());
    }

    #[test]
    fn what_is_shown_of_a_flood_is_its_beginning() {
        let progress = Progress::default();
        for (line, shown_lines) in [("short", LINES_MAX), (&"x".repeat(100 << 10), 2)] {
            let watched = progress.watch(StepId(1));
            (0..2 * LINES_MAX).for_each(|_| hear(&watched, line));
            hear(&watched, "");
            let shown = shown(&progress, StepState::Running);
            assert_eq!(shown.len(), shown_lines);
            assert!(shown.iter().all(|shown| shown == line));
        }
    }
}
