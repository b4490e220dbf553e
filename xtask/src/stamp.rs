//! Whether anything changed since the last build, from the contents of its sources. Asking cargo takes half a second;
//! this takes milliseconds.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// A hash of the names and contents of every file under `sources` (files or folders, in this order) and of `also`.
/// Those that are not there count as empty. Not for security: it only has to notice edits.
pub fn of(root: &Path, sources: &[&str], also: &str) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    also.hash(&mut hasher);
    for source in sources {
        let mut files = Vec::new();
        list(&root.join(source), &mut files)?;
        files.sort();
        for file in files {
            file.strip_prefix(root).unwrap_or(&file).hash(&mut hasher);
            fs::read(&file)?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn list(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
    } else if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?.path();
            if !entry.ends_with("target") && !entry.ends_with("node_modules") {
                list(&entry, files)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::of;
    use std::fs;

    #[test]
    fn an_edit_a_new_file_a_new_name_and_a_new_compiler_each_change_the_stamp() {
        let root = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(root.join("src")).expect("the temporary folder is writable");
        let write = |name: &str, text: &str| {
            fs::write(root.join("src").join(name), text).expect("it is writable")
        };
        let stamp = |also: &str| of(&root, &["src", "absent"], also).expect("it is readable");

        write("a.rs", "one");
        let first = stamp("rustc 1");
        assert_eq!(stamp("rustc 1"), first, "nothing changed");
        let mut seen = vec![first, stamp("rustc 2")];
        write("a.rs", "two");
        seen.push(stamp("rustc 1"));
        write("b.rs", "");
        seen.push(stamp("rustc 1"));
        fs::rename(root.join("src/b.rs"), root.join("src/c.rs")).expect("it can be renamed");
        seen.push(stamp("rustc 1"));
        fs::remove_dir_all(&root).expect("it can be removed");

        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "two different states had one stamp");
    }
}
