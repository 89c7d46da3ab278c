//! The JSON of a problem, and its part of the OpenAPI document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::PROBLEM_JSON;

/// Why a request has no answer (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Where the code is explained, relative to the API.
    #[serde(rename = "type")]
    #[schema(example = "/problems/conversation.window_closed")]
    pub kind: String,
    /// What the code says in one line.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly is wrong with this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The path that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The stable code: decide by this one.
    #[schema(example = "conversation.window_closed")]
    pub code: String,
    /// The id of the request, as in the `X-Request-Id` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The id of the trace, for whoever runs the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Its path in the body.
    #[schema(example = "content.body")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must not be empty")]
    pub detail: String,
}

/// The problems any operation may answer, for `responses(…)` of its description.
#[derive(Debug)]
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let described = [
            ("400", "The request cannot be read."),
            ("401", "No valid credential."),
            (
                "403",
                "The credential may not do this, or the organization is suspended.",
            ),
            ("default", "Any other problem; `code` tells which."),
        ];
        let response = |description: &str| {
            let schema = Ref::from_schema_name("Problem");
            ResponseBuilder::new()
                .description(description)
                .content(PROBLEM_JSON, Content::new(Some(schema)))
                .build()
        };
        described
            .into_iter()
            .map(|(status, text)| (status.to_owned(), RefOr::T(response(text))))
            .collect()
    }
}
