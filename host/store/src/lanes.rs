//! Lanes: how many runs may be open at once, and in which order they come.
//!
//! A workflow whose rule has a `concurrency` is a lane with room for so many open runs; each ordering key of a workflow is a
//! lane with room for one. A run that begins enters its key's lane, then its workflow's, and waits in one at a time, so that
//! runs never wait for each other in a circle. Once it is in, its first step goes into the queue; until then that step is in
//! the table `held`. A run that ends leaves its lanes, and whoever has waited longest in each enters, in the same transaction.
//!
//! So the queue has only what may run, and claiming costs the same however many are held.
//!
//! Invariants: a run is counted once in each lane that it is in, from the moment it enters to its end; nobody waits in a lane
//! that has room, except between a change of the rules and the [`Store::set_rules`] that lets them in.
//!
//! Hosts that share a database change lanes one host at a time: rows locked lane by lane would let two transactions, each of
//! many changes, wait for each other.

use std::sync::{Arc, Mutex, PoisonError};

use crate::change::{Change, Failure, Writing};
use crate::error::StoreError;
use crate::ids::RunId;
use crate::queued::QueuedInput;
use crate::sql::{Db, SqlError, values};
use crate::store::Store;
use crate::turn::{HeldBy, Priority, RunRule, RunRules};

/// So many runs are let in in one change; more take another.
const LET_IN_MAX: u64 = 1_000;

/// A lane, by the name that it has in the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lane(String);

/// The lanes of a run.
pub(crate) struct Lanes {
    key: Option<Lane>,
    workflow: Option<Lane>,
}

