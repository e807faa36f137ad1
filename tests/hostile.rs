//! Hostile peers: strangers, agents, clients and a proxy that send what nobody should. Meanwhile those who behave are served about as before, and the memory and the
//! descriptors of the proxies stay within bounds. What is bounded is measured at real processes, and times are only compared with those before.

#[path = "hostile/agents.rs"]
mod agents;
#[path = "hostile/captive.rs"]
mod captive;
#[path = "hostile/clients.rs"]
mod clients;
#[path = "hostile/datagrams.rs"]
mod datagrams;
#[path = "hostile/peers.rs"]
mod peers;
#[path = "hostile/scene.rs"]
mod scene;
#[path = "hostile/strangers.rs"]
mod strangers;
mod support;
