//! Random histories, played on a store and on a model of it: nothing is lost, nothing is done twice, and the counts add
//! up. One that fails is made as short as it can be before it is shown.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::STORE;
use super::common::*;
use super::model::{Following, Input, Keyed, Model};
use fonio_store::{
    AgainFrom, AgainInput, Next, RunId, Settlement, StepId, StepState, Store, StoreError,
    StoreOptions,
};

/// So small that it is reached.
const QUEUE_MAX: u64 = 5;
/// What is put off is due at one of these times.
const TIMES: std::ops::Range<i64> = 1..6;

/// One thing that happens. `host` and the like are taken modulo what there is.
#[derive(Debug, Clone)]
enum Op {
    /// A message, perhaps with a key, that starts runs of so many first jobs each.
    Accept {
        host: usize,
        body: u8,
        key: Option<u8>,
        runs: Vec<usize>,
    },
    Start {
        host: usize,
        jobs: usize,
    },
    Claim {
        host: usize,
        max: usize,
    },
    /// One of the claimed steps ends.
    Settle {
        which: Index,
        following: Following,
        failed: bool,
        state: u8,
    },
    Wake {
        host: usize,
        now_ms: i64,
    },
    Cancel {
        host: usize,
        which: Index,
    },
    /// A run is done again, from its message, from another state, or from no job at all.
    Again {
        host: usize,
        which: Index,
        from: Vec<Option<u8>>,
    },
    /// There is room for more, or there is not.
    Room {
        full: bool,
    },
    /// A host is lost without a word, or stops in order; another takes its place.
    End {
        host: usize,
        in_order: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let host = || 0..2_usize;
    let following = prop_oneof![
        3 => (1..3_usize).prop_map(Following::Jobs),
        4 => Just(Following::Leaf),
        1 => Just(Following::End),
        2 => TIMES.prop_map(|at_ms| Following::Again { at_ms }),
    ];
    prop_oneof![
        6 => (host(), 0..3_u8, option::weighted(0.3, 0..3_u8), vec(0..3_usize, 0..3))
            .prop_map(|(host, body, key, runs)| Op::Accept { host, body, key, runs }),
        1 => (host(), 0..3_usize).prop_map(|(host, jobs)| Op::Start { host, jobs }),
        6 => (host(), 1..4_usize).prop_map(|(host, max)| Op::Claim { host, max }),
        9 => (any::<Index>(), following, any::<bool>(), any::<u8>())
            .prop_map(|(which, following, failed, state)| Op::Settle { which, following, failed, state }),
        2 => (host(), TIMES).prop_map(|(host, now_ms)| Op::Wake { host, now_ms }),
        1 => (host(), any::<Index>()).prop_map(|(host, which)| Op::Cancel { host, which }),
        1 => (host(), any::<Index>(), vec(option::of(any::<u8>()), 0..3))
            .prop_map(|(host, which, from)| Op::Again { host, which, from }),
        1 => prop::bool::weighted(0.4).prop_map(|full| Op::Room { full }),
        2 => (host(), any::<bool>()).prop_map(|(host, in_order)| Op::End { host, in_order }),
    ]
}

/// A host that takes part.
struct Host {
    store: Store,
    place: Place,
    /// Its number in the table of hosts.
    id: Option<i64>,
}

impl Host {
    fn opened(place: Place) -> Host {
        let options = StoreOptions {
            queue_max: QUEUE_MAX,
            ..StoreOptions::default()
        };
        let store = place.open_with(options).expect("the store opens");
        let newest = "SELECT max(id) FROM fonio_clinic.hosts";
        let id = place.database.as_ref().map(|all| all.number(newest));
        Host { store, place, id }
    }

    /// Has no room for more from now on, or has it again.
    fn fill(&self, full: bool) {
        self.store.store_at_most(full.then_some(1));
    }

    /// Where the next host begins when this one is gone without a word.
    fn killed(&self) -> Place {
        match (&self.place.database, self.id) {
            (Some(database), Some(id)) => {
                let gone = "alive_until = now() - INTERVAL '1 second'";
                database.execute(&format!(
                    "UPDATE fonio_clinic.hosts SET {gone} WHERE id = {id}"
                ));
                self.place.beside()
            }
            _ => self.place.copied(),
        }
    }
}

struct History {
    hosts: Vec<Host>,
    model: Model,
    full: bool,
}

impl History {
    fn begun() -> History {
        let first = Host::opened(directory());
        let hosts = match STORE {
            Kind::File => vec![first],
            Kind::Postgres => {
                let second = Host::opened(first.place.beside());
                vec![first, second]
            }
        };
        History {
            hosts,
            model: Model::default(),
            full: false,
        }
    }

