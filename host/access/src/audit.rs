//! The audit log: who did what, when. Rows are only ever added; the file itself refuses to change or delete one.

use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use crate::error::AccessError;
use crate::role::Tenants;
use crate::{Access, Change, lock, now_ms};

/// Refusals that are written down in a minute; those beyond are counted and named in the next row. Whoever floods the host
/// with wrong tokens adds 13 MiB a day to the file at most.
const REFUSALS_PER_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// Longer details are cut.
const DETAIL_BYTES_MAX: usize = 8 << 10;
/// Longer subjects are cut: of a refused request it is a path that a stranger chose.
const SUBJECT_BYTES_MAX: usize = 256;

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Somebody signed in.
    SignIn,
    /// Somebody signed out.
    SignOut,
    /// A wrong password or token.
    SignInFailed,
    /// A try that was not looked at, after too many wrong ones.
    SignInLocked,
    /// A request without a right to what it asked for.
    Refused,
    /// A user was added.
    UserAdded,
    /// A user was removed.
    UserRemoved,
    /// A password was set.
    PasswordChanged,
    /// By what another service knows a user was set or taken.
    IdentityChanged,
    /// A role was given or taken.
    RoleChanged,
    /// A token was made.
    TokenMade,
    /// A token was revoked.
    TokenRevoked,
    /// What a project's jobs may reach has changed.
    Grants,
    /// An adaptor was shown a secret.
    Reveal,
    /// A run was done again.
    Retry,
    /// A run was ended by hand.
    Cancel,
    /// A run that failed was taken off the dead letters.
    Discard,
    /// Something was taken out of the host.
    Export,
    /// Messages were deleted, with everything that came of them.
    Erase,
}

/// Something that happened. It must hold no secret: what it says is shown to every admin.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Who did it: `user ama`, `token ci`, `command line`, `host`.
    pub who: &'a str,
    /// In which project: its id, `*` for all, empty for none.
    pub tenant: &'a str,
    /// What.
    pub what: What,
    /// To what: a name, an id, a path. Cut at 256 bytes.
    pub subject: &'a str,
    /// In words. Cut at 8 KiB.
    pub detail: &'a str,
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Counts up.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who did it.
    pub who: String,
    /// In which project.
    pub tenant: String,
    /// What, as in [`What`], in small letters with hyphens.
    pub what: String,
    /// To what.
    pub subject: String,
    /// In words.
    pub detail: String,
}

impl What {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            What::SignIn => "sign-in",
            What::SignOut => "sign-out",
            What::SignInFailed => "sign-in-failed",
            What::SignInLocked => "sign-in-locked",
            What::Refused => "refused",
            What::UserAdded => "user-added",
            What::UserRemoved => "user-removed",
            What::PasswordChanged => "password-changed",
            What::IdentityChanged => "identity-changed",
            What::RoleChanged => "role-changed",
            What::TokenMade => "token-made",
            What::TokenRevoked => "token-revoked",
            What::Grants => "grants",
            What::Reveal => "reveal",
            What::Retry => "retry",
            What::Cancel => "cancel",
            What::Discard => "discard",
            What::Export => "export",
            What::Erase => "erase",
        }
    }
}

impl<'a> Event<'a> {
    /// `who` did `what`.
    pub fn new(who: &'a str, what: What) -> Event<'a> {
        Event {
            who,
            tenant: "",
            what,
            subject: "",
            detail: "",
        }
    }

    /// With what it was done to, and how.
    #[must_use]
    pub fn of(self, subject: &'a str, detail: &'a str) -> Event<'a> {
        Event {
            subject,
            detail,
            ..self
        }
    }

    /// In this project.
    #[must_use]
    pub fn in_tenant(self, tenant: &'a str) -> Event<'a> {
        Event { tenant, ..self }
    }

    pub(crate) fn in_(self, tenants: &'a Tenants) -> Event<'a> {
        self.in_tenant(tenants.as_str())
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

impl Change<'_> {
    /// With whatever else the transaction does, or not at all.
    pub(crate) fn record(&self, event: &Event<'_>) -> Result<(), AccessError> {
        self.execute(
            "INSERT INTO audit (at_ms, who, tenant, what, subject, detail) VALUES (?, ?, ?, ?, ?, ?)",
            params![
                now_ms(),
                event.who,
                event.tenant,
                event.what.as_str(),
                cut(event.subject, SUBJECT_BYTES_MAX),
                cut(event.detail, DETAIL_BYTES_MAX)
            ],
        )?;
        Ok(())
    }
}

impl Access {
    /// Writes an event down; it is on disk when this returns, which takes as long as the disk does: not for async threads.
    ///
    /// # Errors
    /// When the file cannot be written. What must not happen unrecorded should then not happen.
    pub fn record(&self, event: &Event<'_>) -> Result<(), AccessError> {
        self.write(|change| change.record(event))
    }

    /// As [`Access::record`], for what strangers can cause as often as they like: at most 60 rows a minute.
    pub fn record_refusal(&self, event: &Event<'_>) {
        let Some(left_out) = lock(&self.0.refused).admit(Instant::now()) else {
            return;
        };
        let more = match left_out {
            0 => String::new(),
            more => format!(" (and {more} more before, not written down)"),
        };
        let detail = format!("{}{more}", event.detail);
        if let Err(error) = self.record(&event.of(event.subject, &detail)) {
            tracing::warn!(%error, "a refusal could not be written down");
        }
    }

    /// [`Access::record_refusal`] from an async thread, which does not wait for the disk.
    pub fn refused(&self, event: &Event<'_>) {
        let (access, what) = (self.clone(), event.what);
        let [who, tenant, subject, detail] =
            [event.who, event.tenant, event.subject, event.detail].map(str::to_owned);
        tokio::task::spawn_blocking(move || {
            access.record_refusal(&Event {
                who: &who,
                tenant: &tenant,
                what,
                subject: &subject,
                detail: &detail,
            });
        });
    }

    /// The newest row of one kind in one project.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last(&self, what: What, tenant: &str) -> Result<Option<Entry>, AccessError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit WHERE what = ? AND tenant = ? ORDER BY id DESC LIMIT 1"
        );
        self.read(|conn| {
            let found = conn.query_row(&sql, params![what.as_str(), tenant], entry);
            found.optional()
        })
    }

    /// The newest `limit` rows before the row `before`, newest first, of one tenant or of all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn audit(
        &self,
        limit: usize,
        before: Option<i64>,
        tenant: Option<&str>,
    ) -> Result<Vec<Entry>, AccessError> {
        let (limit, before) = (
            i64::try_from(limit).unwrap_or(i64::MAX),
            before.unwrap_or(i64::MAX),
        );
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM audit
                 WHERE id < ?1 AND (?2 IS NULL OR tenant = ?2) ORDER BY id DESC LIMIT ?3",
            ))?;
            let rows = statement.query_map(params![before, tenant, limit], entry)?;
            rows.collect()
        })
    }
}

