//! Machines that enrol: one small message, one answer.

use std::time::Duration;

use quinn::SendStream;
use warren_raft::command::Enrollment;
use warren_raft::{Accepted, Command, KeyHash, ProposeError, ProxyId, ReadError, Rejection, RoutingStore, Table, TokenRole, reached};

use super::members::{Audience, members};
use super::tried::Tried;
use crate::failure::{Code, Failure, Stage};
use crate::identity::{Identity, Role, TokenSecret, key_hash_of_csr};
use crate::limits::places::Bound;
use crate::limits::{Bounds, Limit, LiveLimits, Places, Reached, Source};
use crate::net::{Budget, shown};
use crate::proxy::enrollment_guard::EnrollmentGuard;
use crate::proxy::issuing::{Issuing, NotIssued};
use crate::proxy::rotation::announced;
use crate::wire::close::Close;
use crate::wire::{EnrollReply, EnrollRequest, Enrolled, Heard, Hello, Party, frame, not_understood};

/// Largest message of a machine that enrols, in bytes: a request for a certificate has 4 KiB at most, and there is nothing else of any length.
const MAX_REQUEST: usize = 8 * 1024;
/// Longest name of anything.
const MAX_NAME: usize = 63;
/// How long the answer may take to be read.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the leader may take to confirm that a token is unknown.
const CONFIRM: Duration = Duration::from_secs(3);
/// How long the cluster may take to record the identity.
const COMMIT: Duration = Duration::from_secs(10);

/// Enrols machines by token.
#[derive(Debug)]
pub(crate) struct Enrollments {
    /// What certificates are issued with.
    pub issuing: Issuing,
    /// Where tokens and identities are.
    pub store: RoutingStore,
    /// This proxy's name, for failures.
    pub name: String,
    limits: LiveLimits,
    places: Places<Source>,
    reached: Reached,
    guard: EnrollmentGuard,
}

impl Enrollments {
    /// Nobody enrols yet.
    pub(crate) fn new((issuing, name): (Issuing, String), limits: &LiveLimits, (reached, guard): (Reached, EnrollmentGuard)) -> Self {
        // Anybody can enrol, so this bounds what strangers hold.
        let (all, each): (Bound, Bound) = (|limits| limits.enrollments, |limits| limits.enrollments_per_source);
        let bounds = Bounds { each: Some((each, Limit::EnrollmentsPerSource)), all: Some((all, Limit::Enrollments)) };
        let (store, places) = (issuing.store.clone(), Places::new(limits.clone(), bounds));
        Self { issuing, store, name, limits: limits.clone(), places, reached, guard }
    }

    /// Answers the one request of a connection, then waits until it is closed.
    pub(crate) async fn serve(&self, connection: quinn::Connection) {
        let place = self.places.take(&connection.remote_address().ip().into());
        let Ok(_place) = place.inspect_err(|limit| self.reached.note(*limit)) else { return Close::LIMIT.close(&connection) };
        let from = shown(connection.remote_address());
        // A machine that has gone, or that this proxy has turned away since it ends, is answered by nobody.
        let answer = async {
            tokio::select! {
                answered = self.answer(&connection) => answered,
                gone = connection.closed() => Err(std::io::Error::from(gone).into()),
            }
        };
        match Budget::new(self.limits.now().header_timeout + CONFIRM + COMMIT).run(answer).await {
            Ok(Ok(())) => {
                // The machine closes when it has read the answer; one that does not is not waited for.
                let _ = Budget::new(ANSWER).run(connection.closed()).await;
                Close::DONE.close(&connection);
            }
            // Its place is another machine's at once.
            Ok(Err(error)) => {
                tracing::debug!(%from, %error, "enrolment broke off");
                Close::PROTOCOL.close(&connection);
            }
            Err(error) => {
                tracing::debug!(%from, %error, "enrolment broke off");
                Close::DEADLINE.close(&connection);
            }
        }
    }

