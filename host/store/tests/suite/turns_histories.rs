//! Random histories, checked against the model: nothing is lost, nothing is claimed twice, no two runs of one key are open,
//! nor more of a workflow than may be, and nothing is stuck in the end.

use std::collections::VecDeque;

use super::common::*;
use super::turns_model::{FLOWS, Model, Run, Stage, rules};
use fonio_store::{AgainFrom, AgainInput, NewRun, Next, RunId, RunStatus, Settlement, Store, Turn};

/// Marsaglia's xorshift: the same history for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = self.below(all.len().max(1));
        all.get(at).copied()
    }
}

struct History {
    dice: Dice,
    dir: Place,
    store: Store,
    model: Model,
    /// A day ahead, so that no time comes by itself.
    tomorrow_ms: i64,
}

impl History {
    async fn go_on(&mut self) {
        match self.dice.below(16) {
            0..4 => self.accept().await,
            4..7 => {
                let max = 1 + self.dice.below(4);
                self.claim(max).await;
            }
            7..11 => self.settle().await,
            11 => self.put_off().await,
            12 => {
                let now_ms = self.tomorrow_ms + self.dice.below(100) as i64;
                self.wake(now_ms).await;
            }
            13 => self.cancel().await,
            14 => self.again().await,
            _ => self.end_and_reopen().await,
        }
    }

    async fn accept(&mut self) {
        let body = self.dice.below(1_000).to_string();
        let mut runs = Vec::new();
        for _ in 0..self.dice.below(3) {
            let flow = self.dice.below(FLOWS.len());
            let key = self
                .dice
                .one_of(&["x", "y", ""])
                .filter(|key| FLOWS[flow].ordered && !key.is_empty());
            let late =
                (self.dice.below(6) == 0).then(|| self.tomorrow_ms + self.dice.below(100) as i64);
            runs.push((flow, key.map(str::to_owned), late));
        }
        let new = runs.iter().map(|(flow, key, late)| NewRun {
            workflow: FLOWS[*flow].name.to_owned(),
            turn: Turn {
                ordering_key: key.clone(),
                not_before_ms: *late,
            },
            ..run_of(&["a"])
        });
        let accepted = self.store.accept(message(&body), new.collect()).await;
        for (id, (flow, key, late)) in accepted.expect("an accept").runs.into_iter().zip(runs) {
            self.begun(id, flow, key, late, body.clone().into()).await;
        }
    }

    async fn begun(
        &mut self,
        id: RunId,
        flow: usize,
        key: Option<String>,
        late: Option<i64>,
        body: Vec<u8>,
    ) {
        let found = self.store.run(id).await.expect("a read").expect("the run");
        let run = Run {
            flow,
            key,
            stage: Stage::Late(late.unwrap_or_default()),
            step: found.steps[0].id,
            input: body.clone(),
            behind: VecDeque::new(),
            leaf_failed: false,
            body,
        };
        self.model.runs.insert(id, run);
        if late.is_none() {
            self.model.line_up(id);
        }
    }

    async fn claim(&mut self, max: usize) -> usize {
        let steps = self.store.claim(max).await.expect("a claim");
        self.model.claim(&steps, max);
        steps.len()
    }

    async fn settle(&mut self) {
        let Some(run) = self.dice.one_of(&self.model.at(Stage::Claimed)) else {
            return;
        };
        let (following, failed) = (self.dice.below(3), self.dice.below(3) == 0);
        self.settle_run(run, following, failed).await;
    }

    async fn settle_run(&mut self, run: RunId, following: usize, failed: bool) {
        let next = &["b", "c"][..following];
        let state = self.dice.below(1_000).to_string();
        let ended = if failed {
            failure(next)
        } else {
            success("unused", next)
        };
        let output = Some(state.clone().into_bytes());
        let settled = self
            .store
            .settle(self.model.runs[&run].step, Settlement { output, ..ended })
            .await;
        let queued = settled.expect("a settlement").next;
        self.model.settle(run, following, queued, &state, failed);
    }

    async fn put_off(&mut self) {
        let Some(run) = self.dice.one_of(&self.model.at(Stage::Claimed)) else {
            return;
        };
        let at_ms = self.tomorrow_ms + self.dice.below(100) as i64;
        let again = Settlement {
            next: Next::Again { at_ms },
            ..failure(&[])
        };
        let settled = self.store.settle(self.model.runs[&run].step, again).await;
        settled.expect("a settlement");
        self.model.run(run).stage = Stage::PutOff(at_ms);
    }

    async fn wake(&mut self, now_ms: i64) {
        let woken = self.store.wake_due(now_ms).await.expect("a wake");
        assert_eq!(woken, self.model.wake(now_ms));
    }

    async fn cancel(&mut self) {
        let runs: Vec<RunId> = self.model.runs.keys().copied().collect();
        let Some(run) = self.dice.one_of(&runs) else {
            return;
        };
        let open = !self.model.runs[&run].stage.has_ended();
        assert_eq!(self.store.cancel(run).await, Ok(open));
        if open {
            self.model.run(run).stage = Stage::Ended(RunStatus::Cancelled);
            self.model.admit();
        }
    }

    async fn again(&mut self) {
        let ended = self
            .model
            .runs
            .iter()
            .filter(|(_, run)| run.stage.has_ended());
        let ended: Vec<RunId> = ended.map(|(id, _)| *id).collect();
        let Some(of) = self.dice.one_of(&ended) else {
            return;
        };
        let from = AgainFrom {
            job: "a".to_owned(),
            input: AgainInput::Message,
        };
        let id = self
            .store
            .run_again(of, vec![from])
            .await
            .expect("a new run");
        let old = &self.model.runs[&of];
        let (flow, key, body) = (old.flow, old.key.clone(), old.body.clone());
        self.begun(id, flow, key, None, body).await;
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
        self.store.set_rules(rules()).await.expect("the rules");
        self.model.crash();
        self.model.check(&self.store).await;
    }

    /// Everything that is claimed is settled, and every time comes: then every run has ended.
    async fn come_to_an_end(&mut self) {
        loop {
            self.wake(i64::MAX).await;
            self.claim(5).await;
            let claimed = self.model.at(Stage::Claimed);
            if claimed.is_empty() {
                break;
            }
            for run in claimed {
                self.settle_run(run, 0, false).await;
            }
        }
        self.model.check(&self.store).await;
        assert!(
            self.model.runs.values().all(|run| run.stage.has_ended()),
            "something is stuck"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_lose_nothing_claim_nothing_twice_and_keep_every_order() {
    for seed in 1..=16 {
        // Printed only when the test fails.
        println!("seed {seed}");
        let dir = directory();
        let store = open(&dir);
        store.set_rules(rules()).await.expect("the rules");
        let mut history = History {
            dice: Dice(seed * 0x9E37_79B9),
            dir,
            store,
            model: Model::default(),
            tomorrow_ms: now_ms() + 86_400_000,
        };
        for _ in 0..120 {
            history.go_on().await;
        }
        history.come_to_an_end().await;
    }
}
