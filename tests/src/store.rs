//! Where a host keeps what it accepts. What holds of one store holds of the other: [`Store::each`] asks both.

use fonio_test_postgres::Database;

use crate::{Host, Program, Project};

/// A store of a test's own.
pub enum Store {
    /// In the data folder.
    File,
    /// In a PostgreSQL database.
    Postgres(Database),
}

impl Store {
    /// Calls `test` with a file, and with a database.
    pub fn each(test: impl Fn(&Store)) {
        eprintln!("in a file:");
        test(&Store::File);
        eprintln!("in PostgreSQL:");
        test(&Store::Postgres(Database::new()));
    }

    /// The program, which keeps everything here.
    #[must_use]
    pub fn of(&self, program: Program) -> Program {
        match self {
            Store::File => program,
            Store::Postgres(database) => program.env("FONIO_STORE", &database.url()),
        }
    }
}

impl Host {
    /// Serves the project on this store, and waits until it accepts work.
    pub fn serving_on(store: &Store, project: Project) -> Host {
        let serve = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]);
        let host = Host::started_by(project, &store.of(serve));
        host.wait_until_ready();
        host
    }
}
