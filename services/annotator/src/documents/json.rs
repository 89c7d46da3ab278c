//! JSON, indented.

use serde_json::Value;

use super::UnreadableDocument;

pub(super) fn read(text: &str) -> Result<(String, String), UnreadableDocument> {
    let malformed = |source: serde_json::Error| UnreadableDocument::Json {
        line: source.line(),
        source,
    };
    let value: Value = serde_json::from_str(text).map_err(malformed)?;
    let description = match &value {
        Value::Array(items) => format!("JSON list of {} items", items.len()),
        Value::Object(fields) => {
            let names = fields
                .keys()
                .take(20)
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            format!("JSON object with the fields {names}")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            "JSON value".to_owned()
        }
    };
    let pretty = serde_json::to_string_pretty(&value).map_err(malformed)?;
    Ok((pretty, description))
}
