//! The routing store's requests, one stream each on the control connection.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;
use warren_raft::{ProxyId, Transport, TransportError};

use super::links::{AskError, Links, OpenError, ask};
use crate::net::Budget;
use crate::wire::{ControlReply, ControlRequest};

#[async_trait]
impl Transport for Links {
    async fn call(&self, target: ProxyId, address: &str, request: Bytes, deadline: Duration) -> Result<Bytes, TransportError> {
        let link = self.link(target, address);
        let lost = |reason: String| TransportError::Lost { target, reason };
        let asked = Instant::now();
        let answer = ask(&link, &ControlRequest::Store(request), Budget::new(deadline)).await;
        match &answer {
            Ok(_) => self.calls().answered(asked.elapsed()),
            Err(_) => self.calls().failed(),
        }
        match answer {
            Ok(ControlReply::Store(reply)) => Ok(reply),
            Ok(ControlReply::Refused(reason)) => Err(lost(reason)),
            Ok(
                ControlReply::Pong(_)
                | ControlReply::Held(_)
                | ControlReply::Unsettled(_)
                | ControlReply::Certificates(_)
                | ControlReply::LiveCertificates(_)
                | ControlReply::Vitals(_),
            ) => Err(lost("an answer to another question".to_owned())),
            Err(AskError::Open(OpenError::Unreachable { reason, .. })) => Err(TransportError::Unreachable { target, reason }),
            Err(AskError::Open(error @ (OpenError::Unknown(_) | OpenError::Deadline(_)))) => {
                Err(TransportError::Unreachable { target, reason: error.to_string() })
            }
            Err(error @ (AskError::Frame(_) | AskError::Unknown(_))) => Err(lost(error.to_string())),
            Err(AskError::Elapsed(_)) => Err(TransportError::Deadline { target, deadline }),
        }
    }
}
