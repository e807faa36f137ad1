//! Which tasks of a program are alive, by where they were spawned.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Builder;

/// Counts the tasks of a runtime by where they were spawned. Cheap to clone.
#[derive(Clone, Default)]
pub struct Census {
    alive: Arc<Mutex<BTreeMap<&'static Location<'static>, usize>>>,
}

impl Census {
    /// Counts from now on what the runtime that is built spawns. Only tokio's unstable interface tells of it.
    #[cfg(tokio_unstable)]
    pub(super) fn count(&self, builder: &mut Builder) {
        let (spawned, ended) = (self.clone(), self.clone());
        builder.on_task_spawn(move |task| *spawned.lock().entry(task.spawned_at()).or_default() += 1);
        builder.on_task_terminate(move |task| {
            if let Some(alive) = ended.lock().get_mut(task.spawned_at()) {
                *alive = alive.saturating_sub(1);
            }
        });
    }

    #[cfg(not(tokio_unstable))]
    pub(super) fn count(&self, _: &mut Builder) {}

    /// How many that were spawned in this file are alive.
    pub fn spawned_in(&self, file: &str) -> usize {
        self.lock().iter().filter(|(place, _)| place.file() == file).map(|(_, count)| count).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static Location<'static>, usize>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Census {
    /// `2 at src/proxy/mesh/serve.rs:100, ..`; a file of another package without where packages lie.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alive = self.lock();
        for (number, (place, count)) in alive.iter().filter(|(_, count)| **count > 0).enumerate() {
            let file = place.file().rsplit_once("/registry/src/").map_or(place.file(), |(_, file)| file);
            let file = if file == place.file() { file } else { file.split_once('/').map_or(file, |(_, file)| file) };
            write!(f, "{}{count} at {file}:{}", if number == 0 { "" } else { ", " }, place.line())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
