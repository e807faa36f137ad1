//! A file that is set aside when it is large enough.
//!
//! `audit.jsonl` is written, `audit.jsonl.1` is the one before it, and so on up to as many as are kept. A file that somebody else moved away is made anew, so that
//! another program may rotate it as well.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// When a file is set aside, and how many of those are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Largest file, in bytes; only a line that is larger by itself exceeds it.
    pub size: u64,
    /// Files that are kept beside the one that is written.
    pub keep: NonZeroU32,
}

/// The file that is written.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    open: Option<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    length: u64,
}

impl RotatingFile {
    /// Opens or makes the file, which its owner alone can read, with the directory that it is in.
    pub(super) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let mut file = Self { path: path.to_owned(), rotation, open: None };
        file.opened()?;
        Ok(file)
    }

    /// Appends whole lines and takes those that are there from `lines`: what an error leaves was not written, and none is torn.
    pub(super) fn append(&mut self, lines: &mut Vec<Vec<u8>>) -> io::Result<()> {
        loop {
            let fitting = self.fitting(lines)?;
            self.write(&lines[..fitting].concat())?;
            lines.drain(..fitting);
            if lines.is_empty() {
                return Ok(());
            }
            self.rotate()?;
        }
    }

    /// How many of these lines the file has room for; an empty one takes any line.
    fn fitting(&mut self, lines: &[Vec<u8>]) -> io::Result<usize> {
        let (mut length, most) = (self.opened()?.length, self.rotation.size);
        let fits = |line: &&Vec<u8>| {
            let is_empty = length == 0;
            length += line.len() as u64;
            is_empty || length <= most
        };
        Ok(lines.iter().take_while(fits).count())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let open = self.opened()?;
        let written = open.file.write_all(bytes);
        match &written {
            Ok(()) => open.length += bytes.len() as u64,
            // What is there of a line would tear the next one.
            Err(_) => {
                let _ = open.file.set_len(open.length);
            }
        }
        written
    }

    /// The file at the path, which may have been moved away.
    fn opened(&mut self) -> io::Result<&mut OpenFile> {
        let is_there = |open: &OpenFile| {
            let (Ok(found), Ok(held)) = (fs::metadata(&self.path), open.file.metadata()) else { return false };
            (found.ino(), found.dev(), held.len()) == (held.ino(), held.dev(), open.length)
        };
        let open = match self.open.take().filter(is_there) {
            Some(open) => open,
            None => OpenFile::at(&self.path)?,
        };
        Ok(self.open.insert(open))
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        let keep = self.rotation.keep.get();
        for number in (1..keep).rev() {
            rename_if_there(&self.numbered(number), &self.numbered(number + 1))?;
        }
        rename_if_there(&self.path, &self.numbered(1))?;
        // As many as there are, where fewer are kept than were.
        let mut surplus = keep + 1;
        while fs::remove_file(self.numbered(surplus)).is_ok() {
            surplus += 1;
        }
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{number}"));
        self.path.with_file_name(name)
    }
}

impl OpenFile {
    fn at(path: &Path) -> io::Result<Self> {
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        // To open a pipe would wait for its reader.
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut length = file.metadata()?.len();
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            // A process that died may have left half a line.
            if last != *b"\n" {
                file.write_all(b"\n")?;
                length += 1;
            }
        }
        Ok(Self { file, length })
    }
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
