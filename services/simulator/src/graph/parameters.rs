//! Parameters of a call, wherever they stand: query, form or JSON body.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures::future::{FutureExt as _, LocalBoxFuture};
use serde_json::{Map, Value, json};

use super::error::GraphError;

/// Merged parameters; the body wins.
#[derive(Debug, Clone)]
pub(crate) struct Parameters(pub(crate) Map<String, Value>);

impl FromRequest for Parameters {
    type Error = GraphError;
    type Future = LocalBoxFuture<'static, Result<Self, GraphError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut merged = pairs(request.query_string());
        merged.remove("access_token");
        let is_form = request.content_type() == "application/x-www-form-urlencoded";
        let body = web::Bytes::from_request(request, payload);
        async move {
            let body = body
                .await
                .map_err(|_| GraphError::parameter("The request body could not be read"))?;
            if is_form {
                merged.extend(pairs(std::str::from_utf8(&body).unwrap_or_default()));
            } else if !body.is_empty() {
                match serde_json::from_slice(&body) {
                    Ok(Value::Object(object)) => merged.extend(object),
                    _ => {
                        return Err(GraphError::parameter(
                            "The request body is not a JSON object",
                        ));
                    }
                }
            }
            Ok(Self(merged))
        }
        .boxed_local()
    }
}

fn pairs(text: &str) -> Map<String, Value> {
    web::Query::<Vec<(String, String)>>::from_query(text)
        .map(web::Query::into_inner)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name, json!(value)))
        .collect()
}

impl Parameters {
    /// A text parameter; numbers are taken as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?;
        match value.as_str() {
            Some(text) => Some(text.to_owned()),
            None if value.is_number() => Some(value.to_string()),
            None => None,
        }
    }

    /// A text parameter that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<String, GraphError> {
        self.text(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| GraphError::parameter(&format!("The parameter {name} is required.")))
    }

    /// Names of the `fields` parameter, without what stands in braces.
    pub(crate) fn fields(&self) -> Option<Vec<String>> {
        let fields = self.text("fields")?;
        let names = fields.split(',').map(|field| {
            let name = field.split(['{', '.']).next().unwrap_or_default();
            name.trim().to_owned()
        });
        Some(names.filter(|name| !name.is_empty()).collect())
    }
}

/// Keeps the asked fields of an object; `id` always stays.
pub(crate) fn select(object: Value, fields: &[String]) -> Value {
    let Value::Object(all) = object else {
        return object;
    };
    let asked = all
        .into_iter()
        .filter(|(name, _)| name == "id" || fields.contains(name));
    Value::Object(asked.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_field_selectors_keep_the_outer_name() {
        let parameters = Parameters(pairs("fields=id,throughput{level},health_status"));
        assert_eq!(
            parameters.fields().unwrap(),
            ["id", "throughput", "health_status"]
        );
    }

    #[test]
    fn selection_keeps_the_id() {
        let object = json!({"id": "1", "name": "a", "status": "b"});
        assert_eq!(
            select(object, &["name".to_owned()]),
            json!({"id": "1", "name": "a"})
        );
    }
}
