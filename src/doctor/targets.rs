//! What an agent publishes: whether each target takes a connection from this machine.

use std::time::Duration;

use tokio::task::JoinSet;

use super::facts::{Published, Taking};
use super::finding::Finding;
use crate::config::ServiceSettings;
use crate::net::{Budget, Env};

/// How long a target may take.
const ANSWER: Duration = Duration::from_secs(2);

/// Tries all of them at the same time, as many as a configuration can have. Nothing is sent: a target sees a connection that ends.
pub(super) async fn targets(services: &[ServiceSettings], env: &Env) -> Vec<Published> {
    let mut tries = JoinSet::new();
    for (number, service) in services.iter().enumerate() {
        let (env, service, target) = (env.clone(), service.name.to_string(), service.target.to_string());
        tries.spawn(async move {
            let taking = match Budget::new(ANSWER).run(env.net.connect(&target)).await {
                Ok(Ok(stream)) => {
                    drop(stream);
                    Taking::Yes
                }
                Ok(Err(error)) => Taking::No(error.to_string()),
                Err(_) => Taking::Silent,
            };
            (number, Published { service, target, taking })
        });
    }
    let mut tried = tries.join_all().await;
    tried.sort_by_key(|(number, _)| *number);
    tried.into_iter().map(|(_, published)| published).collect()
}

/// What is to be said of one. The agent runs without it, and a dial of it fails.
pub(super) fn judge(Published { service, target, taking }: &Published) -> Finding {
    let check = format!("agent.service {service}");
    let hint = "see whether it runs, and whether `target` in [[agent.service]] is where it listens";
    match taking {
        Taking::Yes => Finding::ok(&check, format!("{target} takes connections")),
        Taking::No(error) => Finding::problem(&check, format!("{target} takes no connection: {error}"), hint),
        Taking::Silent => Finding::problem(&check, format!("no answer from {target} within {} s", ANSWER.as_secs()), hint),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn what_is_said_of_a_target() {
        let check = |taking, severity, message: &str| {
            let found = judge(&Published { service: "ssh".to_owned(), target: "127.0.0.1:22".to_owned(), taking });
            assert_eq!((found.check.as_str(), found.severity, found.message.as_str()), ("agent.service ssh", severity, message));
            assert_eq!(found.hint.is_some(), severity == Severity::Problem);
        };
        check(Taking::Yes, Severity::Ok, "127.0.0.1:22 takes connections");
        check(Taking::No("refused".to_owned()), Severity::Problem, "127.0.0.1:22 takes no connection: refused");
        check(Taking::Silent, Severity::Problem, "no answer from 127.0.0.1:22 within 2 s");
    }

    #[tokio::test]
    async fn each_target_is_tried() {
        let env = Env::real();
        let any = "127.0.0.1:0".parse().expect("an address");
        let taken = env.net.listen(any).await.expect("a port");
        let gone = env.net.listen(any).await.expect("a port").local_addr().expect("bound").to_string();
        let there = taken.local_addr().expect("bound").to_string();
        let service = |name: &str, target: &str| format!("{name}={target}").parse::<ServiceSettings>().expect("a service");
        let tried = targets(&[service("one", &gone), service("two", &there)], &env).await;
        assert!(matches!(tried[0].taking, Taking::No(_)) && tried[0].service == "one", "{tried:?}");
        assert_eq!((tried[1].service.as_str(), &tried[1].taking), ("two", &Taking::Yes));
    }
}
