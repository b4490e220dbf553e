//! From a request's headers to whoever sent it.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE as COOKIES};

use crate::error::AccessError;
use crate::principal::Principal;
use crate::secret::TOKEN_PREFIX;
use crate::sessions::{self, COOKIE};
use crate::{Access, tokens};

/// Why it is not known who a request is from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It carries nothing that would say so.
    #[error("sign in at the page, or send a token: `Authorization: Bearer fonio_…`")]
    Nothing,
    /// It carries a token that is not good (any more).
    #[error("the token is not known here, has expired or was revoked")]
    Token,
    /// It carries a cookie whose session is over.
    #[error("the session has ended; sign in again")]
    Session,
    /// The file cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl Access {
    /// Who sent these headers: a token counts before a cookie, and one that is wrong is not made up for by the other.
    ///
    /// Takes some 3 µs for a token and 11 µs for a session. A session that is in use is written down as that once a minute, in the background, on the tokio
    /// runtime of the caller if it has one.
    ///
    /// # Errors
    /// [`Refusal`] says which.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        if let Some(value) = bearer(headers) {
            let found = self.read(|conn| tokens::by_value(conn, value))?;
            return found.map(tokens::Token::principal).ok_or(Refusal::Token);
        }
        let cookie = session_cookie(headers).ok_or(Refusal::Nothing)?;
        let found = self.read(|conn| sessions::find(conn, cookie))?;
        let found = found.ok_or(Refusal::Session)?;
        if found.touch {
            self.touch_later(cookie);
        }
        Ok(found.principal)
    }

    fn touch_later(&self, cookie: &str) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (access, cookie) = (self.clone(), cookie.to_owned());
        runtime.spawn_blocking(move || {
            if let Err(error) = access.touch(&cookie) {
                tracing::warn!(%error, "that a session is in use could not be written down");
            }
        });
    }
}

/// The token of a request, if it has one of ours: other programs' may be for a proxy before this host.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = text.split_once(' ')?;
    let value = value.trim();
    (scheme.eq_ignore_ascii_case("bearer") && value.starts_with(TOKEN_PREFIX)).then_some(value)
}

/// The session's cookie of a request.
pub fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE)
}

/// The cookie of this name.
pub fn cookie<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let all = headers.get_all(COOKIES).iter();
    all.filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == wanted).then_some(value))
}
