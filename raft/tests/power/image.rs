//! An ext4 file system in a file.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How large it is; most of it is never written.
const BYTES: u64 = 256 * 1024 * 1024;
/// Seconds between two commits of the journal that nobody asked for: longer than a round, so that the kernel makes nothing durable by itself.
const COMMIT: &str = "commit=600";

/// A mounted image. It is unmounted when this is dropped, which gives the loop device back too.
pub(crate) struct Image {
    file: PathBuf,
    copy: PathBuf,
    mounted: Mounted,
}

impl Image {
    /// Makes an empty one and mounts it.
    pub(crate) fn new(home: &Path, id: u64) -> Self {
        let (file, copy, directory) = (home.join(format!("{id}.img")), home.join(format!("{id}.copy")), home.join(format!("{id}.mounted")));
        File::create(&file).and_then(|image| image.set_len(BYTES)).expect("an image");
        must_run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&file));
        fs::create_dir(&directory).expect("a directory");
        let mounted = Mounted::mount(&file, directory);
        Self { file, copy, mounted }
    }

    /// Where it is mounted.
    pub(crate) fn directory(&self) -> &Path {
        &self.mounted.directory
    }

    /// Copies the image as it is, past the mounted file system.
    pub(crate) fn copy(&self) {
        must_run(Command::new("cp").arg("--sparse=always").arg(&self.file).arg(&self.copy));
    }

    /// Goes on with the copy, as the machine would after its power is back.
    pub(crate) fn turn_to_the_copy(&mut self) {
        self.mounted.unmount();
        fs::rename(&self.copy, &self.file).expect("the copy");
        self.mounted = Mounted::mount(&self.file, self.mounted.directory.clone());
    }
}

/// A mounted file system.
struct Mounted {
    directory: PathBuf,
    is_mounted: bool,
}

impl Mounted {
    fn mount(image: &Path, directory: PathBuf) -> Self {
        must_run(Command::new("mount").args(["-t", "ext4", "-o"]).arg(format!("loop,{COMMIT}")).arg(image).arg(&directory));
        Self { directory, is_mounted: true }
    }

    fn unmount(&mut self) {
        must_run(Command::new("umount").arg(&self.directory));
        self.is_mounted = false;
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.is_mounted {
            // A test that fails may still have files open there: then it goes when they are closed, with the process at the latest.
            let _ = Command::new("umount").arg("--lazy").arg(&self.directory).status();
        }
    }
}

/// What is missing for these tests, if anything.
pub(crate) fn missing() -> Option<String> {
    if !fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        return Some("not root, so nothing can be mounted".to_owned());
    }
    let home = tempfile::tempdir().expect("a directory");
    let (image, directory) = (home.path().join("image"), home.path().join("mounted"));
    fs::create_dir(&directory).expect("a directory");
    File::create(&image).and_then(|image| image.set_len(16 * 1024 * 1024)).expect("an image");
    let made = run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
    // Apart, so that the mount goes with the command.
    let mut mount = Command::new("unshare");
    mount.args(["--mount", "--propagation", "private", "mount", "-t", "ext4", "-o", "loop"]).arg(&image).arg(&directory);
    let mounted = made.and_then(|()| run(&mut mount));
    mounted.err().map(|why| format!("no loop mounts here: {why}"))
}

fn must_run(command: &mut Command) {
    if let Err(why) = run(command) {
        panic!("{why}");
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let Output { status, stderr, .. } = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}: {}", String::from_utf8_lossy(&stderr).trim())) }
}
