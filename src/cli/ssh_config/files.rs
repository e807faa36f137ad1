//! The files in `~/.ssh`.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::block::{excluding, include_line, including};
use super::unwritable;
use crate::cli::{CliError, UsageError};

/// What only its owner may read.
const PRIVATE: u32 = 0o600;

/// The user's own file.
const MAIN: &str = "config";

/// What was done to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// The block was written.
    Written(PathBuf),
    /// The block is read in from here on.
    Included(PathBuf),
    /// It is no more.
    Excluded(PathBuf),
    /// The file is gone.
    Removed(PathBuf),
}

/// The directory that ssh reads.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// `~/.ssh`.
    pub(super) dir: PathBuf,
}

impl Home {
    /// That of whoever runs this.
    pub(super) fn of_user() -> Result<Self, UsageError> {
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let home = home.ok_or_else(|| UsageError {
            message: "there is no home directory, so ssh has no configuration of its own".to_owned(),
            hint: "set `HOME`; `warren ssh-config` alone prints the block".to_owned(),
        })?;
        Ok(Self { dir: home.join(".ssh") })
    }

    /// Writes the block into a file of its own and has it read in; says what it wrote.
    pub(super) fn install(&self, block: &str) -> Result<Vec<Done>, CliError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).with_context(|| format!("cannot make `{}`", self.dir.display()))?;
        let (ours, main) = (self.ours(), self.main());
        let line = include_line(&ours).map_err(unwritable)?;
        let is_new = read(&ours)?.as_deref() != Some(block);
        let mut done = Vec::new();
        if is_new {
            replace(&ours, block, PRIVATE)?;
            done.push(Done::Written(ours));
        }
        // First the file, then whoever reads it.
        let existing = read(&main)?.unwrap_or_default();
        if let Some(changed) = including(&existing, &line) {
            replace(&main, &changed, mode(&main))?;
            done.push(Done::Included(main));
        }
        Ok(done)
    }

    /// Takes both away, the user's own file where nothing else is in it; says what was there.
    pub(super) fn remove(&self) -> Result<Vec<Done>, CliError> {
        let (ours, main) = (self.ours(), self.main());
        let line = include_line(&ours).map_err(unwritable)?;
        let changed = read(&main)?.and_then(|existing| excluding(&existing, &line));
        let mut done = Vec::new();
        match changed {
            // One that is kept elsewhere is somebody's.
            Some(changed) if changed.is_empty() && !self.dir.join(MAIN).is_symlink() => {
                removed(&main)?;
                done.push(Done::Removed(main));
            }
            Some(changed) => {
                replace(&main, &changed, mode(&main))?;
                done.push(Done::Excluded(main));
            }
            None => {}
        }
        if removed(&ours)? {
            done.push(Done::Removed(ours));
        }
        Ok(done)
    }

    pub(super) fn ours(&self) -> PathBuf {
        self.dir.join("warren.config")
    }

    /// The user's own file: where it is a link, as those who keep theirs elsewhere have it, what it leads to.
    fn main(&self) -> PathBuf {
        let main = self.dir.join(MAIN);
        fs::canonicalize(&main).unwrap_or(main)
    }
}

/// Whether there was such a file.
fn removed(path: &Path) -> Result<bool, CliError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(anyhow::Error::from(error).context(format!("cannot remove `{}`", path.display())).into()),
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(path) => write!(f, "wrote {}", path.display()),
            Self::Included(path) => write!(f, "the line that reads it in is now at the top of {}", path.display()),
            Self::Excluded(path) => write!(f, "took the line that reads it in out of {}", path.display()),
            Self::Removed(path) => write!(f, "removed {}", path.display()),
        }
    }
}

fn read(path: &Path) -> Result<Option<String>, CliError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow::Error::from(error).context(format!("cannot read `{}`", path.display())).into()),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(PRIVATE, |metadata| metadata.permissions().mode() & 0o777)
}

/// Replaces a file as a whole: ssh may be reading it.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), CliError> {
    let part = path.with_extension(format!("warren-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&part).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&part, path)
    });
    written.map_err(|error| {
        // It may not be there.
        let _ = fs::remove_file(&part);
        anyhow::Error::from(error).context(format!("cannot write `{}`", path.display())).into()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const BLOCK: &str = "Host *.warren\n";

    #[test]
    fn it_is_installed_once_and_leaves_no_trace() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home { dir: dir.path().join(".ssh") };
        let (ours, main) = (home.ours(), home.main());
        assert_eq!(home.install(BLOCK).expect("installed"), [Done::Written(ours.clone()), Done::Included(main.clone())]);
        assert_eq!(home.install(BLOCK).expect("installed"), [], "once is enough");
        assert_eq!(home.install("Host *.warren # changed\n").expect("installed"), [Done::Written(ours.clone())]);
        let bits = |path: PathBuf| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((bits(home.dir.clone()), bits(home.ours()), bits(home.main())), (0o700, 0o600, 0o600));
        assert_eq!(home.remove().expect("removed"), [Done::Removed(main.clone()), Done::Removed(ours.clone())]);
        assert_eq!(home.remove().expect("nothing"), []);
        assert_eq!(fs::read_dir(&home.dir).expect("there").count(), 0, "not even an empty file");
        // What somebody has written since stays.
        home.install(BLOCK).expect("installed");
        let text = fs::read_to_string(&main).expect("there");
        fs::write(&main, format!("{text}Host a\n")).expect("written");
        assert_eq!(home.remove().expect("removed"), [Done::Excluded(main.clone()), Done::Removed(ours)]);
        assert_eq!(fs::read_to_string(main).expect("there"), "Host a\n");
    }

    #[test]
    fn an_empty_file_that_a_link_leads_to_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let (home, kept) = (Home { dir: dir.path().join(".ssh") }, dir.path().join("dotfiles"));
        fs::create_dir(&home.dir).expect("made");
        fs::write(&kept, "").expect("written");
        symlink(&kept, home.dir.join(MAIN)).expect("linked");
        home.install(BLOCK).expect("installed");
        home.remove().expect("removed");
        assert_eq!(fs::read_to_string(&kept).expect("there"), "");
    }

    #[test]
    fn a_configuration_that_is_kept_elsewhere_stays_there_with_its_mode() {
        let dir = tempfile::tempdir().expect("a directory");
        let (home, kept) = (Home { dir: dir.path().join(".ssh") }, dir.path().join("dotfiles"));
        fs::create_dir(&home.dir).expect("made");
        fs::write(&kept, "Host a\n").expect("written");
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o644)).expect("set");
        symlink(&kept, home.dir.join("config")).expect("linked");
        home.install(BLOCK).expect("installed");
        assert!(fs::symlink_metadata(home.dir.join("config")).expect("there").is_symlink());
        let text = fs::read_to_string(&kept).expect("there");
        assert!(text.starts_with("Include ") && text.ends_with("\nHost a\n"), "{text}");
        assert_eq!(fs::metadata(&kept).expect("there").permissions().mode() & 0o777, 0o644);
        home.remove().expect("removed");
        assert_eq!(fs::read_to_string(&kept).expect("there"), "Host a\n");
    }
}
