//! Signing in: a name and a password, or a token, for a session.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::audit::{Event, What};
use crate::error::AccessError;
use crate::password::Hashed;
use crate::principal::{Principal, Who};
use crate::sessions::{self, NewSession};
use crate::{Access, lock, lock_out, secret, tokens};

/// What somebody shows to be let in.
#[derive(Clone)]
pub enum SignIn {
    /// As a user.
    Password {
        /// The user's name.
        name: String,
        /// The user's password.
        password: String,
    },
    /// With the value of a token.
    Token(String),
}

/// Why nobody was let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSignIn {
    /// No such user, another password, no such token: which of them is not said.
    #[error(
        "the name or the password is wrong, or the token is not known, was revoked or has expired"
    )]
    Wrong,
    /// Too many wrong tries.
    #[error("too many wrong tries; the next one counts in {} s", whole_seconds(*.0))]
    Wait(Duration),
    /// Too many sign in at once.
    #[error("too many sign in at this moment; try again")]
    Busy,
    /// The file cannot be read or written.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl NoSignIn {
    /// After how many seconds it makes sense to try again, if waiting helps.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            NoSignIn::Wait(wait) => Some(whole_seconds(*wait)),
            NoSignIn::Busy => Some(1),
            NoSignIn::Wrong | NoSignIn::Access(_) => None,
        }
    }
}

/// Rounded up: a moment too early would be another try in vain.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl Access {
    /// Begins a session for whoever this is. `from` is where the request came from.
    ///
    /// At most 2 passwords are looked at at once, off the caller's thread, and at most 16 wait; after 5 wrong ones for a
    /// name each further try waits, 1 s to 15 minutes, also over a restart; after 30 wrong tries in 5 minutes from one
    /// address, none of it is looked at for the rest of them.
    ///
    /// # Errors
    /// [`NoSignIn`] says which.
    pub async fn sign_in(&self, with: SignIn, from: IpAddr) -> Result<NewSession, NoSignIn> {
        if let Some(wait) = lock(&self.0.addresses).wait(from, Instant::now()) {
            let event = Event::new("somebody", What::SignInLocked);
            self.refused(&event.of("", &format!("from {from}")));
            return Err(NoSignIn::Wait(wait));
        }
        let _places = match &with {
            SignIn::Password { .. } => Some(self.0.hashing.take().await.ok_or(NoSignIn::Busy)?),
            SignIn::Token(_) => None,
        };
        let access = self.clone();
        let looked_at = tokio::task::spawn_blocking(move || access.look_at(&with, from)).await;
        looked_at.unwrap_or_else(|error| {
            Err(AccessError::System(format!("look at a sign-in: {error}")).into())
        })
    }

    fn look_at(&self, with: &SignIn, from: IpAddr) -> Result<NewSession, NoSignIn> {
        let outcome = match with {
            SignIn::Password { name, password } => self.by_password(name, password),
            SignIn::Token(value) => self.by_token(value),
        };
        let (what, refusal) = match outcome {
            Ok(principal) => return self.let_in(with, principal, from),
            Err(NoSignIn::Wait(wait)) => (What::SignInLocked, NoSignIn::Wait(wait)),
            Err(NoSignIn::Wrong) => {
                lock(&self.0.addresses).wrong(from, Instant::now());
                (What::SignInFailed, NoSignIn::Wrong)
            }
            Err(other) => return Err(other),
        };
        let subject = match with {
            SignIn::Password { name, .. } if self.has_user(name)? => format!("user {name}"),
            // What was typed as a name is a password now and then, so it is not written down.
            SignIn::Password { .. } => "no user".to_owned(),
            SignIn::Token(_) => "no token".to_owned(),
        };
        let event = Event::new("somebody", what);
        self.record_refusal(&event.of(&subject, &format!("from {from}")));
        Err(refusal)
    }

    fn by_password(&self, name: &str, password: &str) -> Result<Principal, NoSignIn> {
        let found = self.password_of(name)?;
        let counted = self.write(|change| lock_out::attempt(change, name, found.is_some()))?;
        counted.map_err(NoSignIn::Wait)?;
        if !found.unwrap_or_else(Hashed::of_nobody).matches(password)? {
            return Err(NoSignIn::Wrong);
        }
        Ok(self.read(|conn| Principal::of_user(conn, name.to_owned()))?)
    }

    fn by_token(&self, value: &str) -> Result<Principal, NoSignIn> {
        let found = self.read(|conn| tokens::by_value(conn, value))?;
        found.map(tokens::Token::principal).ok_or(NoSignIn::Wrong)
    }

    fn let_in(
        &self,
        with: &SignIn,
        principal: Principal,
        from: IpAddr,
    ) -> Result<NewSession, NoSignIn> {
        self.write(|change| {
            if let SignIn::Password { name, .. } = with {
                lock_out::forgive(change, name)?;
            }
            let who = principal.who().to_string();
            change.record(&Event::new(&who, What::SignIn).of("", &format!("from {from}")))?;
            Ok(sessions::begin(change, principal)?)
        })
    }

    /// Ends the session of this cookie. `who` is whose it was.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn sign_out(&self, who: &Who, cookie: &str) -> Result<(), AccessError> {
        let (access, who, hash) = (self.clone(), who.to_string(), secret::hash(cookie));
        let ended = tokio::task::spawn_blocking(move || {
            access.write(|change| {
                change.execute("DELETE FROM sessions WHERE hash = ?", [hash])?;
                change.record(&Event::new(&who, What::SignOut))
            })
        });
        ended
            .await
            .unwrap_or_else(|error| Err(AccessError::System(format!("end a session: {error}"))))
    }
}
