//! How a machine becomes part of a cluster: it checks the cluster's authority against its token, and only then shows the token's secret.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use warren_raft::TokenRole;

use super::credentials::{Credentials, CredentialsError};
use super::entrance::{self, Closed};
use super::key::MachineKey;
use super::tls::{ClientTls, entrance as door};
use super::token::Token;
use crate::failure::{Code, Failure, Stage};
use crate::limits::{Limit, reached};
use crate::net::quic::{self, Profile};
use crate::net::{Budget, Env, shown};
use crate::wire::close::Close;
use crate::wire::{EnrollReply, EnrollRequest, Enrolled, Heard, Hello, Party, frame, not_understood};

/// How long one address may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the cluster may take to answer: longer than a proxy waits for the commit.
const ANSWER: Duration = Duration::from_secs(15);

/// What a machine asks for.
#[derive(Debug)]
pub struct Enrolling<'a> {
    /// Its token.
    pub token: &'a Token,
    /// What it wants to be.
    pub role: TokenRole,
    /// The name it wants.
    pub name: &'a str,
    /// Its key, made here and kept before it is shown: a lost answer can be asked for again with it.
    pub key: &'a MachineKey,
}

impl Enrolling<'_> {
    /// Enrols at the first of `addresses` that answers.
    ///
    /// # Errors
    /// The cluster's [`Failure`], or why none of the addresses could be asked.
    pub async fn at(&self, addresses: &[String], endpoint: &quinn::Endpoint, env: &Env) -> Result<(Credentials, Enrolled), Failure> {
        let mut closed = Vec::new();
        for address in addresses {
            let found = Budget::new(HANDSHAKE).run(env.net.resolve(address)).await;
            let found = match found.map_err(std::io::Error::other).flatten() {
                Ok(found) => found,
                Err(error) => {
                    closed.push(Closed::silent(address, error));
                    continue;
                }
            };
            for ip in found {
                match self.connect(address, ip, endpoint, env).await {
                    Ok((connection, ca)) => return self.ask(&connection, ca).await,
                    Err(error) => closed.push(error),
                }
            }
        }
        let denied = "the token is of another cluster, or older than the authority that this one has now";
        let failure = entrance::failure(closed, "no proxy could be asked to enrol this machine", denied);
        if failure.code() != Code::Denied {
            return Err(failure);
        }
        // The authority that the token names is not there: whose it was, nobody here can tell.
        Err(failure.with_hint(format!(
            "check the address; if it is right, make a new token there: `warren token create --role {}` on a proxy's machine",
            self.role.as_str()
        )))
    }

    async fn connect(
        &self,
        name: &str,
        address: std::net::SocketAddr,
        endpoint: &quinn::Endpoint,
        env: &Env,
    ) -> Result<(quinn::Connection, CertificateDer<'static>), Closed> {
        let (tls, verified) = ClientTls::enroll(self.token.fingerprint(), env);
        let config = quic::client_config(tls, env, Profile::Enroll.dialling(address, &env.quic_towards(address)));
        let entrance = door::name(self.token.fingerprint());
        let connecting = endpoint.connect_with(config, address, &entrance).map_err(|error| Closed::silent(name, error))?;
        let connected = Budget::new(HANDSHAKE).run(connecting).await.map_err(|error| Closed::silent(name, error))?;
        let connection = connected.map_err(|error| Closed::by(name, &error))?;
        let ca = verified.ca().ok_or_else(|| Closed::silent(name, "its authority was not verified"))?;
        Ok((connection, ca))
    }

    async fn ask(&self, connection: &quinn::Connection, ca: CertificateDer<'static>) -> Result<(Credentials, Enrolled), Failure> {
        let asked = Budget::new(ANSWER).run(self.exchange(connection)).await;
        let is_full = is_over_limit(connection);
        Close::DONE.close(connection);
        let at = shown(connection.remote_address()).to_string();
        let broke = |reason: String| {
            if is_full {
                return reached::failure(Limit::Enrollments, Stage::Ingress, "too many machines enrol there at the same time")
                    .at(at.clone());
            }
            Failure::new(Code::PeerUnreachable, Stage::Ingress, "the proxy did not answer").with_cause(reason).at(at.clone())
        };
        match asked.map_err(|error| broke(error.to_string()))?.map_err(|error| broke(error.to_string()))? {
            Heard::Known(EnrollReply::Enrolled(enrolled)) => {
                enrolled.hello.agree(Party::Proxy).map_err(|error| error.failure().at(at.clone()))?;
                let credentials = self.credentials(&enrolled, ca).map_err(|error| broke(error.to_string()))?;
                Ok((credentials, enrolled))
            }
            Heard::Known(EnrollReply::Failed(failure)) => Err(failure),
            Heard::Unknown(number) => Err(not_understood(&format!("answer {number} of a proxy")).at(at)),
        }
    }

    async fn exchange(&self, connection: &quinn::Connection) -> Result<Heard<EnrollReply>, frame::FrameError> {
        let (mut send, mut recv) = connection.open_bi().await.map_err(std::io::Error::from)?;
        let request = EnrollRequest {
            hello: Hello::ours(),
            secret: *self.token.secret().as_bytes(),
            role: Heard::Known(self.role),
            name: self.name.to_owned(),
            request: self.key.csr(),
        };
        frame::write(&mut send, &request, frame::MAX_MESSAGE).await?;
        frame::hear(&mut recv, frame::MAX_MESSAGE).await
    }

    fn credentials(&self, enrolled: &Enrolled, ca: CertificateDer<'static>) -> Result<Credentials, CredentialsError> {
        let credentials = Credentials::new(CertificateDer::from(enrolled.certificate.clone()), ca, self.key.clone())?;
        // It was heard from a proxy that the authority vouches for which the token names.
        match enrolled.authorities.as_ref().filter(|authorities| !authorities.certificates.is_empty()) {
            Some(authorities) => Ok(credentials.told(authorities)?.unwrap_or(credentials)),
            None => Ok(credentials),
        }
    }
}

/// Whether the proxy has closed the connection since it has no place for it.
fn is_over_limit(connection: &quinn::Connection) -> bool {
    let code = Close::LIMIT.code();
    matches!(connection.close_reason(), Some(quinn::ConnectionError::ApplicationClosed(closed)) if closed.error_code == code)
}
