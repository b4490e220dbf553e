//! Every secret that a credential has had: an endpoint may well repeat what it was sent, or gave, a while ago.

use std::collections::VecDeque;

use fonio_project::oauth_field;
use fonio_sandbox::{CredentialSpec, SecretText, Vault};
use serde_json::{Map, Value};

/// What of a credential's content no guest and no reader may see.
const OF_THE_CONTENT: &[&str] = &["client_secret", "refresh_token", "access_token", "id_token"];
/// So many tokens of each kind are remembered, the last ones: what an endpoint says of a refusal is looked through for all.
const REMEMBERED: usize = 16;
/// For so many of them, the last ones, replies and logs of steps are looked through: of a token that was followed by four
/// others, none still counts at any endpoint known, and each costs every reply that is looked through.
const IN_USE: usize = 4;

/// A secret, with the name of its field.
pub(super) type Named = (String, SecretText);

/// The secrets of one credential since the program began, or the credential was changed.
#[derive(Debug, Default)]
pub(super) struct Known {
    of_the_content: Vec<Named>,
    access_tokens: VecDeque<SecretText>,
    refresh_tokens: VecDeque<SecretText>,
}

impl Known {
    /// Those in a credential's content.
    pub fn of(body: &Map<String, Value>) -> Known {
        let named = OF_THE_CONTENT.iter().filter_map(|name| {
            let text = oauth_field(body, name)?;
            Some(((*name).to_owned(), SecretText::new(text.to_owned())))
        });
        Known {
            of_the_content: named.collect(),
            ..Known::default()
        }
    }

    /// Remembers an access token.
    pub fn add_access_token(&mut self, token: &SecretText) {
        remember(&mut self.access_tokens, token);
    }

    /// Remembers a refresh token.
    pub fn add_refresh_token(&mut self, token: &SecretText) {
        remember(&mut self.refresh_tokens, token);
    }

    /// All of them.
    pub fn all(&self) -> Vec<Named> {
        self.last(REMEMBERED)
    }

    /// Those that may still count somewhere.
    pub fn in_use(&self) -> Vec<Named> {
        self.last(IN_USE)
    }

    fn last(&self, most: usize) -> Vec<Named> {
        let mut all = self.of_the_content.clone();
        let kinds = [
            ("access_token", &self.access_tokens),
            ("refresh_token", &self.refresh_tokens),
        ];
        for (name, tokens) in kinds {
            let last = tokens.iter().skip(tokens.len().saturating_sub(most));
            all.extend(last.map(|token| (name.to_owned(), token.clone())));
        }
        all
    }
}

fn remember(tokens: &mut VecDeque<SecretText>, token: &SecretText) {
    tokens.retain(|known| known.expose() != token.expose());
    tokens.push_back(token.clone());
    if tokens.len() > REMEMBERED {
        tokens.pop_front();
    }
}

/// Looks through a text for these.
pub(super) fn filter(secrets: Vec<Named>) -> Vault {
    let spec = CredentialSpec {
        hidden: secrets,
        ..CredentialSpec::default()
    };
    Vault::new(spec, Map::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_tokens_are_remembered_beside_what_the_credential_came_with() {
        let body =
            json!({"clientSecret": "client-hush", "refresh_token": "refresh-hush-0", "name": "x"});
        let mut known = Known::of(body.as_object().expect("an object"));
        for number in 1..=REMEMBERED + 1 {
            let token = SecretText::new(format!("refresh-hush-{number}"));
            known.add_refresh_token(&token);
            known.add_refresh_token(&token);
        }
        let all = known.all();
        let texts: Vec<&str> = all.iter().map(|(_, secret)| secret.expose()).collect();
        assert_eq!(texts[..2], ["client-hush", "refresh-hush-0"]);
        assert_eq!(texts[2..].len(), REMEMBERED);
        assert!(!texts.contains(&"refresh-hush-1"));
        let in_use = known.in_use();
        let texts: Vec<&str> = in_use.iter().map(|(_, secret)| secret.expose()).collect();
        let last: Vec<String> = (REMEMBERED - IN_USE + 2..=REMEMBERED + 1)
            .map(|number| format!("refresh-hush-{number}"))
            .collect();
        assert_eq!(texts[2..], last);
        let said = "refresh-hush-0 and refresh-hush-5";
        let expected = "[sealed refresh_token] and [sealed refresh_token]";
        assert_eq!(filter(all).redact(said), expected);
    }
}
