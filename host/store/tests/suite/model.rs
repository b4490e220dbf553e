//! Random histories, checked against a model that fits on a screen: nothing is lost, nothing is claimed twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::common::*;
use fonio_store::{ClaimedStep, RunId, RunStatus, StepId, StepInput, Store};

/// What should be true of the store.
#[derive(Default)]
struct Model {
    /// Waiting steps, oldest first, with what they start from.
    waiting: BTreeMap<StepId, (RunId, Vec<u8>)>,
    /// Behind the one step of a run that waits or is claimed: what they start from.
    behind: BTreeMap<RunId, VecDeque<Vec<u8>>>,
    claimed: BTreeMap<StepId, (RunId, Vec<u8>)>,
    /// Runs, with their open steps and whether a leaf failed.
    runs: BTreeMap<RunId, (u32, bool)>,
    settled: BTreeSet<StepId>,
}

impl Model {
    fn accepted(&mut self, runs: &[RunId], body: &str, known_steps: &mut i64) {
        for &run in runs {
            *known_steps += 1;
            self.waiting
                .insert(StepId(*known_steps), (run, body.into()));
            self.runs.insert(run, (1, false));
        }
    }

    fn claim(&mut self, steps: &[ClaimedStep], max: usize) {
        assert_eq!(
            steps.len(),
            max.min(self.waiting.len()),
            "a claim gives as many as wait"
        );
        for step in steps {
            let (oldest, (run, body)) = self
                .waiting
                .pop_first()
                .expect("a claimed step was waiting");
            assert_eq!(
                (step.step, step.run),
                (oldest, run),
                "the oldest comes first"
            );
            let input = match &step.input {
                StepInput::Message { body, .. } | StepInput::Dataclip(body) => body,
                StepInput::Nothing => panic!("every step here starts from something"),
            };
            assert_eq!(*input, body);
            assert!(
                !self.settled.contains(&step.step),
                "a settled step never comes again"
            );
            self.claimed.insert(oldest, (run, body));
        }
    }

    fn settle(
        &mut self,
        step: StepId,
        following: usize,
        queued: Option<StepId>,
        state: &str,
        failed: bool,
    ) {
        let (run, _) = self.claimed.remove(&step).expect("it was claimed");
        let (open, leaf_failed) = self.runs.get_mut(&run).expect("its run");
        *open = *open - 1 + following as u32;
        *leaf_failed |= failed && following == 0;
        let behind = self.behind.entry(run).or_default();
        behind.extend((0..following).map(|_| Vec::from(state)));
        let next = behind.pop_front().map(|input| (run, input));
        assert_eq!(
            queued.is_some(),
            next.is_some(),
            "the run goes on while steps are open"
        );
        self.waiting.extend(queued.zip(next));
        self.settled.insert(step);
    }

    fn crash(&mut self) {
        self.waiting.append(&mut self.claimed);
    }

    async fn check(&self, store: &Store) {
        let counts = store.counts().await.expect("counts");
        assert_eq!(counts.steps_queued, self.waiting.len() as u64);
        assert_eq!(counts.steps_running, self.claimed.len() as u64);
        for (&run, &(open, failed)) in &self.runs {
            let detail = store
                .run(run)
                .await
                .expect("a read")
                .expect("no run is lost");
            match (detail.run.status, open, failed) {
                (RunStatus::Queued | RunStatus::Running, 1.., _) => {}
                (RunStatus::Succeeded, 0, false) | (RunStatus::Failed, 0, true) => {}
                other => panic!("run {run}: {other:?}"),
            }
        }
    }
}

/// Marsaglia's xorshift: the same history for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct History {
    dice: Dice,
    dir: Place,
    store: Store,
    model: Model,
    /// Steps are numbered from 1 in the order in which they are queued.
    steps: i64,
}

impl History {
    async fn go_on(&mut self) {
        match self.dice.below(10) {
            0..3 => self.accept().await,
            3..5 => {
                let max = 1 + self.dice.below(4) as usize;
                let steps = self.store.claim(max).await.expect("a claim");
                self.model.claim(&steps, max);
            }
            5..9 => self.settle().await,
            _ => self.end_and_reopen().await,
        }
    }

    async fn accept(&mut self) {
        let jobs = (0..self.dice.below(3)).map(|_| run_of(&["a"])).collect();
        let body = self.dice.below(1_000).to_string();
        let accepted = self
            .store
            .accept(message(&body), jobs)
            .await
            .expect("an accept");
        self.model.accepted(&accepted.runs, &body, &mut self.steps);
    }

    async fn settle(&mut self) {
        let claimed: Vec<StepId> = self.model.claimed.keys().copied().collect();
        if claimed.is_empty() {
            return;
        }
        let step = claimed[self.dice.below(claimed.len() as u64) as usize];
        let next = &["b", "c"][..self.dice.below(3) as usize];
        let failed = self.dice.below(3) == 0;
        let state = self.dice.below(1_000).to_string();
        let mut settlement = if failed {
            failure(next)
        } else {
            success("unused", next)
        };
        settlement.output = Some(state.clone().into_bytes());
        let settled = self
            .store
            .settle(step, settlement)
            .await
            .expect("a settlement");
        self.steps += i64::from(settled.next.is_some());
        self.model
            .settle(step, next.len(), settled.next, &state, failed);
    }

    async fn end_and_reopen(&mut self) {
        if self.dice.below(2) == 0 {
            self.store.close().await;
            self.store = open(&self.dir);
        } else {
            let (dir, store) = after_a_crash(&self.dir);
            self.store = store;
            self.dir = dir;
        }
        self.model.crash();
        self.model.check(&self.store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_lose_nothing_and_claim_nothing_twice() {
    for seed in 1..=16 {
        // Printed only when the test fails.
        println!("seed {seed}");
        let dir = directory();
        let store = open(&dir);
        let mut history = History {
            dice: Dice(seed * 0x9E37_79B9),
            dir,
            store,
            model: Model::default(),
            steps: 0,
        };
        for _ in 0..80 {
            history.go_on().await;
        }
        history.model.check(&history.store).await;
    }
}
