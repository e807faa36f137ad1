//! Whether a proxy is there, for a client that wants to know how far away it is.

use warren_raft::{ProxyId, ProxyName, Table};

use super::dialer::Dialer;
use crate::failure::{Code, Failure, Stage};
use crate::net::Budget;

impl Dialer {
    /// The way from here to the proxy of that name, or to this one, once it has answered.
    ///
    /// # Errors
    /// There is none of that name, or it gives no answer within the budget.
    pub(crate) async fn reach(&self, proxy: Option<&ProxyName>, budget: Budget) -> Result<Vec<ProxyName>, Failure> {
        let (me, there) = self.store.with_table(|table| (name(table, self.me), proxy.map(|proxy| (proxy.clone(), id(table, proxy)))));
        let Some((wanted, id)) = there.filter(|(wanted, _)| me.as_ref() != Some(wanted)) else { return Ok(me.into_iter().collect()) };
        let id = id.ok_or_else(|| {
            Failure::new(Code::ServiceUnknown, Stage::Route, format!("there is no proxy `{wanted}`"))
                .with_hint("`warren proxies ls` on a proxy's machine lists them")
        })?;
        match self.links.ping(id, budget).await {
            Some(_) => Ok(me.into_iter().chain([wanted]).collect()),
            None => Err(Failure::new(Code::PeerUnreachable, Stage::Peer, format!("proxy `{wanted}` gave no answer"))
                .with_cause("it is down, or UDP does not get from this proxy to it")
                .with_hint("`warren status` on a proxy's machine")),
        }
    }
}

fn name(table: &Table, id: ProxyId) -> Option<ProxyName> {
    table.proxy(id).map(|record| record.name.clone())
}

fn id(table: &Table, name: &ProxyName) -> Option<ProxyId> {
    table.proxies().find(|(_, record)| record.name == *name).map(|(id, _)| id)
}
