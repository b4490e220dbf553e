//! Sealed credentials: a guest gets placeholders, and the host puts the secrets into requests itself.
//!
//! ```text
//! credential ─▶ Vault ── mint, per step ─▶ Seals ─▶ state.configuration, with placeholders
//!  (at load)                                 │
//!              guest ─ request ─▶ granted? ─▶ open (request.rs, body.rs) ─▶ the network
//!              guest ◀─ reply ◀─ seal again (filter.rs) ◀─ gunzip ◀───────┘
//!              log, errors, final state ◀─ redact (filter.rs)
//! ```
//!
//! - [`vault`]: what is secret in a credential, and the credential as one step sees it.
//! - [`placeholder`]: how a placeholder looks, and where some bytes hold one.
//! - [`request`]: opening in headers, path and query; [`body`]: in a body.
//! - [`weakness`]: secrets that this serves badly.
//! - [`forms`]: how a secret can look after others have written it; [`reading`]: texts that are written once more;
//!   [`needles`]: finding the one in the other; [`filter`]: taking out what is found.
//! - [`whole`]: both on whole requests and replies, for checks from outside.
//!
//! What it cannot do: know a form that only the guest and its far side agree on. SECURITY.md says what that means.

mod body;
mod filter;
mod forms;
mod needles;
mod placeholder;
#[cfg(test)]
mod property;
mod reading;
mod request;
mod secret;
mod vault;
mod weakness;
mod whole;

pub(crate) use filter::Resealed;
pub(crate) use request::Refusal;
pub use secret::SecretText;
pub use vault::{CredentialSpec, Refused, Seals, Vault};
pub use weakness::Weakness;
