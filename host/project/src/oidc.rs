//! The file of `serve --oidc`: which service says who people are, and what of its word counts. It is the operator's file,
//! beside no project and in none.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::credential::origin_of_address;
use crate::inputs::{Inputs, Read};
use crate::problem::Problem;
use crate::reading::Reading;
use crate::report::{Place, Secrecy};
use crate::tree::{Node, parse_toml};

/// Longer words do not fit on a button.
const NAME_CHARACTERS_MAX: usize = 60;
/// Far above any secret and any list of authorities of one organisation.
const FILE_MAX_BYTES: u64 = 256 << 10;

const KEYS: &[&str] = &[
    "issuer",
    "client_id",
    "client_secret_file",
    "public_url",
    "name",
    "claim",
    "ca",
];

/// Sign-in by OpenID Connect, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcSettings {
    /// `issuer`: the service, in the very letters in which it names itself. By https, or on loopback.
    pub issuer: String,
    /// `client_id`: what the service knows this host by.
    pub client_id: String,
    /// What is in `client_secret_file`. Without it the host is a public client, which PKCE alone protects.
    pub client_secret: Option<ClientSecret>,
    /// `public_url`: where browsers find this host; without a slash at its end.
    pub public_url: String,
    /// `name`: what the page calls the service. Default: the issuer's host name.
    pub name: String,
    /// `claim`: which of the service's words says who somebody is. Default: `email`.
    pub claim: OidcClaim,
    /// What is in `ca`: the authorities that sign the service's certificate, PEM, in place of those built in.
    pub ca: Option<String>,
}

/// Which claim says who somebody is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OidcClaim {
    /// `email`, where `email_verified` is true.
    #[default]
    Email,
    /// `sub`: the account, which keeps it for ever.
    Subject,
    /// `preferred_username`.
    Username,
}

/// A text that `Debug` does not show, wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(Zeroizing<String>);

impl Deref for ClientSecret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl OidcClaim {
    const ALL: [OidcClaim; 3] = [OidcClaim::Email, OidcClaim::Subject, OidcClaim::Username];

    /// As the service writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            OidcClaim::Email => "email",
            OidcClaim::Subject => "sub",
            OidcClaim::Username => "preferred_username",
        }
    }
}

/// Reads the file. `None` when it cannot be understood, or has errors.
pub fn load_oidc(file: &Path) -> (Option<OidcSettings>, Vec<Problem>) {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut inputs = Inputs::new(Path::new(""));
    let text = match inputs.read(file, Secrecy::Open) {
        Read::Text(text) => text,
        Read::Missing => {
            let report = &mut inputs.report;
            report.error(file, Place::FILE, "the file is not there");
            return (None, inputs.report.into_problems());
        }
        Read::Refused => return (None, inputs.report.into_problems()),
    };
    let read = match parse_toml(&text) {
        Ok(root) => Reading {
            report: &mut inputs.report,
            file,
            text: &text,
        }
        .oidc(&root, folder),
        Err(errors) => {
            for error in errors {
                inputs.report.error(file, error.at, error.message).help = error.help;
            }
            None
        }
    };
    let problems = inputs.report.into_problems();
    let right = !problems.iter().any(Problem::is_error);
    (read.filter(|_| right), problems)
}

