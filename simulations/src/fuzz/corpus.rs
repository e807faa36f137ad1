//! The inputs that are kept.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::Target;

/// The inputs that are kept of one target: a file for each, named by its hash.
#[derive(Clone, Debug)]
pub struct Corpus {
    directory: PathBuf,
}

impl Corpus {
    /// Where those of the repository are.
    pub fn committed() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
    }

    /// That of `target` below `root`.
    pub fn new(root: &Path, target: &Target) -> Self {
        Self { directory: root.join(target.name) }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Every input with its file, by name. A target without a directory has none.
    ///
    /// # Errors
    /// The file system's.
    pub fn inputs(&self) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let paths: BTreeSet<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
        paths.into_iter().map(|path| fs::read(&path).map(|input| (path, input))).collect()
    }

    /// Keeps an input, and says in which file.
    ///
    /// # Errors
    /// The file system's.
    pub fn keep(&self, input: &[u8]) -> io::Result<PathBuf> {
        let path = self.directory.join(name(input));
        fs::create_dir_all(&self.directory)?;
        fs::write(&path, input)?;
        Ok(path)
    }
}

/// The first digits of an input's hash.
pub(super) fn name(input: &[u8]) -> String {
    hex::encode(&digest(&SHA256, input).as_ref()[..8])
}
