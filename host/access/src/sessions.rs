//! Sessions: a signed-in browser has a cookie of 256 random bits.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::AccessError;
use crate::principal::{Principal, Session, Who};
use crate::{Access, Change, milliseconds, now_ms, secret, tokens};

/// The cookie's name.
pub const COOKIE: &str = "fonio_session";
/// A session ends when nothing came of it for so long.
pub const SESSION_IDLE: Duration = Duration::from_secs(12 * 3600);
/// A session ends so long after it began, whatever came of it.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// Sessions of one user or token; the next one ends the oldest.
const SESSIONS_MAX: i64 = 50;
/// That a session is in use is written down at most this often: a page asks every two seconds.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// A session that has just begun.
#[derive(Debug)]
pub struct NewSession {
    /// The cookie's value, which is nowhere else.
    pub cookie: String,
    /// Whose it is.
    pub principal: Principal,
}

/// A session that was found.
pub(crate) struct Found {
    pub(crate) principal: Principal,
    /// Whether it should be written down that it is in use.
    pub(crate) touch: bool,
}

/// Begins a session for `principal`, who has shown who they are.
pub(crate) fn begin(
    change: &Change<'_>,
    mut principal: Principal,
) -> Result<NewSession, AccessError> {
    let (user, token) = match principal.who() {
        Who::User(name) => (Some(name.as_str()), None),
        Who::Token(name) => (None, Some(name.as_str())),
        // Whom nobody keeps out needs no session; one without an owner is never found again.
        Who::Anyone | Who::Local(_) => (None, None),
    };
    let now = now_ms();
    change.execute(
        "DELETE FROM sessions WHERE created_ms <= ? OR seen_ms <= ?",
        params![
            now - milliseconds(SESSION_LIFETIME),
            now - milliseconds(SESSION_IDLE)
        ],
    )?;
    change.execute(
        "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE user IS ?1 AND token IS ?2
         ORDER BY created_ms DESC LIMIT -1 OFFSET ?3)",
        params![user, token, SESSIONS_MAX - 1],
    )?;
    let cookie = secret::random()?;
    change.execute(
        "INSERT INTO sessions (hash, user, token, created_ms, seen_ms) VALUES (?, ?, ?, ?, ?)",
        params![secret::hash(&cookie), user, token, now, now],
    )?;
    principal.session = Some(Session {
        csrf: secret::csrf(&cookie),
        ends_ms: now + milliseconds(SESSION_LIFETIME),
    });
    Ok(NewSession { cookie, principal })
}

/// Whose session this cookie is, with the roles that they have now.
pub(crate) fn find(conn: &Connection, cookie: &str) -> rusqlite::Result<Option<Found>> {
    type Row = (Option<String>, Option<String>, i64, i64);
    let found: Option<Row> = conn
        .prepare_cached("SELECT user, token, created_ms, seen_ms FROM sessions WHERE hash = ?")?
        .query_row([secret::hash(cookie)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((user, token, created, seen)) = found else {
        return Ok(None);
    };
    let now = now_ms();
    let ends = created + milliseconds(SESSION_LIFETIME);
    if now >= ends || now >= seen + milliseconds(SESSION_IDLE) {
        return Ok(None);
    }
    let principal = match (user, token) {
        (Some(name), _) => Some(Principal::of_user(conn, name)?),
        (None, Some(name)) => tokens::by_name(conn, &name)?.map(tokens::Token::principal),
        (None, None) => None,
    };
    Ok(principal.map(|mut principal| {
        principal.session = Some(Session {
            csrf: secret::csrf(cookie),
            ends_ms: ends,
        });
        let touch = now >= seen + milliseconds(TOUCH_EVERY);
        Found { principal, touch }
    }))
}

impl Access {
    /// Writes down that a session is in use.
    pub(crate) fn touch(&self, cookie: &str) -> Result<(), AccessError> {
        self.write(|change| {
            let seen = params![now_ms(), secret::hash(cookie)];
            change.execute("UPDATE sessions SET seen_ms = ? WHERE hash = ?", seen)?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::{Role, Tenants};
    use crate::users::Shows;

    /// A folder with the user `ama`.
    fn access(dir: &tempfile::TempDir) -> Access {
        let access = Access::open(dir.path()).expect("it opens");
        let added = access.add_user(
            "test",
            "ama",
            &Shows::Password("long enough"),
            &Tenants::All,
            Role::Viewer,
        );
        added.expect("a user");
        access
    }

    fn session_of_ama(access: &Access) -> String {
        let ama = Principal {
            who: Who::User("ama".to_owned()),
            ..Principal::anyone()
        };
        let begun = access.write(|change| begin(change, ama));
        begun.expect("a session").cookie
    }

    fn is_there(access: &Access, cookie: &str) -> bool {
        let found = access.read(|conn| find(conn, cookie));
        found.expect("it is read").is_some()
    }

    #[test]
    fn a_session_ends_when_nothing_comes_of_it_and_when_it_is_old() {
        let dir = tempfile::tempdir().expect("a folder");
        let access = access(&dir);
        let cookie = session_of_ama(&access);
        let at = |created: Duration, seen: Duration| {
            let times = [created, seen].map(|ago| now_ms() - milliseconds(ago));
            let set = access.write(|change| {
                change.execute("UPDATE sessions SET created_ms = ?, seen_ms = ?", times)
            });
            set.expect("it is set");
            is_there(&access, &cookie)
        };
        let second = Duration::from_secs(1);
        assert!(at(SESSION_IDLE - 10 * second, SESSION_IDLE - 10 * second));
        assert!(!at(SESSION_IDLE, SESSION_IDLE));
        assert!(at(SESSION_LIFETIME - 10 * second, second));
        assert!(!at(SESSION_LIFETIME, second));
        assert!(!is_there(&access, "another"));
    }

    #[test]
    fn a_session_that_is_in_use_is_written_down_as_that_once_a_minute() {
        let dir = tempfile::tempdir().expect("a folder");
        let access = access(&dir);
        let cookie = session_of_ama(&access);
        let due = || {
            let found = access.read(|conn| find(conn, &cookie)).expect("it is read");
            found.expect("it is there").touch
        };
        assert!(!due());
        let past = now_ms() - milliseconds(TOUCH_EVERY);
        let set = access.write(|change| change.execute("UPDATE sessions SET seen_ms = ?", [past]));
        set.expect("it is set");
        assert!(due());
        access.touch(&cookie).expect("it is written");
        assert!(!due());
    }

    #[test]
    fn one_session_too_many_ends_the_oldest() {
        let dir = tempfile::tempdir().expect("a folder");
        let access = access(&dir);
        let first = session_of_ama(&access);
        let older = "UPDATE sessions SET created_ms = created_ms - 1";
        for _ in 1..SESSIONS_MAX {
            let aged = access.write(|change| change.execute(older, []));
            aged.expect("it is set");
            assert!(is_there(&access, &first));
            session_of_ama(&access);
        }
        let last = session_of_ama(&access);
        assert!(!is_there(&access, &first) && is_there(&access, &last));
    }
}
