//! `warren config schema`: config.toml as JSON Schema, for editors and for whoever makes one.
//!
//! It is what the reader reads, default by default and range by range, with what the documented file says of each key.

use serde_json::{Map, Value, json};

use super::reader::Described;
use super::reload::Reload;
use super::{Config, documented};

/// The schema of the file (draft 2020-12).
pub fn schema() -> Value {
    let comments = documented::comments();
    let mut tables = Map::new();
    for described in Config::described() {
        let said = comments.get(&(described.section.to_owned(), described.key.to_owned())).map(String::as_str).unwrap_or_default();
        let mut properties = &mut tables;
        for name in described.section.split('.') {
            let table =
                properties.entry(name).or_insert_with(|| json!({ "type": "object", "properties": {}, "additionalProperties": false }));
            let inner = table.get_mut("properties").and_then(Value::as_object_mut);
            properties = inner.expect("every table that is made here has properties");
        }
        properties.insert(described.key.to_owned(), key(&described, said));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.toml of warren",
        "description": "The configuration of a warren proxy, agent and client. `x-reload` says when a changed key counts: `reload` at HUP or `warren config reload`, `restart` at the next start, `bootstrap` only for a new cluster.",
        "type": "object",
        "properties": tables,
        "additionalProperties": false,
    })
}

fn key(described: &Described, said: &str) -> Value {
    let mut schema = described.schema.as_object().cloned().unwrap_or_default();
    let range = described.range.as_ref().map(|range| format!("{}{}.", range[..1].to_uppercase(), &range[1..]));
    let texts: Vec<_> = [Some(said.to_owned()).filter(|said| !said.is_empty()), range].into_iter().flatten().collect();
    if !texts.is_empty() {
        schema.insert("description".to_owned(), texts.join(" ").into());
    }
    if let Some(default) = json_of(&described.value) {
        schema.insert("default".to_owned(), default);
    }
    schema.insert("x-reload".to_owned(), Reload::of(described.section, described.key).to_string().into());
    schema.into()
}

/// A TOML value as JSON.
fn json_of(value: &str) -> Option<Value> {
    let table: toml::Table = format!("value = {value}").parse().ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    /// The property of a table.
    fn property(path: &[&str]) -> Value {
        let schema = schema();
        path.iter().fold(schema, |schema, name| schema["properties"][name].clone())
    }

    #[test]
    fn every_key_is_there_with_its_default_and_range() {
        let defaults = Config::load(None, &Overrides::none("")).expect("the defaults");
        for shown in defaults.shown() {
            let path: Vec<_> = shown.section.split('.').chain([shown.key]).collect();
            let property = property(&path);
            assert!(property.is_object() && !property["x-reload"].is_null(), "{path:?}");
        }
        let lanes = property(&["peer", "data_connections"]);
        assert_eq!(
            (&lanes["type"], &lanes["minimum"], &lanes["maximum"], &lanes["default"]),
            (&json!("integer"), &json!(1), &json!(16), &json!(2))
        );
        let heartbeat = property(&["raft", "heartbeat"]);
        assert_eq!((&heartbeat["default"], &heartbeat["x-reload"]), (&json!("150ms"), &json!("restart")));
        assert!(heartbeat["description"].as_str().is_some_and(|text| text.ends_with("At least 10ms and less than 1m.")), "{heartbeat}");
        assert_eq!(property(&["telemetry", "format"])["enum"], json!(["auto", "text", "json"]));
        assert_eq!(property(&["agent", "service"])["items"]["required"], json!(["name", "target"]));
        assert_eq!(property(&["telemetry", "log"])["x-reload"], "reload");
    }
}
