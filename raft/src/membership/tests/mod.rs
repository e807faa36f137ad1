//! The next change, by tables and against a model of the group.

mod model;
mod random;
mod tables;
