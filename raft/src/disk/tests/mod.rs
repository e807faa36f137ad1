//! Both disks do the same, and the writer keeps its promises.

mod alike;
mod opening;
mod writing;
