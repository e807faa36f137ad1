//! Tokens, and what they are exchanged for.

use super::allowances::bounded;
use super::apply::Answer;
use super::{Agent, Client, MAX_TOKENS, Table, Token, TokenRole};
use crate::command::{Accepted, Enrollment, NewToken, Rejection};
use crate::ids::{KeyHash, ProxyId, Timestamp, TokenId};
use crate::mutant;
use crate::names::{NameError, Pattern};

/// How long an expired token is still listed before it makes room for new ones: a week.
const REMEMBER_EXPIRED_MS: u64 = 7 * 24 * 60 * 60 * 1000;

impl Table {
    pub(super) fn create_token(&mut self, token: &NewToken, at: Timestamp) -> Answer {
        self.forget_expired(at);
        if self.tokens.contains_key(&token.id) {
            return Err(Rejection::TokenExists);
        }
        if self.tokens.len() >= MAX_TOKENS {
            return Err(Rejection::TooMany { what: "tokens".to_owned(), limit: MAX_TOKENS as u64 });
        }
        bounded(&token.allow)?;
        self.tokens.insert(
            token.id,
            Token {
                secret: token.secret,
                role: token.role,
                name: token.name.clone(),
                allow: token.allow.clone(),
                created_at: at,
                expires_at: token.expires_at,
                uses: token.uses,
                used_by: Vec::new(),
                revoked: false,
            },
        );
        Ok(Accepted::Done)
    }

    fn forget_expired(&mut self, at: Timestamp) {
        let old = |token: &Token| token.expires_at.0.saturating_add(REMEMBER_EXPIRED_MS) < at.0;
        let forgotten: Vec<TokenId> = self.tokens.iter().filter(|(_, token)| old(token)).map(|(id, _)| *id).collect();
        for id in forgotten {
            self.tokens.remove(&id);
            self.publishing_tokens.remove(&id);
        }
    }

    pub(super) fn revoke_token(&mut self, id: TokenId) -> Answer {
        self.tokens.get_mut(&id).ok_or(Rejection::TokenUnknown)?.revoked = true;
        Ok(Accepted::Done)
    }

    /// Whether a machine would be admitted now.
    ///
    /// # Errors
    /// Why it would not.
    pub fn check_enrollment(&self, enrollment: &Enrollment, at: Timestamp) -> Result<(), Rejection> {
        self.admission(enrollment, at).map(drop)
    }

    pub(super) fn enroll(&mut self, enrollment: &Enrollment, at: Timestamp) -> Answer {
        let allow = match self.admission(enrollment, at)? {
            Admission::Again { proxy } => return Ok(Accepted::Enrolled { proxy }),
            Admission::New(token) => token.allow.clone(),
        };
        let proxy = self.record_identity(enrollment, allow, at)?;
        if let Some(token) = self.tokens.get_mut(&enrollment.token) {
            token.used_by.push(enrollment.key);
        }
        Ok(Accepted::Enrolled { proxy })
    }

    fn admission(&self, enrollment: &Enrollment, at: Timestamp) -> Result<Admission<'_>, Rejection> {
        let token = self.tokens.get(&enrollment.token).ok_or(Rejection::TokenUnknown)?;
        admits(token, enrollment, at)?;
        if self.has_removed_key(enrollment.key) {
            return Err(Rejection::KeyRemoved);
        }
        let holder = self.name_holder(enrollment)?;
        let known = holder.as_ref().is_some_and(|holder| holder.key == enrollment.key);
        if known && token.used_by.contains(&enrollment.key) {
            return Ok(Admission::Again { proxy: holder.and_then(|holder| holder.proxy) });
        }
        if token.used_by.len() as u64 >= u64::from(token.uses) && !mutant!("token_used_again") {
            return Err(Rejection::TokenUsed);
        }
        if holder.is_some() && !known {
            return Err(Rejection::NameTaken(enrollment.name.clone()));
        }
        Ok(Admission::New(token))
    }

    /// Who has the name that is asked for, among those of the same role.
    fn name_holder(&self, enrollment: &Enrollment) -> Result<Option<Holder>, Rejection> {
        let name = &enrollment.name;
        Ok(match enrollment.role {
            TokenRole::Proxy => {
                let name = name.parse().map_err(invalid)?;
                self.proxies().find(|(_, proxy)| proxy.name == name).map(|(id, proxy)| Holder { key: proxy.key, proxy: Some(id) })
            }
            TokenRole::Agent => self.agent(&name.parse().map_err(invalid)?).map(|agent| Holder { key: agent.key, proxy: None }),
            TokenRole::Client => self.client(&name.parse().map_err(invalid)?).map(|client| Holder { key: client.key, proxy: None }),
        })
    }

    /// Records the identity, or what a further token allows to one that is recorded.
    fn record_identity(&mut self, enrollment: &Enrollment, allow: Vec<Pattern>, at: Timestamp) -> Result<Option<ProxyId>, Rejection> {
        let (name, key) = (&enrollment.name, enrollment.key);
        match enrollment.role {
            TokenRole::Proxy => {
                let name = name.parse().map_err(invalid)?;
                let known = self.proxies().find(|(_, proxy)| proxy.name == name).map(|(id, _)| id);
                return Ok(Some(known.unwrap_or_else(|| self.add_proxy(name, key, at))));
            }
            TokenRole::Agent => {
                let fresh = Agent { key, services: Vec::new(), version: String::new(), enrolled_at: at };
                let name = name.parse().map_err(invalid)?;
                if !self.agents.contains_key(&name) {
                    self.agents.insert(name.clone(), fresh.into());
                }
                self.set_publishing(&name, enrollment.token);
            }
            TokenRole::Client => {
                self.clients.insert(name.parse().map_err(invalid)?, Client { key, allow, enrolled_at: at });
            }
        }
        Ok(None)
    }
}

/// That a machine is admitted.
enum Admission<'a> {
    /// It was so already, with this token and this key.
    Again { proxy: Option<ProxyId> },
    /// It uses this token once.
    New(&'a Token),
}

/// Who has a name.
struct Holder {
    key: KeyHash,
    proxy: Option<ProxyId>,
}

/// Whether the token, as it is, admits such a machine. How often it was used comes later: it does not matter to a repetition.
fn admits(token: &Token, enrollment: &Enrollment, at: Timestamp) -> Result<(), Rejection> {
    if token.secret != enrollment.secret {
        return Err(Rejection::TokenUnknown);
    }
    if token.revoked {
        return Err(Rejection::TokenRevoked);
    }
    if token.expires_at <= at {
        return Err(Rejection::TokenExpired);
    }
    if token.role != enrollment.role {
        return Err(Rejection::TokenRole(token.role));
    }
    if !token.name.matches(&enrollment.name) {
        return Err(Rejection::TokenName(token.name.clone()));
    }
    Ok(())
}

fn invalid(error: NameError) -> Rejection {
    // Names come from strangers: the answer is remembered and must not grow with them.
    Rejection::NameInvalid(error.to_string().chars().take(256).collect())
}