    async fn play(&mut self, op: &Op) {
        match op {
            Op::Accept {
                host,
                body,
                key,
                runs,
            } => self.accept(*host, *body, *key, runs).await,
            Op::Start { host, jobs } => self.start(*host, *jobs).await,
            Op::Claim { host, max } => self.claim(host % self.hosts.len(), *max).await,
            Op::Settle {
                which,
                following,
                failed,
                state,
            } => self.settle(which, following, *failed, *state).await,
            Op::Wake { host, now_ms } => self.wake(*host, *now_ms).await,
            Op::Cancel { host, which } => self.cancel(*host, which).await,
            Op::Again { host, which, from } => self.again(*host, which, from).await,
            Op::Room { full } => {
                self.full = *full;
                self.hosts.iter().for_each(|host| host.fill(*full));
            }
            Op::End { host, in_order } => self.end(host % self.hosts.len(), *in_order).await,
        }
    }

    fn store(&self, host: usize) -> &Store {
        &self.hosts[host % self.hosts.len()].store
    }

    async fn accept(&mut self, host: usize, body: u8, key: Option<u8>, runs: &[usize]) {
        let body = body.to_string();
        let mut sent = message(&body);
        sent.key = key.map(|key| key.to_string().into());
        let jobs = |count: &usize| run_of(&["a", "b", "c"][..*count]);
        let new = runs.iter().map(jobs).collect();
        let answer = self.store(host).accept(sent, new).await;
        let first = key.and_then(|key| self.model.keys.get(&key));
        let accepted = match (answer, first) {
            (Ok(again), Some(first)) => {
                assert!(again.repeated && first.body == body);
                assert_eq!((again.message, &again.runs), (first.message, &first.runs));
                return;
            }
            (Err(StoreError::KeyTaken { .. }), Some(first)) => {
                return assert_ne!(first.body, body);
            }
            (Err(StoreError::QueueFull { .. }), None) => {
                assert!(!runs.is_empty(), "nothing would have waited");
                return assert!(self.may_be_full(), "there was room in the queue");
            }
            (Err(StoreError::Full { .. }), None) => return assert!(self.full),
            (Ok(accepted), None) => accepted,
            (answer, first) => panic!("{answer:?} to what came after {first:?}"),
        };
        assert!(!self.full && !accepted.repeated);
        assert!(runs.is_empty() || !self.is_full(), "the queue was full");
        let message = accepted.message;
        self.model.accepted(message, &body);
        for (run, jobs) in accepted.runs.iter().zip(runs) {
            let inputs = vec![Some(body.clone().into_bytes()); *jobs];
            self.began(host, *run, Some(message), inputs).await;
        }
        if let Some(key) = key {
            let keyed = Keyed {
                body,
                message,
                runs: accepted.runs,
            };
            self.model.keys.insert(key, keyed);
        }
    }

    /// A file's host knows what waits; hosts that share a table count it now and then.
    fn is_full(&self) -> bool {
        matches!(STORE, Kind::File) && self.model.waiting.len() as u64 >= QUEUE_MAX
    }

    fn may_be_full(&self) -> bool {
        matches!(STORE, Kind::Postgres) || self.is_full()
    }

    async fn start(&mut self, host: usize, jobs: usize) {
        let new = run_of(&["a", "b", "c"][..jobs]);
        match self.store(host).start(new).await {
            Ok(run) => {
                assert!(!self.full);
                self.began(host, run, None, vec![None; jobs]).await;
            }
            Err(StoreError::Full { .. }) => assert!(self.full),
            Err(other) => panic!("{other}"),
        }
    }

    /// The model hears of a new run, and which of its steps is in the queue.
    async fn began(
        &mut self,
        host: usize,
        run: RunId,
        message: Option<fonio_store::MessageId>,
        inputs: Vec<Input>,
    ) {
        let detail = self.store(host).run(run).await.expect("a read");
        let steps = detail.expect("the new run").steps;
        let queued = steps.iter().find(|step| step.status == StepState::Queued);
        self.model
            .began(run, message, inputs, queued.map(|step| step.id));
    }

    async fn claim(&mut self, host: usize, max: usize) {
        let store = self.store(host);
        if !self.model.waiting.is_empty() {
            // What one host of several adds or gives back, the others hear of a moment later.
            let heard = tokio::time::timeout(Duration::from_secs(2), store.wait_for_work());
            heard.await.expect("there is work, and no word of it came");
        }
        let steps = store.claim(max).await.expect("a claim");
        self.model.claimed(host, &steps, max);
    }

    async fn settle(&mut self, which: &Index, following: &Following, failed: bool, state: u8) {
        let claimed: Vec<(StepId, usize)> = self
            .model
            .claimed
            .iter()
            .map(|(step, (host, _))| (*step, *host))
            .collect();
        if claimed.is_empty() {
            return;
        }
        let (step, host) = *which.get(&claimed);
        let state = (!failed).then(|| state.to_string().into_bytes());
        let settlement = settlement(following, &state, failed);
        let settled = self.store(host).settle(step, settlement.clone()).await;
        let next = settled.expect("a settlement").next;
        self.model.settled(step, following, state, failed, next);
        let twice = self.store(host).settle(step, settlement).await;
        assert_eq!(twice, Err(StoreError::NotClaimed { step }));
    }

