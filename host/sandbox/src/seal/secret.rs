//! A text that is kept for the host's own use.

use std::fmt;

use zeroize::Zeroizing;

/// A text that `Debug` does not show, wiped when it is dropped.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over.
    pub fn new(text: String) -> SecretText {
        SecretText(Zeroizing::new(text))
    }

    /// A copy, which is wiped too.
    pub(super) fn own(&self) -> Zeroizing<String> {
        self.0.clone()
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
