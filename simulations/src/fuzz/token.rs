//! Enrolment tokens as text.

use warren::identity::Token;

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "token", reads: "an enrolment token as text", run: target, seeds };

fn target(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::refused("token", &"no text") };
    match text.parse::<Token>() {
        Ok(token) => {
            assert_eq!(token.reveal().as_bytes(), data, "written as it was read");
            assert!(!format!("{token:?}").contains(&text[text.len() - 64..]), "the secret is not shown");
            Outcome::plain("token", "read")
        }
        Err(error) => Outcome::refused("token", &error),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let (fingerprint, secret) = ("ab".repeat(16), "cd".repeat(32));
    let texts = [
        format!("warren1_{fingerprint}_{secret}"),
        format!("warren2_{fingerprint}_{secret}"),
        format!("warren1_{fingerprint}_{}", &secret[2..]),
        format!("warren1_{}_{secret}", &fingerprint[1..]),
        format!("warren1_{fingerprint}"),
        String::new(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}
