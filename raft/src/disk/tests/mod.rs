//! Both disks do the same, and the writer keeps its promises.

mod alike;
mod damage;
mod opening;
mod writing;
