//! What the end-to-end tests share: real `warren` processes on 127.0.0.1, and the programs on both sides of them.
//!
//! Everything listens on port 0, a test learns the ports from what the processes offer. Nothing waits by sleeping for luck: [`wait_for`] looks at
//! a state until it is there, and gives up with a message. Every process is killed and waited for when its owner is dropped, and a test
//! that fails shows its logs.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

mod admin;
mod agent;
mod apart;
mod browser;
mod carrier;
mod checksum;
mod cli;
mod client;
mod cluster;
mod dialling;
mod door;
mod echoing;
pub(crate) mod forge;
mod http;
mod ingress;
pub(crate) mod later;
pub(crate) mod link;
mod namespaces;
mod openmetrics;
mod pattern;
mod process;
mod program;
mod proxy;
mod readme;
mod relay;
mod shared;
mod silent;
mod small_disk;
mod span;
mod sshd;
mod target;
mod wait;

pub(crate) use admin::{get, get_json};
pub(crate) use agent::Agent;
pub(crate) use apart::{is_apart, run_apart};
pub(crate) use browser::Browser;
pub(crate) use cli::{Ended, run, warren};
pub(crate) use client::{Client, Forward, Open};
pub(crate) use cluster::Cluster;
pub(crate) use dialling::Dialling;
pub(crate) use door::Door;
pub(crate) use echoing::Echoing;
pub(crate) use ingress::EVERY_WAY_IN;
pub(crate) use namespaces::Namespaces;
pub(crate) use openmetrics::{Family, read_metrics};
pub(crate) use pattern::{exchange, random_bytes};
pub(crate) use process::Process;
pub(crate) use program::{Server, User, all_installed, installed, is_root, not_run};
pub(crate) use proxy::{Ports, Proxy};
pub(crate) use readme::{adapted, readme_commands, shell};
pub(crate) use relay::{Relay, Towards};
pub(crate) use shared::{Shared, SharedCluster};
pub(crate) use silent::{Silent, closed_port, mute_port};
pub(crate) use small_disk::SmallDisk;
pub(crate) use span::{Side, Span};
pub(crate) use sshd::{Sshd, on};
pub(crate) use target::Target;
pub(crate) use wait::{LONG, took, wait_for, wait_up_to};
