//! OAuth 2 by the host: it gets the access tokens of a credential, keeps them, and gets new ones in time. Guests see a
//! placeholder for the token, and of the client's secret and the refresh token nothing at all.
//!
//! ```text
//! credential, fonio.toml ─▶ Tokens ── current ─▶ AccessToken ─▶ a vault for the step (sealed.rs)
//!                             │  ▲
//!          token_url ◀─ ask ──┘  └── refused: a system answered 401
//! ```
//!
//! - [`tokens`]: which token counts, and when the next is asked for: one at a time, ahead of need.
//! - [`exchange`]: one request to the token endpoint, and what its reply means.
//! - [`kept`]: a refresh token that the endpoint gave in place of the credential's, encrypted in the data folder.
//! - [`known`]: every secret the credential has had, to look for in what is said.
//!
//! Known to RFC 6749: the grants `client_credentials` and `refresh_token`. How a person agrees for the first time is not
//! the host's business.

mod exchange;
mod kept;
mod known;
mod tokens;

pub use exchange::OAuthError;
pub use tokens::{AccessToken, Tokens};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonio_project::{Credential, OAuthSettings, Project, Settings};
use fonio_sandbox::Egress;

/// The tokens of a project's credentials, by credential.
pub type TokensByCredential = BTreeMap<String, Arc<Tokens>>;

/// Where a project's data are, unless its host was told otherwise.
pub fn usual_data(dir: &Path) -> PathBuf {
    dir.join(".fonio")
}

/// For one credential. `settings` grants the way there; its `token_url` is granted because it is named.
pub fn tokens(
    credential: &Credential,
    oauth: &OAuthSettings,
    settings: &Settings,
    data: &Path,
) -> Arc<Tokens> {
    let egress = Egress::new(settings.grants("", vec![oauth.origin.clone()]));
    Arc::new(Tokens::new(credential, oauth, egress, data))
}

/// For every credential of a project that fonio.toml has `oauth` for; those of `old` where nothing has changed, with the
/// tokens that they have.
pub fn of_project(
    project: &Project,
    old: Option<(&Project, &TokensByCredential)>,
    data: &Path,
) -> TokensByCredential {
    let same = |credential: &Credential| {
        let (before, tokens) = old?;
        let unchanged = before.credentials.get(&credential.name) == Some(credential)
            && before.settings.allow == project.settings.allow;
        tokens.get(&credential.name).filter(|_| unchanged).cloned()
    };
    let wanted = project.credentials.values();
    let wanted = wanted.filter_map(|credential| Some((credential, credential.oauth.as_ref()?)));
    wanted
        .map(|(credential, oauth)| {
            let made = || tokens(credential, oauth, &project.settings, data);
            let tokens = same(credential).unwrap_or_else(made);
            (credential.name.clone(), tokens)
        })
        .collect()
}