    async fn answer(&self, connection: &quinn::Connection) -> Result<(), frame::FrameError> {
        let asked = Budget::new(self.limits.now().header_timeout).run(asked(connection)).await;
        let (mut send, request) = asked.map_err(|_| {
            self.reached.note(Limit::HeaderTimeout);
            late()
        })??;
        let mut tried = Tried::begin((&self.issuing.env.audit, &self.guard), &request, shown(connection.remote_address()));
        let result = self.enroll(&request, &mut tried).await;
        tried.ended(result.as_ref().err());
        let reply = match result {
            Ok(enrolled) => {
                tracing::info!(role = %request.role, name = request.name, "enrolled");
                EnrollReply::Enrolled(enrolled)
            }
            Err(failure) => {
                self.say(&request, &failure);
                EnrollReply::Failed(failure.at(self.name.as_str()))
            }
        };
        frame::write(&mut send, &reply, frame::MAX_MESSAGE).await?;
        send.finish().map_err(std::io::Error::from)?;
        reached!("proxy.enrolment_answered");
        Ok(())
    }

    /// Enrols a machine unless too many have failed where it is.
    async fn enroll(&self, request: &EnrollRequest, tried: &mut Tried<'_>) -> Result<Enrolled, Failure> {
        tried.look()?;
        let enrollment = self.admitted(request).await?;
        tried.admitted();
        let role = enrollment.role;
        let committed = self.store.propose(Command::Enroll(enrollment), COMMIT).await.map_err(|error| refused(role, &error))?;
        let Accepted::Enrolled { proxy } = committed.answer else {
            return Err(invalid("the store gave another answer".to_owned()));
        };
        reached!("proxy.token_consumed");
        self.issue((request, role), proxy).map_err(|error| invalid(error.to_string()))
    }

    /// Strangers choose what they call themselves and how often they come, and must not fill the log.
    fn say(&self, request: &EnrollRequest, failure: &Failure) {
        let name: String = request.name.chars().take(MAX_NAME).collect();
        match self.guard.may_say() {
            Some(others) => tracing::warn!(role = %request.role, name, failure = failure.message(), others, "enrolment refused"),
            None => tracing::debug!(role = %request.role, name, failure = failure.message(), "enrolment refused"),
        }
    }

    /// What the cluster is to record, if it would.
    async fn admitted(&self, request: &EnrollRequest) -> Result<Enrollment, Failure> {
        request.hello.agree(Party::Machine).map_err(|error| error.failure())?;
        let Heard::Known(role) = request.role else { return Err(not_understood(&format!("the role {}", request.role))) };
        if request.name.len() > MAX_NAME {
            return Err(invalid(format!("a name has at most {MAX_NAME} bytes")));
        }
        let secret = TokenSecret::from_bytes(request.secret);
        let key = key_hash_of_csr(&request.request).map_err(|error| invalid(error.to_string()))?;
        let enrollment = Enrollment { token: secret.id(), secret: secret.hash(), role, name: request.name.clone(), key };
        self.precheck(&enrollment).await?;
        Ok(enrollment)
    }

    /// Turns away whoever the table would refuse, without a write: neither a stranger's guesses nor a token that was good once must fill the log.
    async fn precheck(&self, enrollment: &Enrollment) -> Result<(), Failure> {
        let (role, now) = (enrollment.role, self.issuing.env.wall.now());
        let check = |table: &Table| table.check_enrollment(enrollment, now);
        if self.store.with_table(check).is_ok() {
            return Ok(());
        }
        // This table may lag behind.
        match self.store.confirm(CONFIRM).await {
            Ok(table) => check(&table).map_err(|rejection| refused(role, &ProposeError::Rejected(rejection))),
            Err(ReadError::Disk(reason)) => Err(refused(role, &ProposeError::Disk(reason))),
            Err(ReadError::NoQuorum(_) | ReadError::Stopped(_)) => Err(refused(role, &ProposeError::NoQuorum(CONFIRM))),
        }
    }

    fn issue(&self, (request, role): (&EnrollRequest, TokenRole), proxy: Option<ProxyId>) -> Result<Enrolled, NotIssued> {
        // Read before the table: that then holds at least this entry.
        let index = *self.store.applied().borrow();
        let table = self.store.table();
        let cluster = table.cluster().ok_or(NotIssued::NoCluster)?;
        let audience = if role == TokenRole::Proxy { Audience::Proxy } else { Audience::Public };
        let (role, name) = match (role, proxy) {
            (TokenRole::Proxy, Some(id)) => (Role::Proxy, id.to_string()),
            (TokenRole::Agent, _) => (Role::Agent, request.name.clone()),
            (TokenRole::Client | TokenRole::Proxy, _) => (Role::Client, request.name.clone()),
        };
        let identity = Identity { cluster: cluster.id, role, name };
        let issued = self.issuing.certify(&identity, &request.request)?;
        Ok(Enrolled {
            hello: Hello::ours(),
            cluster: cluster.id,
            cluster_name: cluster.name.clone(),
            proxy,
            certificate: issued.certificate.to_vec(),
            proxies: members(&table, audience),
            authorities: Some(announced(&table, index)),
        })
    }
}

