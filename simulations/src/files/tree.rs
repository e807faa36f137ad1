//! Files and directories by path, with the errors of Linux.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// What it holds.
        bytes: Vec<u8>,
        /// Its permission bits.
        mode: u32,
    },
}

/// All of a machine. Its root is always there.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree(BTreeMap<PathBuf, Node>);

impl Tree {
    /// What is at `path`.
    pub(super) fn find(&self, path: &Path) -> io::Result<Option<&Node>> {
        if is_root(path) {
            return Ok(Some(&Node::Directory));
        }
        if let Some(parent) = path.parent() {
            match self.find(parent)? {
                Some(Node::File { .. }) => return Err(ErrorKind::NotADirectory.into()),
                None => return Ok(None),
                Some(Node::Directory) => {}
            }
        }
        Ok(self.0.get(path))
    }

    /// The file at `path`: its bytes and its mode.
    pub(super) fn file(&self, path: &Path) -> io::Result<(&[u8], u32)> {
        match self.find(path)? {
            Some(Node::File { bytes, mode }) => Ok((bytes, *mode)),
            Some(Node::Directory) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// The directory that `path` is in must be there.
    pub(super) fn parent_must_be(&self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        match path.parent().map(|parent| self.find(parent)) {
            Some(Ok(Some(Node::Directory))) => Ok(()),
            Some(Err(error)) => Err(error),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Puts a file at `path`, in place of a file.
    pub(super) fn put(&mut self, path: &Path, node: Node) -> io::Result<()> {
        self.parent_must_be(path)?;
        if self.find(path)? == Some(&Node::Directory) {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.0.insert(path.to_owned(), node);
        Ok(())
    }

    /// Puts back what was at `path`, whatever is there.
    pub(super) fn restore(&mut self, path: &Path, node: Option<Node>) {
        match node {
            Some(node) => self.0.insert(path.to_owned(), node),
            None => self.0.remove(path),
        };
    }

    /// Makes a directory with its parents.
    pub(super) fn make_dir(&mut self, path: &Path) -> io::Result<()> {
        match self.find(path)? {
            Some(Node::Directory) => return Ok(()),
            Some(Node::File { .. }) => return Err(ErrorKind::AlreadyExists.into()),
            None => {}
        }
        for dir in path.ancestors().filter(|dir| !is_root(dir)) {
            self.0.insert(dir.to_owned(), Node::Directory);
        }
        Ok(())
    }

    /// Gives a file another name.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        // In the order in which Linux looks.
        self.parent_must_be(from)?;
        self.parent_must_be(to)?;
        let (bytes, mode) = self.file(from)?;
        let node = Node::File { bytes: bytes.to_vec(), mode };
        if from != to && from.starts_with(to) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.put(to, node)?;
        if from != to {
            self.0.remove(from);
        }
        Ok(())
    }

    /// Removes a directory with what is in it.
    pub(super) fn remove_tree(&mut self, path: &Path) -> io::Result<()> {
        match self.find(path)? {
            Some(Node::Directory) => self.0.retain(|found, _| !found.starts_with(path)),
            Some(Node::File { .. }) => return Err(ErrorKind::NotADirectory.into()),
            None => {}
        }
        Ok(())
    }

    /// The names in a directory.
    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        match self.find(dir)? {
            Some(Node::Directory) => {}
            Some(Node::File { .. }) => return Err(ErrorKind::NotADirectory.into()),
            None => return Err(ErrorKind::NotFound.into()),
        }
        let inside = self.0.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| path.file_name().map(OsString::from)).collect())
    }
}

fn is_root(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.parent().is_none()
}