impl Lane {
    /// Names are JSON: no two lanes share one, whatever is in a key.
    fn named(words: &[&str]) -> Lane {
        Lane(serde_json::Value::from(words).to_string())
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    fn words(&self) -> Vec<String> {
        // What stands in the table was written here.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The key, of a lane that is one's.
    fn key(&self) -> Option<String> {
        self.words().into_iter().nth(1)
    }

    pub(crate) fn holds_by(name: String) -> HeldBy {
        match Lane(name).key() {
            Some(_) => HeldBy::OrderingKey,
            None => HeldBy::Concurrency,
        }
    }

    /// How many runs it has room for. None: any number, as its workflow has no such limit any more. Where the rules are not
    /// known, because no project is loaded, nobody enters: what is open may be more than they allow.
    fn most(&self, rules: Option<&RunRules>) -> Option<i64> {
        let Some(rules) = rules else { return Some(0) };
        match self.words().as_slice() {
            [workflow] => rules.get(workflow)?.concurrency.map(i64::from),
            [workflow, ..] => rules.get(workflow)?.ordered.then_some(1),
            [] => Some(1),
        }
    }
}

impl Lanes {
    pub(crate) fn of(workflow: &str, rule: &RunRule, key: Option<&str>) -> Lanes {
        Lanes {
            key: key
                .filter(|_| rule.ordered)
                .map(|key| Lane::named(&[workflow, key])),
            workflow: rule.concurrency.map(|_| Lane::named(&[workflow])),
        }
    }

    /// As they stand in the columns `key_lane` and `lane` of a run.
    pub(crate) fn stored(key: Option<String>, workflow: Option<String>) -> Lanes {
        Lanes {
            key: key.map(Lane),
            workflow: workflow.map(Lane),
        }
    }

    /// The key.
    pub(crate) fn key(&self) -> Option<String> {
        self.key.as_ref()?.key()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.key.is_none() && self.workflow.is_none()
    }

    pub(crate) fn key_name(&self) -> Option<&str> {
        self.key.as_ref().map(|lane| lane.0.as_str())
    }

    pub(crate) fn workflow_name(&self) -> Option<&str> {
        self.workflow.as_ref().map(|lane| lane.0.as_str())
    }

    /// In the order in which they are entered.
    fn in_order(&self) -> impl Iterator<Item = &Lane> {
        self.key.iter().chain(&self.workflow)
    }
}

/// How many runs are in a lane, and how many wait for it.
struct Traffic {
    open: i64,
    held: i64,
}

impl Writing<'_> {
    /// Keeps other hosts from lanes until the transaction ends. A file has one host.
    pub(crate) fn lock_lanes(&mut self) -> Result<(), SqlError> {
        if let Db::Postgres(_) = self.db
            && !self.lanes_locked
        {
            // "fonio" in ASCII as far as it goes, and the project.
            self.db.query(
                "SELECT pg_advisory_xact_lock(1718578793, hashtext(current_schema()))",
                values![],
                |_| Ok(()),
            )?;
        }
        self.lanes_locked = true;
        Ok(())
    }

    /// Enters lanes as far as there is room; the one in which to wait, if there is one.
    pub(crate) fn line_up<'l>(&mut self, lanes: &'l Lanes) -> Result<Option<&'l Lane>, SqlError> {
        for lane in lanes.in_order() {
            self.lock_lanes()?;
            if !self.enter(lane)? {
                return Ok(Some(lane));
            }
        }
        Ok(None)
    }

    /// Keeps the first step of a new run until there is room.
    pub(crate) fn hold(
        &mut self,
        run: RunId,
        job: &str,
        input: QueuedInput,
        lane: &Lane,
    ) -> Result<(), SqlError> {
        let step = self.number_step()?;
        let (message, dataclip) = input.columns();
        self.db.execute(
            "INSERT INTO held (step, run, lane, job, message, dataclip) VALUES ($1, $2, $3, $4, $5, $6)",
            values![step, run, &lane.0, job, message, dataclip],
        )?;
        self.waits_in(lane)
    }

    /// Somebody more waits in a lane.
    pub(crate) fn waits_in(&mut self, lane: &Lane) -> Result<(), SqlError> {
        self.effects.held += 1;
        self.count_in(lane, 0, 1)?;
        Ok(())
    }

    /// A run has ended: it leaves its lanes, and others enter.
    pub(crate) fn leave_lanes(&mut self, run: RunId) -> Result<(), SqlError> {
        self.lock_lanes()?;
        let lanes = self.db.query_one(
            "SELECT key_lane, lane FROM runs WHERE id = $1",
            values![run],
            |row| Ok(Lanes::stored(row.get(0)?, row.get(1)?)),
        )?;
        let waited = self.db.query_opt(
            "DELETE FROM held WHERE run = $1 RETURNING lane",
            values![run],
            |row| row.get(0).map(Lane),
        )?;
        // Its key's first: whoever has waited longest for that may be the next of the workflow.
        for lane in lanes.in_order() {
            if waited.as_ref() == Some(lane) {
                self.effects.held -= 1;
                self.count_in(lane, 0, -1)?;
                self.forget_if_empty(lane)?;
                break;
            }
            self.count_in(lane, -1, 0)?;
            self.let_in(lane, LET_IN_MAX)?;
            self.forget_if_empty(lane)?;
        }
        Ok(())
    }

    /// Takes a place in the lane, if there is one for which nobody waits.
    fn enter(&mut self, lane: &Lane) -> Result<bool, SqlError> {
        let Traffic { open, held } = self.traffic(lane)?;
        let room = lane.most(self.rules).is_none_or(|most| open < most);
        if held > 0 || !room {
            return Ok(false);
        }
        self.count_in(lane, 1, 0)?;
        Ok(true)
    }

    /// Lets those in that have waited longest, while there is room; how many they were.
    fn let_in(&mut self, lane: &Lane, at_most: u64) -> Result<u64, SqlError> {
        let most = lane.most(self.rules);
        for entered in 0..at_most {
            let Traffic { open, held } = self.traffic(lane)?;
            if held <= 0 || most.is_some_and(|most| open >= most) {
                return Ok(entered);
            }
            let (place, next) = self.db.query_one(
                "SELECT h.place, r.lane FROM held h JOIN runs r ON r.id = h.run
                 WHERE h.lane = $1 ORDER BY h.place LIMIT 1",
                values![&lane.0],
                |row| {
                    let next: Option<String> = row.get(1)?;
                    Ok((row.get::<i64>(0)?, next.map(Lane)))
                },
            )?;
            self.count_in(lane, 1, -1)?;
            match next.filter(|next| next != lane) {
                Some(next) if !self.enter(&next)? => {
                    self.db.execute(
                        "UPDATE held SET lane = $2 WHERE place = $1",
                        values![place, &next.0],
                    )?;
                    self.count_in(&next, 0, 1)?;
                }
                _ => self.release(place)?,
            }
        }
        Ok(at_most)
    }

    /// A held step goes into the queue, with the number that it has: by its age it comes before what began after it.
    fn release(&mut self, place: i64) -> Result<(), SqlError> {
        let released: (Priority, _) = self.db.query_one(
            "INSERT INTO queue (step, run, job, message, dataclip, attempts, priority)
             SELECT h.step, h.run, h.job, h.message, h.dataclip, 0, r.priority
             FROM held h JOIN runs r ON r.id = h.run WHERE h.place = $1
             RETURNING priority, step",
            values![place],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        self.db
            .execute("DELETE FROM held WHERE place = $1", values![place])?;
        self.effects.held -= 1;
        self.effects.woken.push(released);
        Ok(())
    }

    fn traffic(&mut self, lane: &Lane) -> Result<Traffic, SqlError> {
        let found = self.db.query_opt(
            "SELECT open, held FROM lanes WHERE lane = $1",
            values![&lane.0],
            |row| {
                Ok(Traffic {
                    open: row.get(0)?,
                    held: row.get(1)?,
                })
            },
        )?;
        Ok(found.unwrap_or(Traffic { open: 0, held: 0 }))
    }

    fn count_in(&mut self, lane: &Lane, open: i64, held: i64) -> Result<(), SqlError> {
        self.db.execute(
            "INSERT INTO lanes (lane, keyed, open, held) VALUES ($1, $2, $3, $4)
             ON CONFLICT (lane) DO UPDATE SET open = lanes.open + excluded.open, held = lanes.held + excluded.held",
            values![&lane.0, lane.key().is_some(), open, held],
        )?;
        Ok(())
    }

    /// There are as many lanes as there are keys: one in which nobody is goes.
    fn forget_if_empty(&mut self, lane: &Lane) -> Result<(), SqlError> {
        self.db.execute(
            "DELETE FROM lanes WHERE lane = $1 AND open <= 0 AND held <= 0",
            values![&lane.0],
        )?;
        Ok(())
    }
}

