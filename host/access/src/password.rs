//! Passwords: argon2id with OWASP's parameters, a few at a time.

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::AccessError;
use crate::secret::random_bytes;

/// The shortest password, in characters.
pub const PASSWORD_CHARACTERS_MIN: usize = 10;
/// The longest, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// 19 MiB, twice over, in one lane: some 20 ms on a core of a small server.
const MEMORY_KIB: u32 = 19456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashings at once: 38 MiB at most, and never more than two threads that somebody who is not signed in keeps busy.
pub(crate) const AT_ONCE_MAX: usize = 2;
/// Hashings under way or waiting; the next is refused. With two at a time the last one waits 0.2 s.
pub(crate) const WAITING_MAX: usize = 16;

/// Room for hashings.
pub(crate) struct Places {
    pub(crate) wait: Semaphore,
    pub(crate) work: Semaphore,
}

impl Places {
    /// A place, after those who came before; none when too many wait.
    pub(crate) async fn take(&self) -> Option<(SemaphorePermit<'_>, SemaphorePermit<'_>)> {
        let waiting = self.wait.try_acquire().ok()?;
        let working = self.work.acquire().await.ok()?;
        Some((waiting, working))
    }
}

/// What is kept of a password. The parameters stand with it, so that they can be raised for new ones.
#[derive(Clone)]
pub(crate) struct Hashed {
    pub(crate) salt: Vec<u8>,
    pub(crate) hash: Vec<u8>,
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Hashed {
    /// Of a new password, if it may be one.
    pub(crate) fn new(password: &str) -> Result<Hashed, AccessError> {
        if password.chars().count() < PASSWORD_CHARACTERS_MIN {
            return Err(AccessError::PasswordTooShort);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(AccessError::PasswordTooLong);
        }
        let mut hashed = Hashed::of_nobody();
        hashed.salt = random_bytes::<16>()?.to_vec();
        hashed.hash = hashed.hash_of(password)?;
        Ok(hashed)
    }

    /// Matches no password, and takes as long to say so: whoever asks for a name that is not there learns nothing.
    pub(crate) fn of_nobody() -> Hashed {
        Hashed {
            salt: vec![0; 16],
            hash: Vec::new(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
        }
    }

    /// Whether this is the password.
    pub(crate) fn matches(&self, password: &str) -> Result<bool, AccessError> {
        // A longer one cannot have been set; its beginning stands for it, so that it takes no longer.
        let end = password.floor_char_boundary(PASSWORD_BYTES_MAX);
        let found = self.hash_of(&password[..end])?;
        let same: bool = found.ct_eq(&self.hash).into();
        Ok(same && end == password.len())
    }

    fn hash_of(&self, password: &str) -> Result<Vec<u8>, AccessError> {
        let failed = |error| AccessError::System(format!("hash a password: {error}"));
        let params =
            Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(failed)?;
        let mut hash = vec![0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), &self.salt, &mut hash)
            .map_err(failed)?;
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_is_taken_for_it() {
        let hashed = Hashed::new("a long enough one").expect("it may be a password");
        assert_eq!(hashed.matches("a long enough one"), Ok(true));
        assert_eq!(hashed.matches("a long enough onE"), Ok(false));
        assert_eq!(hashed.matches(""), Ok(false));
        let again = Hashed::new("a long enough one").expect("it may be a password");
        assert_ne!(hashed.hash, again.hash, "each has a salt of its own");
    }

    #[test]
    fn nobody_has_a_password() {
        for password in ["", "a long enough one"] {
            assert_eq!(Hashed::of_nobody().matches(password), Ok(false));
        }
    }

    #[test]
    fn passwords_have_a_shortest_and_a_longest() {
        assert_eq!(
            Hashed::new("ninechars").err(),
            Some(AccessError::PasswordTooShort)
        );
        let longest = "x".repeat(PASSWORD_BYTES_MAX);
        let hashed = Hashed::new(&longest).expect("the longest");
        assert_eq!(hashed.matches(&format!("{longest}y")), Ok(false));
        assert_eq!(
            Hashed::new(&format!("{longest}y")).err(),
            Some(AccessError::PasswordTooLong)
        );
    }
}