    async fn wake(&mut self, host: usize, now_ms: i64) {
        let woken = self.store(host).wake_due(now_ms).await;
        assert_eq!(woken, Ok(self.model.woke(now_ms)));
        let next = self.model.later.values().map(|(due_ms, _)| *due_ms).min();
        assert_eq!(self.store(host).next_due().await, Ok(next));
    }

    fn some_run(&self, which: &Index) -> Option<RunId> {
        let runs = self.model.runs();
        (!runs.is_empty()).then(|| *which.get(&runs))
    }

    async fn cancel(&mut self, host: usize, which: &Index) {
        if let Some(run) = self.some_run(which) {
            let cancelled = self.store(host).cancel(run).await;
            assert_eq!(cancelled, Ok(self.model.cancelled(run)));
        }
    }

    async fn again(&mut self, host: usize, which: &Index, from: &[Option<u8>]) {
        let Some(run) = self.some_run(which) else {
            return;
        };
        let message = self.model.message_of(run);
        let edited = |state: &Option<u8>| state.map(|state| state.to_string().into_bytes());
        let inputs = from
            .iter()
            .map(|state| edited(state).or_else(|| self.model.body(message)));
        let inputs: Vec<Input> = inputs.collect();
        let first = from.iter().map(|state| AgainFrom {
            job: "a".to_owned(),
            input: edited(state).map_or(AgainInput::Message, AgainInput::Edited),
        });
        let first: Vec<AgainFrom> = first.collect();
        match self.store(host).run_again(run, first).await {
            Ok(again) => {
                assert!(!self.full && self.model.has_ended(run));
                self.began(host, again, message, inputs).await;
            }
            Err(StoreError::RunOpen { .. }) => assert!(!self.model.has_ended(run)),
            Err(StoreError::Full { .. }) => assert!(self.full && self.model.has_ended(run)),
            Err(other) => panic!("{other}"),
        }
    }

    async fn end(&mut self, host: usize, in_order: bool) {
        let place = if in_order {
            self.hosts[host].store.close().await;
            self.hosts[host].place.again()
        } else {
            self.hosts[host].killed()
        };
        let heir = Host::opened(place);
        let gone = std::mem::replace(&mut self.hosts[host], heir);
        self.hosts[host].fill(self.full);
        if !in_order && matches!(STORE, Kind::Postgres) {
            self.says_too_late(host, &gone).await;
        }
        // It takes leave of a server, which is a wait.
        std::thread::spawn(move || drop(gone));
        self.model.lost(host);
        self.model.check(&self.hosts[host].store).await;
    }

    /// What a host that others took for dead still has to say about its steps is not taken.
    async fn says_too_late(&self, host: usize, gone: &Host) {
        let its = self
            .model
            .claimed
            .iter()
            .filter(|(_, (owner, _))| *owner == host);
        for (&step, _) in its {
            let late = gone.store.settle(step, success("late", &[])).await;
            assert_eq!(late, Err(StoreError::NotClaimed { step }));
        }
    }

    /// Whatever happened, all of it can be done: then every run has ended.
    async fn finish(&mut self) {
        self.wake(0, i64::MAX).await;
        loop {
            let claimed: Vec<(StepId, usize)> = self
                .model
                .claimed
                .iter()
                .map(|(step, (host, _))| (*step, *host))
                .collect();
            for (step, host) in claimed {
                let state = Some(b"0".to_vec());
                let last = settlement(&Following::Leaf, &state, false);
                let settled = self.store(host).settle(step, last).await;
                let next = settled.expect("a settlement").next;
                self.model
                    .settled(step, &Following::Leaf, state, false, next);
            }
            if self.model.waiting.is_empty() {
                break;
            }
            self.claim(0, 100).await;
        }
        let runs = self.model.runs();
        assert!(runs.iter().all(|run| self.model.has_ended(*run)));
        self.model.check(self.store(0)).await;
    }
}

fn settlement(following: &Following, state: &Input, failed: bool) -> Settlement {
    let next = match following {
        Following::Jobs(jobs) => then(&["b", "c"][..*jobs]),
        Following::Leaf => then(&[]),
        Following::End => Next::End,
        Following::Again { at_ms } => Next::Again { at_ms: *at_ms },
    };
    let ended = if failed {
        failure(&[])
    } else {
        success("", &[])
    };
    Settlement {
        output: state.clone(),
        next,
        ..ended
    }
}

/// How many histories, how long: in a database each begins by making one.
const HISTORIES: (u32, usize) = match STORE {
    Kind::File => (48, 80),
    Kind::Postgres => (12, 40),
};

#[test]
fn random_histories_lose_nothing_and_do_nothing_twice() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (cases, length) = HISTORIES;
    let config = Config {
        cases,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..Config::default()
    };
    let played = TestRunner::new(config).run(&vec(op(), 1..length), |ops| {
        runtime.block_on(async {
            let mut history = History::begun();
            for op in &ops {
                history.play(op).await;
            }
            history.finish().await;
        });
        Ok(())
    });
    if let Err(failed) = played {
        panic!("{failed}");
    }
}
