//! What should be true of a store after any history: the queue, on a screen or two.
//!
//! Each operation has a method here that says what must come of it. `history` plays the same on a real store and compares.
//! A new operation is a variant of `history::Op`, a method here and an arm there.

use std::collections::{BTreeMap, VecDeque};

use fonio_store::{ClaimedStep, Counts, MessageId, RunId, RunStatus, StepId, StepInput, Store};

/// What a step starts from: a message or a state, or nothing.
pub type Input = Option<Vec<u8>>;

/// A step that is open.
#[derive(Debug, Clone)]
pub struct Step {
    pub run: RunId,
    pub input: Input,
    /// How many attempts have ended, each with another to come.
    pub tried: u32,
}

/// A run: of its open steps one is somewhere in the queue, the others are behind it.
#[derive(Debug, Default)]
struct Run {
    message: Option<MessageId>,
    behind: VecDeque<Input>,
    failed: bool,
    ended: Option<RunStatus>,
}

/// What follows a step.
#[derive(Debug, Clone)]
pub enum Following {
    Jobs(usize),
    Leaf,
    End,
    Again { at_ms: i64 },
}

/// What was accepted with a key.
#[derive(Debug, Clone)]
pub struct Keyed {
    pub body: String,
    pub message: MessageId,
    pub runs: Vec<RunId>,
}

/// What should be true of the store.
#[derive(Debug, Default)]
pub struct Model {
    /// Steps that wait, oldest first.
    pub waiting: BTreeMap<StepId, Step>,
    /// With the host that has them.
    pub claimed: BTreeMap<StepId, (usize, Step)>,
    /// With the time at which they are due.
    pub later: BTreeMap<StepId, (i64, Step)>,
    pub keys: BTreeMap<u8, Keyed>,
    bodies: BTreeMap<MessageId, String>,
    runs: BTreeMap<RunId, Run>,
}

impl Model {
    pub fn accepted(&mut self, message: MessageId, body: &str) {
        let before = self.bodies.insert(message, body.to_owned());
        assert_eq!(before, None, "no number is given twice");
    }

    /// A run began with so many first steps, of which `queued` is the one in the queue.
    pub fn began(
        &mut self,
        run: RunId,
        message: Option<MessageId>,
        inputs: Vec<Input>,
        queued: Option<StepId>,
    ) {
        let mut behind = VecDeque::from(inputs);
        let first = behind.pop_front();
        let ended = first.is_none().then_some(RunStatus::Succeeded);
        let new = Run {
            message,
            behind,
            ended,
            failed: false,
        };
        assert!(
            self.runs.insert(run, new).is_none(),
            "no number is given twice"
        );
        self.queue(run, first, queued);
    }

    /// What steps that a message started begin from.
    pub fn body(&self, message: Option<MessageId>) -> Input {
        Some(self.bodies.get(&message?)?.clone().into_bytes())
    }

    pub fn message_of(&self, run: RunId) -> Option<MessageId> {
        self.runs.get(&run).and_then(|run| run.message)
    }

    pub fn has_ended(&self, run: RunId) -> bool {
        self.runs[&run].ended.is_some()
    }

    pub fn runs(&self) -> Vec<RunId> {
        self.runs.keys().copied().collect()
    }

    pub fn claimed(&mut self, host: usize, steps: &[ClaimedStep], max: usize) {
        let expected = max.min(self.waiting.len());
        assert_eq!(steps.len(), expected, "a claim gives as many as wait");
        for claimed in steps {
            let (oldest, step) = self.waiting.pop_first().expect("as many as were claimed");
            assert_eq!(
                (claimed.step, claimed.run),
                (oldest, step.run),
                "the oldest comes first"
            );
            let input = match &claimed.input {
                StepInput::Message { body, .. } | StepInput::Dataclip(body) => Some(body.clone()),
                StepInput::Nothing | StepInput::Lost(_) | StepInput::Event { .. } => None,
            };
            assert_eq!(input, step.input);
            assert!(claimed.attempt > step.tried, "every attempt counts");
            self.claimed.insert(oldest, (host, step));
        }
    }

