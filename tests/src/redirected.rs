//! A browser that is sent to an identity provider, and comes back.

use crate::identity_provider::CLIENT_SECRET;
use crate::{Host, IdentityProvider, Program, Project, Response};

/// Where browsers find a host that [`Project::going_by`] an identity provider.
pub const PUBLIC: &str = "https://fonio.example.org";

/// A browser on its way.
#[derive(Clone, Debug)]
pub struct SentAway {
    /// Where to.
    pub location: String,
    /// `fonio_oidc=…`.
    pub cookie: String,
    /// What is said of that cookie.
    pub attributes: String,
}

impl Project {
    /// With a file for `serve --oidc`, in which there is also `more`.
    #[must_use]
    pub fn going_by(self, provider: &IdentityProvider, more: &str) -> Project {
        let issuer = provider.issuer();
        self.file("etc/secret", CLIENT_SECRET).file(
            "etc/oidc.toml",
            format!(
                "issuer = \"{issuer}\"\nclient_id = \"fonio\"\npublic_url = \"{PUBLIC}\"\nname = \"the Ministry\"\n{more}\n"
            ),
        )
    }
}

impl Host {
    /// Serves the project with that file.
    pub fn by_oidc(project: Project, serve: &[&str]) -> Host {
        let usual = ["--listen", "127.0.0.1:0", "--oidc", "etc/oidc.toml"];
        let host = Host::guarded_by(project, &Program::new([&["serve"], serve, &usual].concat()));
        host.wait_until_ready();
        host
    }

    /// Begins a sign-in at this path.
    #[track_caller]
    pub fn sent_away(&self, path: &str) -> SentAway {
        let reply = self.get(path);
        assert_eq!(reply.status, 303, "{}", reply.text());
        let set = reply.header("set-cookie").expect("a cookie");
        let (cookie, attributes) = set.split_once("; ").expect("attributes");
        SentAway {
            location: reply.header("location").expect("it goes on").to_owned(),
            cookie: cookie.to_owned(),
            attributes: attributes.to_owned(),
        }
    }

    /// Comes back to this address.
    #[track_caller]
    pub fn comes_back(&self, address: &str, cookie: &str) -> Response {
        let target = address.strip_prefix(PUBLIC);
        let target = target.unwrap_or_else(|| panic!("{address} is elsewhere"));
        self.send("GET", target, &[("cookie", cookie)], b"")
    }

    /// All of it.
    #[track_caller]
    pub fn sign_in_by(&self, provider: &IdentityProvider) -> Response {
        let away = self.sent_away("/api/v1/session/oidc");
        self.comes_back(&provider.visited(&away.location), &away.cookie)
    }
}

impl Response {
    /// The session's cookie, after checking that it lets somebody in.
    #[track_caller]
    pub fn session_cookie(&self) -> String {
        assert_eq!(self.status, 303, "{}", self.text());
        let set = self.header("set-cookie").expect("a cookie");
        assert!(set.starts_with("fonio_session="), "{set}");
        set.split(';').next().unwrap_or_default().to_owned()
    }
}
