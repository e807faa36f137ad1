//! An answer that is read while it comes.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{AdminClient, ClientError};

/// An answer that is read while it comes. Whether it is whole its content must tell.
#[derive(Debug)]
pub struct Download {
    client: AdminClient,
    body: Incoming,
    /// Ends the connection when it is dropped.
    _driver: JoinSet<Result<(), hyper::Error>>,
}

impl Download {
    pub(super) fn new(client: AdminClient, body: Incoming, driver: JoinSet<Result<(), hyper::Error>>) -> Self {
        Self { client, body, _driver: driver }
    }

    /// The next bytes; `None` after the last.
    ///
    /// # Errors
    /// [`ClientError`] when the connection breaks off, or nothing comes for as long as a whole request may take.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = timeout(self.client.deadline(), self.body.frame()).await.map_err(|_| self.client.late())?;
            match frame.transpose().map_err(|error| self.client.garbled(&error))? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}
