//! What the engine asks of its host: the imports of the world `runtime`, as a trait, so that everything above them is
//! tested natively with a host of the test's own.

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the author of a job.
    Debug,
    /// What `console.log` writes.
    Info,
    /// Something that will probably surprise.
    Warn,
    /// Something failed.
    Error,
}

/// What an operation of the adaptor gave back. Both fields are JSON text.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Becomes `state.data`.
    pub data: String,
    /// Becomes `state.response`.
    pub response: Option<String>,
}

/// Why an operation of the adaptor failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// A short name for the kind of failure, for a job to test.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// A JSON object whose fields appear on the error that the job can catch.
    pub details: String,
}

/// Which items of a collection; times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemQuery {
    /// A key, in which `*` stands for any characters.
    pub keys: String,
    /// Made before this time.
    pub created_before: Option<u64>,
    /// Made at this time or after.
    pub created_after: Option<u64>,
    /// Changed before this time.
    pub updated_before: Option<u64>,
    /// Changed at this time or after.
    pub updated_after: Option<u64>,
}

/// A part of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemPage {
    /// Keys, and values as JSON.
    pub items: Vec<(String, String)>,
    /// Where the next part begins.
    pub cursor: Option<String>,
}

/// The imports of the world `runtime`. None is called by [`Engine::new`](crate::Engine::new), because a snapshot is
/// taken after it.
pub trait Host {
    /// Calls an operation of the step's adaptor; `arguments` is a JSON array, `state` a JSON object.
    fn invoke(&self, operation: &str, arguments: &str, state: &str) -> Result<Reply, Failure>;

    /// A value of a collection, as JSON.
    fn collection_get(&self, collection: &str, key: &str) -> Result<Option<String>, Failure>;

    /// Items of a collection in the order of their keys, at most `limit` of them, after `cursor`.
    fn collection_list(
        &self,
        collection: &str,
        query: &ItemQuery,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<ItemPage, Failure>;

    /// Sets keys to values, all or none.
    fn collection_set(&self, collection: &str, items: Vec<(String, String)>)
    -> Result<(), Failure>;

    /// Removes items, and tells their keys.
    fn collection_remove(
        &self,
        collection: &str,
        query: &ItemQuery,
    ) -> Result<Vec<String>, Failure>;

    /// Publishes an event; `payload` is JSON.
    fn publish(&self, name: &str, payload: &str) -> Result<(), Failure>;

    /// Seeds `Math.random` for one run.
    fn random_seed(&self) -> u64;

    /// Waits.
    fn sleep(&self, milliseconds: u64);

    /// Writes one line to the step's log.
    fn log(&self, level: Level, message: &str);
}
