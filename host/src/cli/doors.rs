//! Who may pass, as `fonio serve` is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use fonio_access::{Access, NewToken, Role, Scopes, Tenants};
use fonio_project::{Project, load_oidc};
use tokio::net::TcpListener;

use super::{Failure, paint};
use crate::host::Host;
use crate::oidc::Oidc;
use crate::server::Entrance;
use crate::server::doors::Doors;
use crate::server::tls::{Tls, TlsFiles};

/// The token that a host makes when nobody can get in.
const FIRST_TOKEN: &str = "first";

#[derive(Debug, Args)]
pub(crate) struct DoorOptions {
    /// Opens the page, the API and the metrics to whoever can reach them. Only on a loopback address.
    #[arg(long, conflicts_with = "behind_proxy")]
    dev: bool,
    /// A proxy stands before this host: what it says of a request in X-Forwarded-For and X-Forwarded-Proto counts, and
    /// triggers without `auth` are closed also where it listens on a loopback address.
    #[arg(long)]
    behind_proxy: bool,
    /// Speaks HTTPS with this certificate and those that lead from it to an authority, in PEM. Read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Asks clients for certificates of these authorities, in PEM; triggers with `auth = "mtls"` take no others.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Lets users sign in by OpenID Connect, at the service that this file names (TOML; docs/access.md). It and what it
    /// names are read at the start.
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    oidc: Option<PathBuf>,
}

impl DoorOptions {
    /// The folders of the certificate, its key and the authorities of clients.
    pub(crate) fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let files = [&self.tls_cert, &self.tls_key, &self.tls_client_ca];
        let folders = files.into_iter().flatten().filter_map(|file| file.parent());
        folders.map(|folder| {
            let here = folder == Path::new("");
            PathBuf::from(if here { Path::new(".") } else { folder })
        })
    }

    /// What the file of `--oidc` says; nothing is asked of the service before somebody wants to sign in.
    pub(crate) fn load_oidc(&self) -> Result<Option<Arc<Oidc>>, Failure> {
        let Some(file) = &self.oidc else {
            return Ok(None);
        };
        let (settings, problems) = load_oidc(file);
        for problem in &problems {
            paint::problem(problem);
        }
        let settings = settings.ok_or_else(|| {
            Failure::usage(format!("{} cannot be used for --oidc", file.display()))
        })?;
        let oidc = Oidc::new(settings)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        Ok(Some(Arc::new(oidc)))
    }

    /// Puts doors before what listens.
    pub(crate) fn guard(
        self,
        listener: TcpListener,
        access: Access,
        oidc: Option<Arc<Oidc>>,
    ) -> Result<Entrance, Failure> {
        let address = listener.local_addr().map_err(Failure::failed)?;
        let loopback = address.ip().to_canonical().is_loopback();
        if self.dev && !loopback {
            return Err(Failure::usage(format!(
                "--dev opens everything to whoever can reach it, and {address} can be reached from elsewhere: listen on 127.0.0.1, \
                 or leave --dev out and sign in"
            )));
        }
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(certificate), Some(key)) => {
                let files = TlsFiles {
                    certificate,
                    key,
                    client_ca: self.tls_client_ca,
                };
                Some(Arc::new(Tls::load(files).map_err(Failure::failed)?))
            }
            _ => None,
        };
        let doors = Doors {
            access,
            oidc,
            open: self.dev,
            exposed: !loopback || self.behind_proxy,
            behind_proxy: self.behind_proxy,
        };
        Ok(Entrance {
            listener,
            doors: Arc::new(doors),
            tls,
        })
    }
}

/// `http` or `https`.
pub(crate) fn scheme(entrance: &Entrance) -> &'static str {
    if entrance.tls.is_some() {
        "https"
    } else {
        "http"
    }
}

/// Says which triggers nobody may use yet, where others than this machine could.
pub(crate) fn announce_closed(doors: &Doors, host: &Host, project: &Project) {
    let triggers = project.doors();
    let silent = triggers.iter().filter(|door| door.settings.is_none());
    let names: Vec<&str> = silent.map(|door| door.name.as_str()).collect();
    if doors.exposed && !names.is_empty() {
        let said =
            "nobody may send messages there until fonio.toml says who (`auth` under [triggers])";
        host.say("closed", &format!("{}: {said}", names.join(", ")));
    }
}

/// Says who may pass; makes the first token if nobody can, which is shown this once.
pub(crate) fn announce(entrance: &Entrance, url: &str) -> Result<(), Failure> {
    let access = &entrance.doors.access;
    if let Some(oidc) = &entrance.doors.oidc {
        paint::event("sign-in", &oidc.in_words());
    }
    if entrance.doors.open {
        paint::event(
            "open",
            "--dev: whoever reaches this address may see and change everything, without signing in",
        );
        return Ok(());
    }
    if !access.is_empty().map_err(Failure::failed)? {
        if !access.has_admin().map_err(Failure::failed)? {
            paint::event(
                "no admin",
                "nobody here has the role admin: `fonio user role NAME --role admin`, or `fonio token new NAME --role admin`",
            );
        }
        return Ok(());
    }
    let new = NewToken {
        name: FIRST_TOKEN,
        role: Role::Admin,
        tenants: Tenants::All,
        scopes: Scopes::all(),
        lifetime: None,
    };
    let value = access.make_token("host", &new).map_err(Failure::failed)?;
    paint::event("first token", &value);
    paint::event(
        "",
        &format!(
            "this host is closed, and this token opens it; it is shown once and kept nowhere. Sign in with it at {url}/, or \
             send it as `Authorization: Bearer …`. Then `fonio user add NAME --role admin`, and `fonio token revoke {FIRST_TOKEN}`"
        ),
    );
    Ok(())
}
