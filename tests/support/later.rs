//! A side that speaks a later version: real certificates, and messages with fields and words that this version does not know.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use quinn::{Connection, RecvStream, SendStream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use warren::identity::enroll::Enrolling;
use warren::identity::policy::AdmitAll;
use warren::identity::tls::{Expected, SERVER_NAME};
use warren::identity::{Alpn, ClientTls, CredentialStore, CredentialsHandle, MachineKey, ServerTls, Token};
use warren::net::quic::{self, Port, Profile};
use warren::net::{Env, dialling_endpoint};
use warren::wire::{Hello, frame};
use warren_raft::{ProxyId, TokenRole};

use super::{Client, Cluster, LONG};

/// What a later version may add at the end of a message or of a record within one.
const ADDED: &str = "added later";

/// A record within a message, which has grown.
pub(crate) fn record(fields: &impl Serialize) -> Bytes {
    postcard::to_stdvec(&(fields, ADDED)).expect("it encodes").into()
}

/// A word within a message that has come later.
pub(crate) fn word(number: u32) -> Bytes {
    record(&number)
}

/// The hello of a side that speaks this version, as a record within a message.
pub(crate) fn hello(version: u16) -> Bytes {
    record(&Hello { version, features: u64::MAX, software: format!("{version}.0.0") })
}

/// Writes a message with fields that have come later.
pub(crate) async fn say(send: &mut SendStream, message: &impl Serialize) {
    frame::write(send, &(message, ADDED), frame::MAX_MESSAGE).await.expect("written");
}

/// Reads a message.
pub(crate) async fn hear<T: DeserializeOwned>(recv: &mut RecvStream) -> T {
    let message = tokio::time::timeout(LONG, frame::read(recv, frame::MAX_MESSAGE)).await.expect("a message in time");
    message.expect("a message")
}

/// Opens a stream, says something on it, and gives what is answered and the stream.
pub(crate) async fn ask<T: DeserializeOwned>(connection: &Connection, message: &impl Serialize) -> (T, SendStream, RecvStream) {
    let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
    say(&mut send, message).await;
    (hear(&mut recv).await, send, recv)
}

/// Sends bytes over what has become a byte stream, and expects them back.
pub(crate) async fn echoes(mut send: SendStream, mut recv: RecvStream) {
    send.write_all(b"hello").await.expect("written");
    send.finish().expect("it is open");
    assert_eq!(recv.read_to_end(100).await.expect("a whole stream"), b"hello");
}

fn token_of(created: &Value) -> Token {
    created["token"].as_str().expect("a token").parse().expect("a whole one")
}

/// A machine with an identity and a socket.
pub(crate) struct Later {
    env: Env,
    credentials: CredentialsHandle,
    endpoint: quinn::Endpoint,
}

impl Later {
    /// Enrols as a proxy or an agent.
    pub(crate) async fn enroll(cluster: &Cluster, role: TokenRole, name: &str) -> Self {
        let token = token_of(&cluster.create_token(role.as_str(), &[]));
        let (env, addresses) = (Env::real(), [cluster.proxy(0).public_address().to_string()]);
        let (endpoint, key) = (dialling_endpoint(&env).expect("a socket"), MachineKey::generate(&env.entropy));
        let enrolling = Enrolling { token: &token, role, name, key: &key };
        let (credentials, _) = enrolling.at(&addresses, &endpoint, &env).await.expect("enrolled");
        Self { env, credentials: CredentialsHandle::new(credentials).expect("a usable one"), endpoint }
    }

    /// Takes the identity of a client.
    pub(crate) fn of(client: &Client) -> Self {
        let env = Env::real();
        let credentials = CredentialStore::new(&env.files, client.identity()).load().expect("an identity");
        let endpoint = dialling_endpoint(&env).expect("a socket");
        Self { env, credentials: CredentialsHandle::new(credentials).expect("a usable one"), endpoint }
    }

    /// Its id, if it is a proxy.
    pub(crate) fn proxy_id(&self) -> ProxyId {
        self.credentials.current().identity().proxy_id().expect("it is a proxy")
    }

    /// A request for a certificate of its key, PKCS #10 DER.
    pub(crate) fn signing_request(&self) -> Vec<u8> {
        self.credentials.current().key().csr()
    }

    /// Connects to a proxy as a machine that has no identity yet, only this token.
    pub(crate) async fn stranger(token: &Value, address: SocketAddr) -> Connection {
        let (env, (tls, _)) = (Env::real(), ClientTls::enroll(token_of(token).fingerprint(), &Env::real()));
        let endpoint = dialling_endpoint(&env).expect("a socket");
        let config = quic::client_config(tls, &env, Profile::Enroll.dialling(address, &env.quic));
        endpoint.connect_with(config, address, SERVER_NAME).expect("it dials").await.expect("it connects")
    }

    /// The same from this address of this machine; `None` if it is not let in.
    pub(crate) async fn try_stranger(token: &Value, (from, to): (Ipv4Addr, SocketAddr)) -> Option<Connection> {
        let (env, (tls, _)) = (Env::real(), ClientTls::enroll(token_of(token).fingerprint(), &Env::real()));
        let endpoint = quic::Endpoint::build(&env, SocketAddr::from((from, 0)), &[8; 32], None).expect("a socket");
        let config = quic::client_config(tls, &env, Profile::Enroll.dialling(to, &env.quic));
        endpoint.connect_with(config, to, SERVER_NAME).expect("it dials").await.ok()
    }

    /// The secret of a token.
    pub(crate) fn secret(token: &Value) -> [u8; 32] {
        *token_of(token).secret().as_bytes()
    }

    /// Connects to a proxy from this socket, unless that is refused.
    ///
    /// # Errors
    /// What became of it.
    pub(crate) async fn try_dial(&self, alpn: Alpn, profile: Profile, address: SocketAddr) -> Result<Connection, quinn::ConnectionError> {
        self.try_dial_with(alpn, profile.dialling(address, &self.env.quic), address).await
    }

    /// The same with settings that no side of ours has.
    ///
    /// # Errors
    /// What became of it.
    pub(crate) async fn try_dial_with(
        &self,
        alpn: Alpn,
        transport: Arc<quinn::TransportConfig>,
        address: SocketAddr,
    ) -> Result<Connection, quinn::ConnectionError> {
        let tls = ClientTls::proxy(&self.credentials, alpn, Expected::AnyProxy, &self.env);
        let config = quic::client_config(tls, &self.env, transport);
        self.endpoint.connect_with(config, address, SERVER_NAME).expect("it dials").await
    }

    /// Connects to a proxy.
    pub(crate) async fn dial(&self, alpn: Alpn, profile: Profile, address: SocketAddr) -> Connection {
        self.try_dial(alpn, profile, address).await.expect("it connects")
    }

    /// Listens as a proxy does on its public port.
    pub(crate) fn listen(&self) -> quinn::Endpoint {
        let (secret, tls) = ([7; 32], ServerTls::public_port(&self.credentials, Arc::new(AdmitAll), &self.env));
        let config = quic::server_config(tls, &self.env, &secret, Port::Public.accepting(&self.env.quic));
        quic::Endpoint::build(&self.env, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &secret, Some(config)).expect("a socket")
    }
}