/// In the order of [`entry`].
const COLUMNS: &str = "id, at_ms, who, tenant, what, subject, detail";

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        at_ms: row.get(1)?,
        who: row.get(2)?,
        tenant: row.get(3)?,
        what: row.get(4)?,
        subject: row.get(5)?,
        detail: row.get(6)?,
    })
}

/// How many refusals came lately.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Flood {
    /// Whether one more is written down, and how many before it were not.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self
            .since
            .is_none_or(|since| now.duration_since(since) >= MINUTE)
        {
            (self.since, self.written) = (Some(now), 0);
        }
        if self.written >= REFUSALS_PER_MINUTE {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(dir: &tempfile::TempDir) -> Access {
        Access::open(dir.path()).expect("it opens")
    }

    #[test]
    fn the_file_itself_refuses_to_change_a_row_to_delete_one_and_to_put_another_in_its_place() {
        let dir = tempfile::tempdir().expect("a folder");
        let event = Event::new("host", What::Grants);
        access(&dir).record(&event).expect("it is written");
        // As any other program would open it.
        let conn = rusqlite::Connection::open(dir.path().join("access.sqlite")).expect("a file");
        for change in [
            "UPDATE audit SET who = 'nobody'",
            "DELETE FROM audit",
            "REPLACE INTO audit SELECT id, at_ms, 'nobody', tenant, what, subject, detail FROM audit",
            "INSERT INTO audit SELECT id, at_ms, 'nobody', tenant, what, subject, detail FROM audit WHERE true
             ON CONFLICT DO UPDATE SET who = excluded.who",
        ] {
            let refused = conn.execute(change, []).expect_err(change).to_string();
            assert!(refused.contains("append-only"), "{change}: {refused}");
        }
        let kept = access(&dir).audit(10, None, None).expect("it is read");
        assert_eq!((kept.len(), kept[0].who.as_str()), (1, "host"));
    }

    #[test]
    fn a_flood_of_refusals_is_a_bounded_number_of_rows_and_a_count() {
        let (now, mut flood) = (Instant::now(), Flood::default());
        let admitted = (0..1000).filter_map(|_| flood.admit(now)).count();
        assert_eq!(admitted, 60);
        assert_eq!(flood.admit(now + MINUTE), Some(940));
        assert_eq!(flood.admit(now + MINUTE), Some(0));
    }

    #[test]
    fn what_is_longer_than_it_should_be_is_cut_between_letters() {
        let dir = tempfile::tempdir().expect("a folder");
        let access = access(&dir);
        let long = format!("a{}", "ä".repeat(100_000));
        let event = Event::new("host", What::Refused).of(&long, &long);
        access.record(&event).expect("it is written");
        let kept = access.audit(1, None, None).expect("it is read").remove(0);
        assert_eq!(
            (kept.subject.len(), kept.detail.len()),
            (255, (8 << 10) - 1)
        );
    }

    #[test]
    fn the_newest_come_first_a_part_at_a_time_of_one_tenant_or_all() {
        let dir = tempfile::tempdir().expect("a folder");
        let access = access(&dir);
        for tenant in ["a", "b", "a"] {
            let event = Event::new("host", What::Retry).in_tenant(tenant);
            access.record(&event).expect("it is written");
        }
        let ids = |limit, before, tenant| -> Vec<i64> {
            let found = access.audit(limit, before, tenant).expect("it is read");
            found.into_iter().map(|entry| entry.id).collect()
        };
        assert_eq!(ids(2, None, None), [3, 2]);
        assert_eq!(ids(2, Some(2), None), [1]);
        assert_eq!(ids(9, None, Some("a")), [3, 1]);
        let last = |what, tenant| {
            let found = access.last(what, tenant).expect("it is read");
            found.map(|entry| entry.id)
        };
        assert_eq!(last(What::Retry, "b"), Some(2));
        assert_eq!(
            (last(What::Grants, "b"), last(What::Retry, "c")),
            (None, None)
        );
    }
}
