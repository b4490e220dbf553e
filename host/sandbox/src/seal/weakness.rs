//! Secrets that sealing serves badly: what is short or common is found in replies where nobody wrote it.

/// From here on a text is rarely in a reply by chance.
pub const SOUGHT_WELL_MIN_CHARS: usize = 8;

/// Texts of at least eight characters that people have as passwords and that replies have for other reasons, in small
/// letters: passwords of demonstrations, fields and values of APIs.
const COMMON: &[&str] = &[
    "12345678",
    "123456789",
    "1234567890",
    "00000000",
    "11111111",
    "access_token",
    "administrator",
    "application",
    "application/json",
    "authorization",
    "changeme",
    "concepts",
    "configuration",
    "database",
    "district",
    "encounter",
    "facility",
    "hospital",
    "identifier",
    "location",
    "openmrs1",
    "organisation",
    "organization",
    "password",
    "password1",
    "patients",
    "postgres",
    "practitioner",
    "production",
    "qwertyui",
    "resource",
    "response",
    "supervisor",
    "undefined",
    "username",
];

/// What is the matter with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Under 4 bytes: it is not looked for in replies, logs and records at all.
    NotSought,
    /// Under 8 characters: it may be found where it was not meant.
    Short,
    /// A word that replies have anyway.
    Common,
}

impl Weakness {
    /// Of a secret that is not empty.
    pub(super) fn of(secret: &str, sought_min_bytes: usize) -> Option<Weakness> {
        if secret.len() < sought_min_bytes {
            Some(Weakness::NotSought)
        } else if secret.chars().count() < SOUGHT_WELL_MIN_CHARS {
            Some(Weakness::Short)
        } else {
            let is_common = COMMON.contains(&secret.to_lowercase().as_str());
            is_common.then_some(Weakness::Common)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::vault::SECRET_MIN_BYTES;

    #[test]
    fn what_is_short_or_common_is_told_from_what_serves() {
        for (secret, weakness) in [
            ("abc", Some(Weakness::NotSought)),
            ("hush", Some(Weakness::Short)),
            ("é", Some(Weakness::NotSought)),
            ("éééé", Some(Weakness::Short)),
            ("seven77", Some(Weakness::Short)),
            ("District", Some(Weakness::Common)),
            ("hush-hush", None),
        ] {
            assert_eq!(Weakness::of(secret, SECRET_MIN_BYTES), weakness, "{secret}");
        }
    }
}
