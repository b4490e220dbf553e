//! Reading a `.wasm` file that anybody may have put there.

use std::path::{Path, PathBuf};

use fonio_project::{Files, NotRead};

/// The largest adaptor. Those made from Python are 18 MB, from JavaScript 12 MB.
const FILE_MAX_BYTES: u64 = 128 << 20;

/// Reads a file that a person has named, whole, off the async threads. What is no plain file (a pipe would never end) or too
/// large is refused.
pub async fn read(path: PathBuf) -> Result<Vec<u8>, String> {
    read_of(Files::of(Path::new("")), path).await
}

/// The same of a file of a project, once: what is judged by its digest is what is loaded.
pub async fn read_of(files: Files, file: PathBuf) -> Result<Vec<u8>, String> {
    let read = move || {
        files
            .read(&file, FILE_MAX_BYTES)
            .map_err(|why| in_words(&why))
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

fn in_words(why: &NotRead) -> String {
    match why {
        NotRead::Folder | NotRead::NotOrdinary => "it is no plain file".to_owned(),
        NotRead::TooLarge(most) => format!("it is larger than {} MiB", most >> 20),
        NotRead::Outside => why.to_string(),
        NotRead::System(error) => format!("it cannot be read: {error}"),
    }
}
