//! `config reload`.

use std::time::Duration;

use super::parts::AdminParts;
use crate::api::Declined;
use crate::http::{Response, StatusCode};
use crate::net::Budget;

/// How long reading a file and taking it over may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Has the configuration read again, and says what came of it.
pub(super) async fn reload(parts: &AdminParts) -> Response {
    match Budget::new(PATIENCE).run(parts.reloads.ask()).await.ok().flatten() {
        Some(view) => Response::json(&view),
        None => Response::declined(
            StatusCode::CONFLICT,
            Declined::new(
                "this proxy does not reload its configuration now",
                "one that is about to stop does not, and neither does `warren dev`",
            ),
        ),
    }
}
