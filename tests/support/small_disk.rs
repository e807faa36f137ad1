//! A file system of its own for a proxy, small enough to be filled.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How large one is.
const SIZE: &str = "size=192m,mode=0700";
/// What is left when it is full: less than any store wants, and enough for nobody to have to guess whose fault it was.
const LEFT: u64 = 4 << 20;

/// A mounted file system. Only for a test that [runs apart](super::run_apart).
#[derive(Debug)]
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one at `path`.
    pub(crate) fn mount(path: &Path) -> Self {
        fs::create_dir_all(path).expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "small-disk"]).arg(path).status().expect("mount runs");
        assert!(mounted.success(), "nothing was mounted at {}", path.display());
        Self { path: path.to_owned() }
    }

    /// Fills it up.
    pub(crate) fn fill(&self) {
        let stat = rustix::fs::statvfs(&self.path).expect("its figures");
        let bytes = (stat.f_bavail * stat.f_frsize).saturating_sub(LEFT);
        let mut ballast = File::create(self.ballast()).expect("a file");
        let block = vec![0xab; 1 << 20];
        for _ in 0..bytes >> 20 {
            ballast.write_all(&block).expect("there is room for that");
        }
    }

    /// Makes room again.
    pub(crate) fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("removed");
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a proxy may still have files open. It goes with the namespace in any case.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