impl Reading<'_> {
    fn oidc(&mut self, root: &Node, folder: &Path) -> Option<OidcSettings> {
        let (mut issuer, mut client_id, mut public_url) = (None, None, None);
        let (mut client_secret, mut ca) = (None, None);
        let (mut name, mut claim) = (None, None);
        for (key, value) in self.map(root, "the file")? {
            let what = format!("`{}`", key.text);
            match key.text.as_str() {
                "issuer" => issuer = Some(self.issuer(value)),
                "client_id" => client_id = Some(self.word(value, &what)),
                "client_secret_file" => client_secret = self.client_secret(value, folder),
                "public_url" => public_url = Some(self.public_url(value)),
                "name" => name = self.button(value),
                "claim" => claim = self.oidc_claim(value),
                "ca" => ca = self.content(value, &what, folder),
                "client_secret" => {
                    self.error(key.at, "`client_secret` is a secret, and this file is none")
                        .help("put it into a file of its own, and name that: client_secret_file = \"oidc.secret\"");
                }
                _ => self.unknown(key, "the file of --oidc", KEYS),
            }
        }
        for (there, line) in [
            (
                issuer.is_some(),
                "issuer = \"https://id.example.org/realms/clinic\"",
            ),
            (client_id.is_some(), "client_id = \"fonio\""),
            (
                public_url.is_some(),
                "public_url = \"https://fonio.example.org\"",
            ),
        ] {
            if !there {
                let key = line.split(' ').next().unwrap_or(line);
                self.error(Place::START, format!("there is no `{key}` in the file"))
                    .help(format!("such as {line}"));
            }
        }
        let issuer = issuer??;
        Some(OidcSettings {
            client_id: client_id??,
            client_secret,
            public_url: public_url??,
            name: name.unwrap_or_else(|| authority(&issuer).to_owned()),
            claim: claim.unwrap_or_default(),
            ca,
            issuer,
        })
    }

    fn issuer(&mut self, node: &Node) -> Option<String> {
        let address =
            self.oidc_address(node, "`issuer`", "https://id.example.org/realms/clinic")?;
        if is_exposed(&address) {
            self.error(
                node.at,
                "`issuer` is not on https: whoever is on the way could say who somebody is",
            )
            .help("http is for a service on this machine (127.0.0.1, [::1], localhost)");
            return None;
        }
        Some(address)
    }

    fn public_url(&mut self, node: &Node) -> Option<String> {
        let address = self.oidc_address(node, "`public_url`", "https://fonio.example.org")?;
        if is_exposed(&address) {
            self.warning(
                node.at,
                "sessions of people who sign in go to `public_url` unencrypted",
            )
            .help("use https");
        }
        Some(address.trim_end_matches('/').to_owned())
    }

    /// An absolute address that a path can be put behind.
    fn oidc_address(&mut self, node: &Node, what: &str, example: &str) -> Option<String> {
        let text = self.text(node, what)?;
        let schemed = text.starts_with("https://") || text.starts_with("http://");
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\' | '@' | '"');
        if !schemed || !text.chars().all(plain) || origin_of_address(&text).is_err() {
            self.error(
                node.at,
                format!("{what} is not an address on http or https"),
            )
            .help(format!(
                "such as {example}, without a user name, `?` and `#`"
            ));
            return None;
        }
        Some(text)
    }

    /// A text that is not empty.
    fn word(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.text(node, what)?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            self.error(node.at, format!("{what} is empty, or has more than a line"));
            return None;
        }
        Some(text)
    }

    fn button(&mut self, node: &Node) -> Option<String> {
        let text = self.word(node, "`name`")?;
        if text.chars().count() > NAME_CHARACTERS_MAX {
            let said = format!("`name` is longer than {NAME_CHARACTERS_MAX} characters");
            self.error(node.at, said)
                .help("it stands on a button: Sign in with …");
            return None;
        }
        Some(text)
    }

    fn oidc_claim(&mut self, node: &Node) -> Option<OidcClaim> {
        let text = self.text(node, "`claim`")?;
        let found = OidcClaim::ALL
            .into_iter()
            .find(|claim| claim.as_str() == text);
        if found.is_none() {
            self.error(
                node.at,
                format!("`{text}` is no claim that the host goes by"),
            )
            .help("one of email, sub and preferred_username");
        }
        found
    }

    fn client_secret(&mut self, node: &Node, folder: &Path) -> Option<ClientSecret> {
        let text = Zeroizing::new(self.content(node, "`client_secret_file`", folder)?);
        let secret = text.trim();
        if secret.is_empty() || secret.chars().any(char::is_control) {
            self.error(
                node.at,
                "the file in `client_secret_file` is empty, or has more than a line",
            );
            return None;
        }
        Some(ClientSecret(Zeroizing::new(secret.to_owned())))
    }

    /// What is in a file that is named here, beside this one unless its path says otherwise.
    fn content(&mut self, node: &Node, what: &str, folder: &Path) -> Option<String> {
        let named = PathBuf::from(self.text(node, what)?);
        let path = folder.join(named);
        let read = match std::fs::metadata(&path) {
            Ok(file) if file.len() > FILE_MAX_BYTES => Err(format!(
                "it is larger than {}",
                crate::format_size(FILE_MAX_BYTES)
            )),
            _ => std::fs::read_to_string(&path).map_err(|error| error.to_string()),
        };
        read.map_err(|why| {
            let said = format!("{what}: {} cannot be read: {why}", path.display());
            self.error(node.at, said);
        })
        .ok()
    }
}

