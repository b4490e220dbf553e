//! A database for one test.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use postgres::{Client, NoTls};

use crate::{SOCKET, Server};

/// A database that nobody else has.
pub struct Database {
    name: String,
    socket: PathBuf,
}

impl Database {
    /// A new one, on the shared server or on this process's own.
    ///
    /// # Panics
    /// If there is no PostgreSQL on this machine: `cargo xtask test` installs it.
    pub fn new() -> Database {
        Database::at(socket())
    }

    /// A new one on this server.
    ///
    /// # Panics
    /// If the server does not answer.
    pub fn on(server: &Server) -> Database {
        Database::at(server.socket().to_owned())
    }

    /// A new one on this server, whose tables are in this folder, which belongs to the server's user.
    ///
    /// # Panics
    /// If the server does not make it.
    pub fn on_disk(server: &Server, folder: &Path) -> Database {
        let place = format!("CREATE TABLESPACE apart LOCATION '{}'", folder.display());
        execute(&url(server.socket(), "postgres"), &place);
        Database::made(server.socket().to_owned(), " TABLESPACE apart")
    }

    fn at(socket: PathBuf) -> Database {
        Database::made(socket, "")
    }

    fn made(socket: PathBuf, how: &str) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "t{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let database = Database { name, socket };
        database.administer(&format!("CREATE DATABASE {}{how}", database.name));
        database
    }

    /// What `--store` takes.
    pub fn url(&self) -> String {
        url(&self.socket, &self.name)
    }

    /// What `--store` takes, for a host that reaches the server by this address, without encryption.
    pub fn url_by(&self, address: std::net::SocketAddr) -> String {
        format!("postgres://fonio@{address}/{}?sslmode=disable", self.name)
    }

    /// The socket that the server listens on.
    pub fn socket(&self) -> PathBuf {
        self.socket.join(".s.PGSQL.5432")
    }

    /// Does this in the database.
    ///
    /// # Panics
    /// If the server does not.
    pub fn execute(&self, statements: &str) {
        execute(&self.url(), statements);
    }

    /// The number that a statement gives.
    ///
    /// # Panics
    /// If it gives none.
    pub fn number(&self, statement: &str) -> i64 {
        let url = self.url();
        aside(|| {
            let mut session = Client::connect(&url, NoTls).expect("the server answers");
            session.query_one(statement, &[]).expect(statement).get(0)
        })
    }

    /// The texts in the first column that a statement gives.
    ///
    /// # Panics
    /// If it gives something else.
    pub fn texts(&self, statement: &str) -> Vec<String> {
        let url = self.url();
        aside(|| {
            let mut session = Client::connect(&url, NoTls).expect("the server answers");
            let rows = session.query(statement, &[]).expect(statement);
            rows.iter().map(|row| row.get(0)).collect()
        })
    }

    /// Ends every session of the database, as a restart of the server would.
    pub fn cut_off(&self) {
        self.administer(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        ));
    }

    /// Whether new sessions are let in. Those that are there stay.
    pub fn let_in(&self, allow: bool) {
        self.administer(&format!(
            "ALTER DATABASE {} ALLOW_CONNECTIONS {allow}",
            self.name
        ));
    }

    fn administer(&self, statement: &str) {
        execute(&url(&self.socket, "postgres"), statement);
    }
}

impl Default for Database {
    fn default() -> Database {
        Database::new()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.administer(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

fn url(socket: &Path, database: &str) -> String {
    format!(
        "postgres:///{database}?host={}&user=fonio",
        socket.display()
    )
}

fn execute(url: &str, statements: &str) {
    aside(|| {
        let mut session = Client::connect(url, NoTls).expect("the server answers");
        session.batch_execute(statements).expect(statements);
    });
}

/// On a thread of its own: that of a test may be busy with asynchronous code, which must not wait.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked),
    })
}

fn socket() -> PathBuf {
    static OWN: OnceLock<Server> = OnceLock::new();
    match std::env::var_os(SOCKET) {
        Some(socket) => PathBuf::from(socket),
        None => OWN
            .get_or_init(|| aside(Server::start).expect("a PostgreSQL server"))
            .socket()
            .to_owned(),
    }
}
