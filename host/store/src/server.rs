//! A PostgreSQL server as a store: what `--store` says, and a session in the schema of one project.
//!
//! Each project has a schema of its own (`fonio_clinic`), so that projects share a database without sharing a table, and
//! statements are the same as for a file.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::{Client, Config, NoTls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;
use crate::sql::{Db, Session, SqlError};

/// Until a server has taken a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long bytes may go unacknowledged before a connection counts as lost: without it a cut cable is noticed after
/// about 15 minutes, and a host would hold its claims as long.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);

/// What the server is told when a session begins. A statement that takes longer is wrong; a transaction whose host was
/// cut off holds its locks no longer than that.
const SESSION: &str = "SET synchronous_commit = on;
    SET statement_timeout = '30s';
    SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '20s';
    SET client_min_messages = warning;";

/// The longest name that PostgreSQL has for a schema.
const NAME_MAX: usize = 63;

/// Where the store of one project is.
pub(crate) struct Server {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    schema: String,
    name: PathBuf,
}

impl Server {
    /// `url` as it was given with `--store`, and the id of the project.
    pub(crate) fn new(url: &str, project: &str) -> Result<Server, StoreError> {
        let (url, root) = without_root(url);
        let wrong = |detail: String| StoreError::Url {
            given: shown(&url),
            detail,
        };
        let mut config = Config::from_str(&url).map_err(|error| wrong(cause(&error)))?;
        let given_mode = url.contains("sslmode=");
        let remote = config.get_hosts().iter().any(|host| match host {
            Host::Tcp(name) => !is_loopback(name),
            Host::Unix(_) => false,
        });
        if config.get_hosts().is_empty() {
            return Err(wrong(
                "it names no host; postgres://USER:PASSWORD@HOST/DATABASE".to_owned(),
            ));
        }
        // `prefer` gives way to whoever stands in between; data about patients does not cross a network like that.
        if !given_mode {
            config.ssl_mode(if remote {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls(root.as_deref()).map_err(wrong)?),
        };
        config
            .application_name("fonio")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(ACKNOWLEDGED_WITHIN)
            .keepalives_idle(ACKNOWLEDGED_WITHIN);
        let schema = schema_of(project);
        let name = PathBuf::from(format!("{} (schema {schema})", shown(&url)));
        Ok(Server {
            config,
            tls,
            schema,
            name,
        })
    }

    /// What messages call it: never with the password.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// The channel on which hosts tell each other what has changed.
    pub(crate) fn channel(&self) -> &str {
        &self.schema
    }

    /// A new session in the project's schema, which is made if it is not there.
    pub(crate) fn connect(&self) -> Result<Db, StoreError> {
        let client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        };
        // Whatever it is, a password or a cable: without a session there is no database.
        let client = client.map_err(|error| StoreError::Unreachable {
            database: self.name.clone(),
            detail: SqlError::Postgres(error).to_string(),
        })?;
        self.enter(client)
            .map_err(|error| self.failed("be opened", error))
    }

    fn enter(&self, mut client: Client) -> Result<Db, postgres::Error> {
        client.batch_execute(SESSION)?;
        // The name has no quotes in it: see `schema_of`.
        client.batch_execute(&format!("SET search_path = \"{}\"", self.schema))?;
        Ok(Db::Postgres(Box::new(Session::new(client))))
    }

    /// The name of the schema, in quotes where SQL wants it so.
    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    fn failed(&self, doing: &'static str, error: postgres::Error) -> StoreError {
        StoreError::of(&self.name, doing, &SqlError::Postgres(error))
    }
}

/// `fonio_` and the project's id; what cannot be in a name makes place for `_` and a few digits that keep two such
/// projects apart.
fn schema_of(project: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let plain: String = project
        .chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect();
    let name = format!("fonio_{plain}");
    if plain == project && name.len() <= NAME_MAX {
        return name;
    }
    let kept: String = name.chars().take(NAME_MAX - 9).collect();
    format!("{kept}_{:08x}", digits(project))
}

/// FNV-1a: the same for the same id on every host and in every version.
fn digits(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

fn is_loopback(name: &str) -> bool {
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// `sslrootcert=FILE` is libpq's own word, which the client here does not know.
fn without_root(url: &str) -> (String, Option<PathBuf>) {
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let mut root = None;
    let mut kept = Vec::new();
    for part in query.split('&') {
        match part.split_once('=') {
            Some(("sslrootcert", file)) => root = Some(PathBuf::from(decoded(file))),
            // Rustls checks the name of the host, whatever it is asked for.
            Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
            _ => kept.push(part),
        }
    }
    let query = kept.join("&");
    let url = if query.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{query}")
    };
    (url, root)
}

fn decoded(text: &str) -> String {
    text.replace("%2F", "/").replace("%2f", "/")
}

fn tls(root: Option<&Path>) -> Result<MakeRustlsConnect, String> {
    let mut roots = rustls::RootCertStore::empty();
    match root {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let wrong =
                |error: &dyn std::fmt::Display| format!("sslrootcert {}: {error}", file.display());
            let found = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?;
            for certificate in found {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// The address without the password: `postgres://ama:…@db.example.org/fonio`.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "the address".to_owned();
    };
    let (rest, _) = rest.split_once('?').unwrap_or((rest, ""));
    match rest.rsplit_once('@') {
        None => format!("{scheme}://{rest}"),
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
    }
}

fn cause(error: &postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_in_no_name_and_no_error() {
        let server = Server::new(
            "postgres://ama:hush@127.0.0.1:1/fonio?sslmode=disable",
            "clinic",
        )
        .map_err(drop);
        let server = server.expect("a good address");
        assert_eq!(
            server.name().to_str(),
            Some("postgres://ama@127.0.0.1:1/fonio (schema fonio_clinic)")
        );
        let refused = server
            .connect()
            .map(drop)
            .expect_err("nobody is there")
            .to_string();
        assert!(
            !refused.contains("hush") && refused.contains("cannot be reached"),
            "{refused}"
        );
        let wrong = Server::new("postgres://ama:hush@db/fonio?nonsense=1", "clinic").map(drop);
        let wrong = wrong.expect_err("an unknown word").to_string();
        assert!(!wrong.contains("hush"), "{wrong}");
    }

    #[test]
    fn ids_that_are_no_names_still_have_schemas_apart() {
        assert_eq!(schema_of("clinic"), "fonio_clinic");
        let long = "x".repeat(100);
        let names = ["Clinic", "clinic-1", "clinic_1", "clinic\"; DROP", &long].map(schema_of);
        for name in &names {
            assert!(
                name.len() <= NAME_MAX && !name.contains(['"', ' ', ';']),
                "{name}"
            );
        }
        let apart: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(apart.len(), names.len());
    }

    #[test]
    fn beyond_this_machine_a_connection_is_encrypted_unless_it_is_said_otherwise() {
        for (url, mode) in [
            ("postgres://u@db.example.org/f", SslMode::Require),
            (
                "postgres://u@db.example.org/f?sslmode=disable",
                SslMode::Disable,
            ),
            ("postgres://u@127.0.0.1/f", SslMode::Disable),
            ("postgres://u@localhost/f", SslMode::Disable),
            ("postgres:///f?host=/run/postgresql", SslMode::Disable),
            (
                "postgres://u@localhost/f?sslmode=verify-full",
                SslMode::Require,
            ),
        ] {
            let server = Server::new(url, "clinic")
                .map_err(|error| error.to_string())
                .expect("a good address");
            assert_eq!(server.config.get_ssl_mode(), mode, "{url}");
        }
    }
}