/// Host and port of an address.
fn authority(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Whether what is sent to this address can be read on the way: it is on http, and not on this machine.
pub fn is_exposed(address: &str) -> bool {
    let authority = authority(address);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    };
    let loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
    let here = host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(loopback);
    // What stands before an `@` only looks like a host.
    address.starts_with("http:") && (!here || authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "issuer = \"https://id.example.org/realms/clinic\"\nclient_id = \"fonio\"\n\
                         public_url = \"https://fonio.example.org/\"\n";

    /// What comes of this file, and all that is said of it.
    fn load(text: &str) -> (Option<OidcSettings>, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("oidc.toml");
        std::fs::write(&file, text).expect("a file");
        std::fs::write(folder.path().join("secret"), "hush\n").expect("a file");
        std::fs::write(folder.path().join("empty"), "\n").expect("a file");
        let (settings, problems) = load_oidc(&file);
        let said: Vec<String> = problems.iter().map(Problem::to_string).collect();
        (settings, said.join("\n"))
    }

    #[test]
    fn three_lines_are_enough() {
        let (settings, said) = load(WHOLE);
        assert_eq!(said, "");
        let settings = settings.expect("it is understood");
        assert_eq!(settings.public_url, "https://fonio.example.org");
        assert_eq!(settings.name, "id.example.org");
        assert_eq!(settings.claim, OidcClaim::Email);
        assert_eq!((settings.client_secret, settings.ca), (None, None));
    }

    #[test]
    fn a_secret_is_in_a_file_beside_it_and_is_not_shown() {
        let (settings, _) = load(&format!("{WHOLE}client_secret_file = \"secret\"\n"));
        let settings = settings.expect("it is understood");
        assert_eq!(settings.client_secret.as_deref(), Some("hush"));
        assert!(!format!("{settings:?}").contains("hush"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_what_to_do() {
        for (line, words) in [
            ("isuer = \"x\"", "did you mean `issuer`?"),
            ("issuer = \"http://id.example.org\"", "not on https"),
            ("issuer = \"http://127.0.0.1.example.org\"", "not on https"),
            ("issuer = \"id.example.org\"", "is not an address"),
            (
                "issuer = \"https://id.example.org/?a\"",
                "is not an address",
            ),
            ("issuer = \"https://a@id.example.org\"", "is not an address"),
            ("client_id = \"\"", "`client_id` is empty"),
            ("claim = \"name\"", "one of email, sub"),
            ("client_secret = \"hush\"", "a file of its own"),
            ("client_secret_file = \"nowhere\"", "cannot be read"),
            ("client_secret_file = \"empty\"", "is empty"),
            ("ca = []", "should be a text"),
        ] {
            let key = line.split(' ').next().unwrap_or(line);
            let others = WHOLE.lines().filter(|other| !other.starts_with(key));
            let text: Vec<&str> = others.chain([line]).collect();
            let (settings, said) = load(&text.join("\n"));
            assert!(settings.is_none(), "{line}");
            assert!(said.contains(words), "{line}: {said}");
            let place = format!("oidc.toml:{}:", text.len());
            assert!(said.contains(&place), "{line}: {said}");
        }
    }

    #[test]
    fn http_is_for_this_machine() {
        for issuer in [
            "http://127.0.0.1:8080/realm",
            "http://[::1]:8080",
            "http://localhost",
        ] {
            let text = format!(
                "issuer = \"{issuer}\"\nclient_id = \"fonio\"\npublic_url = \"http://localhost:4001\"\n"
            );
            let (settings, said) = load(&text);
            assert_eq!((settings.is_some(), said.as_str()), (true, ""), "{issuer}");
        }
        let plain = WHOLE.replace("https://fonio", "http://fonio");
        let (settings, said) = load(&plain);
        assert!(settings.is_some() && said.contains("unencrypted"), "{said}");
    }

    #[test]
    fn what_is_missing_is_said_all_at_once() {
        let (settings, said) = load("name = \"Ministry\"\n");
        assert!(settings.is_none());
        for key in ["issuer", "client_id", "public_url"] {
            assert!(said.contains(&format!("there is no `{key}`")), "{said}");
        }
    }
}
