//! Spans as the JSON of OTLP (opentelemetry-proto, `trace/v1/trace.proto`, in its JSON mapping). Pure.

use serde_json::{Value, json};

use crate::traces::{Resource, Span, SpanKind};

/// A request that carries these spans.
pub(super) fn request(resource: &Resource, spans: &[Span]) -> Value {
    let attributes = [
        ("service.name", "warren".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", resource.name.clone()),
        ("warren.role", resource.role.to_owned()),
    ];
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes.iter().map(|(name, value)| attribute(name, value)).collect::<Vec<_>>() },
        "scopeSpans": [{
            "scope": { "name": "warren", "version": env!("CARGO_PKG_VERSION") },
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }] })
}

fn span(span: &Span) -> Value {
    let began = u128::from(span.began.0) * 1_000_000;
    // What the schema calls SERVER and CLIENT.
    let kind = match span.kind() {
        SpanKind::Server => 2,
        SpanKind::Client => 3,
    };
    let status = match &span.failed {
        Some(reason) => json!({ "code": 2, "message": reason }),
        None => json!({ "code": 1 }),
    };
    let mut object = json!({
        "traceId": span.trace.to_string(),
        "spanId": span.id().to_string(),
        "name": span.name(),
        "kind": kind,
        "startTimeUnixNano": began.to_string(),
        "endTimeUnixNano": (began + span.took.as_nanos()).to_string(),
        "attributes": span.attributes.iter().map(|(name, value)| attribute(name, value)).collect::<Vec<_>>(),
        "status": status,
    });
    if let Some(parent) = span.parent_id() {
        object["parentSpanId"] = parent.to_string().into();
    }
    object
}

fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use warren_raft::{ProxyId, Timestamp};

    use super::*;
    use crate::traces::Deed;
    use crate::wire::TraceId;

    #[test]
    fn a_span_is_as_collectors_read_it() {
        let (dial, one) = (Deed::Dial(ProxyId(1)), Deed::Try(ProxyId(1), ProxyId(2)));
        let span = Span {
            trace: TraceId([0xab; 16]),
            deed: one,
            parent: Some(dial),
            began: Timestamp(1_000),
            took: Duration::from_nanos(5),
            attributes: vec![("owner", "proxy-\"2\"".to_owned())],
            failed: Some("no answer in time".to_owned()),
        };
        let resource = Resource { role: "proxy", name: "proxy-1".to_owned() };
        let request = request(&resource, std::slice::from_ref(&span));
        let found = &request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(found["traceId"], "ab".repeat(16));
        assert_eq!(
            (found["spanId"].as_str(), found["parentSpanId"].as_str()),
            (Some(&*span.id().to_string()), Some(&*span.parent_id().expect("one").to_string()))
        );
        assert_eq!((&found["startTimeUnixNano"], &found["endTimeUnixNano"]), (&"1000000000".into(), &"1000000005".into()));
        assert_eq!((&found["kind"], &found["name"], &found["status"]["code"]), (&3.into(), &"try".into(), &2.into()));
        assert_eq!(found["attributes"][0], json!({ "key": "owner", "value": { "stringValue": "proxy-\"2\"" } }));
    }
}
