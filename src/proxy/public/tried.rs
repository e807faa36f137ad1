//! What is noted of a try to enrol: once, at its end, however that comes.
//!
//! A machine that goes away before it is answered has shown a token all the same, and may be enrolled. It must *never* go unseen by that: neither in the
//! audit log, nor by what slows down whoever tries tokens.

use std::net::SocketAddr;

use crate::audit::{Audit, Enrolment, Event, TokenAction, TokenEvent};
use crate::failure::{Code, Failure};
use crate::identity::{TokenSecret, key_hash_of_csr};
use crate::proxy::enrollment_guard::{EnrollmentGuard, Outcome};
use crate::wire::EnrollRequest;

/// Longest name that is told.
const MAX_NAME: usize = 63;
/// What is told of a machine that was not waited for.
const LEFT: &str = "it went away before it was answered";
/// The same, where the cluster was asked to record it.
const PERHAPS: &str = "it went away before it was answered, and may be enrolled";

/// A try that has not ended. Dropped, it has.
#[derive(Debug)]
pub(super) struct Tried<'a> {
    audit: &'a Audit,
    guard: &'a EnrollmentGuard,
    request: &'a EnrollRequest,
    from: SocketAddr,
    step: Step,
}

/// How far a try has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It may have to wait.
    Asked,
    /// Its token is looked at.
    LookedAt,
    /// The token is good, and the cluster is asked to record it.
    Admitted,
    /// Everything is noted.
    Ended,
}

impl<'a> Tried<'a> {
    /// A machine has asked.
    pub(super) fn begin((audit, guard): (&'a Audit, &'a EnrollmentGuard), request: &'a EnrollRequest, from: SocketAddr) -> Self {
        Self { audit, guard, request, from, step: Step::Asked }
    }

    /// Its token may be looked at.
    ///
    /// # Errors
    /// Too many from there have failed.
    pub(super) fn look(&mut self) -> Result<(), Failure> {
        self.guard.admit(self.from.ip())?;
        self.step = Step::LookedAt;
        Ok(())
    }

    /// Its token is good.
    pub(super) fn admitted(&mut self) {
        self.step = Step::Admitted;
    }

    /// It is answered.
    pub(super) fn ended(mut self, refused: Option<&Failure>) {
        if self.step != Step::Asked {
            self.guard.ended(
                self.from.ip(),
                match refused {
                    None => Outcome::Enrolled,
                    Some(failure) if failure.code() == Code::Denied => Outcome::Refused,
                    Some(_) => Outcome::Failed,
                },
            );
        }
        self.step = Step::Ended;
        self.tell(refused);
    }

    /// Tells who tried to enrol, by which token, and what came of it.
    fn tell(&self, refused: Option<&Failure>) {
        if !self.audit.is_on() {
            return;
        }
        let reason = refused.map(|failure| failure.causes().first().map_or(failure.message(), String::as_str).to_owned());
        let outcome = refused.map_or("enrolled", |failure| failure.code().as_str());
        let enrolment = self.enrolment(outcome, reason);
        let id = TokenSecret::from_bytes(self.request.secret).id();
        let token = TokenEvent {
            from: Some(enrolment.from.clone()),
            role: Some(enrolment.role.clone()),
            name: Some(enrolment.name.clone()),
            outcome: refused.map_or("ok", |failure| failure.code().as_str()),
            reason: enrolment.reason.clone(),
            ..TokenEvent::of(if refused.is_none() { TokenAction::Used } else { TokenAction::Refused }, id)
        };
        for event in [Event::Token(token), Event::Enrolment(enrolment)] {
            // Whoever has no token can try as often as it likes.
            if refused.is_none() { self.audit.record(event) } else { self.audit.record_at_pace(event) }
        }
    }

    fn enrolment(&self, outcome: &'static str, reason: Option<String>) -> Enrolment {
        let request = self.request;
        Enrolment {
            role: request.role.to_string(),
            // Strangers choose what they call themselves.
            name: request.name.chars().take(MAX_NAME).collect(),
            from: self.from.to_string(),
            token: TokenSecret::from_bytes(request.secret).id().to_string(),
            key: key_hash_of_csr(&request.request).ok().map(|key| key.to_string()),
            outcome,
            reason,
        }
    }
}

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        let outcome = match self.step {
            Step::Ended => return,
            Step::Asked | Step::LookedAt => Outcome::Left,
            Step::Admitted => Outcome::LeftAdmitted,
        };
        self.guard.ended(self.from.ip(), outcome);
        if !self.audit.is_on() {
            return;
        }
        // Whoever has a good token is no stranger, and what it does is told whatever else there is to tell.
        if self.step == Step::Admitted {
            self.audit.record(Event::Enrolment(self.enrolment("cancelled", Some(PERHAPS.to_owned()))));
        } else {
            self.audit.record_at_pace(Event::Enrolment(self.enrolment("cancelled", Some(LEFT.to_owned()))));
        }
    }
}