impl Store {
    /// What holds for runs that begin from now on, on this host. Runs that wait for others move on by the new rules; those
    /// that are open stay so.
    ///
    /// # Errors
    /// Those of the disk. The rules hold all the same, and what waits moves on when an open run ends.
    pub async fn set_rules(&self, rules: RunRules) -> Result<(), StoreError> {
        self.rules().store(rules);
        self.let_in().await
    }

    /// Lets those in who wait in lanes with room: where somebody ended runs who does not know the rules, they wait for this.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn let_in(&self) -> Result<(), StoreError> {
        while self.change(LetIn).await? {}
        Ok(())
    }
}

/// Lets in whoever waits in the lane of a workflow that has room by now. Yes if there may be more.
struct LetIn;

impl Change for LetIn {
    type Answer = bool;

    fn weight(&self) -> usize {
        0
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<bool, Failure> {
        let waited_for: Vec<(Lane, i64)> = writing.db.query(
            "SELECT lane, open FROM lanes WHERE held > 0 ORDER BY lane",
            values![],
            |row| Ok((Lane(row.get(0)?), row.get::<i64>(1)?)),
        )?;
        // Of the many lanes of keys only those where no end of a run lets the next one in.
        let rules = writing.rules;
        let stands = |(lane, open): &(Lane, i64)| {
            lane.key().is_none() || *open <= 0 || lane.most(rules).is_none()
        };
        let waited_for: Vec<Lane> = waited_for
            .into_iter()
            .filter(stands)
            .map(|(lane, _)| lane)
            .collect();
        let mut left = LET_IN_MAX;
        for lane in waited_for {
            writing.lock_lanes()?;
            left -= writing.let_in(&lane, left)?;
        }
        Ok(left == 0)
    }
}

/// The rules, where the writer and whoever sets them find them; none as long as nobody has set them.
#[derive(Default)]
pub(crate) struct SharedRules(Mutex<Option<Arc<RunRules>>>);

impl SharedRules {
    pub(crate) fn load(&self) -> Option<Arc<RunRules>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn store(&self, rules: RunRules) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(rules));
    }
}