async fn asked(connection: &quinn::Connection) -> Result<(SendStream, EnrollRequest), frame::FrameError> {
    let (send, mut recv) = connection.accept_bi().await.map_err(std::io::Error::from)?;
    Ok((send, frame::read(&mut recv, MAX_REQUEST).await?))
}

fn late() -> frame::FrameError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

fn invalid(reason: String) -> Failure {
    Failure::new(Code::Denied, Stage::Ingress, "the enrolment is not valid").with_cause(reason)
}

fn refused(role: TokenRole, error: &ProposeError) -> Failure {
    match error {
        ProposeError::Rejected(taken @ Rejection::NameTaken(name)) => {
            let replaces = match role {
                TokenRole::Proxy => format!(
                    "if this machine replaces it, `warren proxies rm {name} --yes` on another proxy's machine, then join again; otherwise "
                ),
                TokenRole::Agent | TokenRole::Client => String::new(),
            };
            Failure::new(Code::Denied, Stage::Ingress, taken.to_string()).with_hint(format!("{replaces}choose another name"))
        }
        ProposeError::Rejected(removed @ Rejection::KeyRemoved) => {
            let hint = match role {
                TokenRole::Proxy => "join with an empty `data_dir`: a machine that comes back needs a new key",
                TokenRole::Agent => "enrol it in an empty `[agent] data_dir`: a machine that comes back needs a new key",
                TokenRole::Client => "enrol with an empty `--identity DIR`: a machine that comes back needs a new key",
            };
            Failure::new(Code::Denied, Stage::Ingress, removed.to_string()).with_hint(hint)
        }
        ProposeError::Rejected(rejection) => {
            let failure = Failure::new(Code::Denied, Stage::Ingress, "the token was not accepted").with_cause(rejection.to_string());
            let is_name = matches!(rejection, Rejection::NameInvalid(_) | Rejection::TokenName(_));
            let token = || format!("`warren token create --role {}` on a proxy's machine makes a new token", role.as_str());
            failure.with_hint(if is_name { "choose another name".to_owned() } else { token() })
        }
        ProposeError::NoQuorum(_) => Failure::new(Code::NoQuorum, Stage::Store, "the cluster could not record the enrolment")
            .with_cause(error.to_string())
            .with_hint("the token is not used up: try again when `warren status` is healthy"),
        ProposeError::AboveLevel { .. } => Failure::new(Code::Denied, Stage::Store, "not every proxy knows such an enrolment yet")
            .with_cause(error.to_string())
            .with_hint("`warren raft status` on a proxy's machine shows which proxies are to be updated"),
        ProposeError::Disk(_) => Failure::new(Code::NoQuorum, Stage::Store, "this proxy cannot record the enrolment")
            .with_cause(error.to_string())
            .with_hint("the token is not used up: try it at another proxy"),
        ProposeError::QueueFull(_) => Failure::new(Code::LimitReached, Stage::Store, "too many changes wait").with_cause(error.to_string()),
        ProposeError::Stopped(_) => Failure::new(Code::NoQuorum, Stage::Store, "this proxy is stopping").with_cause(error.to_string()),
    }
}

/// Whether the table still has this identity with this key.
pub(in crate::proxy) fn is_enrolled(table: &Table, role: TokenRole, name: &str, key: KeyHash) -> bool {
    let known = match role {
        TokenRole::Agent => name.parse().ok().and_then(|name| table.agent(&name)).map(|agent| agent.key),
        TokenRole::Client => name.parse().ok().and_then(|name| table.client(&name)).map(|client| client.key),
        TokenRole::Proxy => name.parse().ok().and_then(|id| table.proxy(ProxyId(id))).map(|proxy| proxy.key),
    };
    known == Some(key)
}