    pub fn settled(
        &mut self,
        step: StepId,
        following: &Following,
        state: Input,
        failed: bool,
        queued: Option<StepId>,
    ) {
        let (_, mut old) = self.claimed.remove(&step).expect("it was claimed");
        if let Following::Again { at_ms } = following {
            assert_eq!(queued, None, "nothing follows an attempt but another");
            old.tried += 1;
            self.later.insert(step, (*at_ms, old));
            return;
        }
        let run = self.runs.get_mut(&old.run).expect("its run");
        match following {
            Following::Jobs(jobs) => run.behind.extend(vec![state; *jobs]),
            Following::Leaf => run.failed |= failed,
            Following::End | Following::Again { .. } => {
                run.behind.clear();
                run.failed = true;
            }
        }
        let next = run.behind.pop_front();
        if next.is_none() {
            let status = [RunStatus::Succeeded, RunStatus::Failed][usize::from(run.failed)];
            run.ended = Some(status);
        }
        self.queue(old.run, next, queued);
    }

    fn queue(&mut self, run: RunId, input: Option<Input>, queued: Option<StepId>) {
        assert_eq!(
            queued.is_some(),
            input.is_some(),
            "of a run's open steps one is in the queue"
        );
        for (step, input) in queued.into_iter().zip(input) {
            let tried = 0;
            let step_before = self.waiting.insert(step, Step { run, input, tried });
            assert!(step_before.is_none(), "no number is given twice");
        }
    }

    /// How many steps are due at this time; they wait from now on.
    pub fn woke(&mut self, now_ms: i64) -> u64 {
        let due = |due_ms: &i64| *due_ms <= now_ms;
        let woken: Vec<StepId> = self
            .later
            .iter()
            .filter(|(_, (due_ms, _))| due(due_ms))
            .map(|(step, _)| *step)
            .collect();
        for step in &woken {
            let (_, old) = self.later.remove(step).expect("it was found there");
            self.waiting.insert(*step, old);
        }
        woken.len() as u64
    }

    /// Whether it had not ended.
    pub fn cancelled(&mut self, run: RunId) -> bool {
        let Some(Run { ended, behind, .. }) = self.runs.get_mut(&run) else {
            panic!("run {run} never was");
        };
        if ended.is_some() {
            return false;
        }
        *ended = Some(RunStatus::Cancelled);
        behind.clear();
        self.waiting.retain(|_, step| step.run != run);
        self.claimed.retain(|_, (_, step)| step.run != run);
        self.later.retain(|_, (_, step)| step.run != run);
        true
    }

    /// A host is gone: what it had claimed waits again.
    pub fn lost(&mut self, host: usize) {
        let (its, others) = std::mem::take(&mut self.claimed)
            .into_iter()
            .partition(|(_, (owner, _))| *owner == host);
        self.claimed = others;
        let its: BTreeMap<StepId, (usize, Step)> = its;
        self.waiting
            .extend(its.into_iter().map(|(step, (_, old))| (step, old)));
    }

    fn counts(&self) -> Counts {
        let ended = |status| {
            let of_status = |run: &&Run| run.ended == status;
            self.runs.values().filter(of_status).count() as u64
        };
        Counts {
            messages: self.bodies.len() as u64,
            runs: self.runs.len() as u64,
            runs_open: ended(None),
            runs_succeeded: ended(Some(RunStatus::Succeeded)),
            runs_failed: ended(Some(RunStatus::Failed)),
            runs_cancelled: ended(Some(RunStatus::Cancelled)),
            steps_queued: self.waiting.len() as u64,
            steps_running: self.claimed.len() as u64,
            steps_waiting: self.later.len() as u64,
            steps_held: 0,
        }
    }

    /// The counts add up, and every message and every run is as it should be.
    pub async fn check(&self, store: &Store) {
        assert_eq!(store.counts().await.expect("counts"), self.counts());
        for (&message, body) in &self.bodies {
            let stored = store.message(message).await.expect("a read");
            let stored = stored.expect("no message is lost").message.body;
            assert_eq!(stored, body.as_bytes());
        }
        for (&run, expected) in &self.runs {
            let found = store.run(run).await.expect("a read");
            let found = found.expect("no run is lost").run;
            match expected.ended {
                Some(status) => assert_eq!(found.status, status, "run {run}"),
                None => assert!(!found.status.has_ended(), "run {run}: {found:?}"),
            }
            assert_eq!(found.message, expected.message);
        }
    }
}
